"""How long input is read: as any other, but the items of its lists a few at a time, and others have their turns.

What is decoded are structures of the same members, in which lists whose items are converted stay JSON until their turn.
"""

from collections.abc import Callable, Sequence
from types import GenericAlias
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import msgspec
from graphql import GraphQLInputType, GraphQLSchema
from strawberry import Schema

from omniforge_graph.graphql.plans.input_types import InputTypes
from omniforge_graph.graphql.plans.leaves import Reading, Source, as_it_is
from omniforge_graph.turns import Turns

STEP = 50
"""Items that are read at a time; each may be an object of some kilobytes."""


class LongInputTypes(InputTypes):
    """The readings of one schema's input types as coroutines: what they convert to is awaited."""

    _of_schemas: ClassVar[WeakKeyDictionary[GraphQLSchema, "LongInputTypes"]] = WeakKeyDictionary()
    _def: ClassVar[Source] = "async def"

    def __init__(self, owner: Schema) -> None:
        super().__init__(owner)
        self._items = InputTypes(owner)

    def _list(self, type_: GraphQLInputType) -> Reading:
        item = self._items.reading(type_)
        if item.convert is as_it_is:
            return super()._list(type_)
        convert = self._items.compile([f"return {item.convert('decoded')}"])
        read = self._define("read_items", _reader(msgspec.json.Decoder(item.type).decode, convert))
        return Reading(GenericAlias(list, (msgspec.Raw,)), lambda name: self._call(read, name))

    def _call(self, function: str, argument: Source) -> Source:
        return f"(await {function}({argument}))"


def _reader(decode: Callable[[msgspec.Raw], Any], convert: Callable[[Any], Any]) -> Callable[[Sequence[Any]], Any]:
    async def read(items: Sequence[msgspec.Raw]) -> list[Any]:
        values: list[Any] = []
        turns = Turns()
        for start in range(0, len(items), STEP):
            values += [convert(decode(each)) for each in items[start : start + STEP]]
            await turns.give()
        return values

    return read
