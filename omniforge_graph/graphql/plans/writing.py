"""Writes the tree of an operation as Python: a function for each selection set, and one that runs them all."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from graphql import GraphQLLeafType, GraphQLObjectType, GraphQLSchema
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from omniforge_graph.graphql.plans.calls import write_batch, write_call
from omniforge_graph.graphql.plans.choosing import checker, chooser
from omniforge_graph.graphql.plans.code import Code
from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.fields import Attribute, Call, Typename
from omniforge_graph.graphql.plans.serializing import enum_names, serializer, write_leaf
from omniforge_graph.graphql.plans.shapes import Choice, Field, Items, Leaf, Object, Shape
from omniforge_graph.graphql.plans.stable import Renderings
from omniforge_graph.graphql.plans.values import given, sequence
from omniforge_graph.graphql.plans.waves import PlanInfo, WaitingField, settle

Main: TypeAlias = Callable[[Any, Mapping[str, Any]], Coroutine[Any, Any, dict[str, Any]]]
"""Runs an operation with a context and the values of its variables."""


def write(schema: GraphQLSchema, root: Object, renderings: Renderings) -> Main:
    """Return the function that runs the operation of that tree."""
    return _Writer(schema, renderings).main(root)


class _Writer:
    """Writes one operation. In its code `v` is a source, `w` the state of the run, `a` a value at hand."""

    def __init__(self, schema: GraphQLSchema, renderings: Renderings) -> None:
        self._schema = schema
        self._renderings = renderings
        self._code = Code(
            PlanInfo=PlanInfo,
            StepAside=StepAside,
            WaitingField=WaitingField,
            copy=deepcopy,
            datetime=datetime,
            given=given,
            sequence=sequence,
            settle=settle,
        )
        self._waves: list[list[str]] = []
        self._slots = 0

    def main(self, root: Object) -> Main:
        """Write everything below the root and return the function that runs it."""
        body: list[str] = ["v = None"]
        data, waiting = self._entries(root, body, 0, keep=True)
        body.append(f"data = {data}")
        if len(waiting) == 1 and not waiting[0][1].batched:
            body += self._alone(*waiting[0])
        else:
            body += self._enlist(waiting, 0)
        for wave in filter(None, self._waves):
            name = self._code.name("wave")
            self._code.assign(name, f"({', '.join(wave)},)")
            body.append(f"await settle({name}, w)")
        body = [
            "try:",
            f" w = [PlanInfo(context), values{', []' * self._slots}]",
            *(f" {line}" for line in body),
            " return data",
            "except StepAside: raise",
            "except Exception as error: raise StepAside(str(error)) from error",
        ]
        self._code.function("async def main(context, values)", body)
        main: Main = self._code.run()["main"]
        return main

    def _alone(self, key: str, field: Field) -> list[str]:
        """Write a root field that waits alone: it is awaited where it stands."""
        assert isinstance(field.access, Call)
        body = [f"v = await {write_call(field.access, self._code)}"]
        value = self._value(field.shape, "v", body, 1, keep=True)
        return [*body, f"data[{key!r}] = {value}"]

    def _object(self, each: Object, wave: int, *, keep: bool) -> str:
        """Write the function that returns an object's data, and return its name."""
        if keep and each.stable:
            name, render = self._code.name("kept"), self._object(each, wave, keep=False)
            self._code.assign(name, f"{self._code.bind('keeping', self._renderings.keeping)}({render})")
            return name
        return self._fields(each, [self._check(each)], wave, keep=keep)

    def _fields(self, each: Object, body: list[str], wave: int, *, keep: bool) -> str:
        """Write the function that begins with `body` and returns an object's data; return its name."""
        name = self._code.name(each.type.name)
        data, waiting = self._entries(each, body, wave, keep=keep)
        if waiting:
            body.append(f"data = {data}")
            body += self._enlist(waiting, wave)
            data = "data"
        self._code.function(f"def {name}({'v' if each.pure else 'v, w'})", [*body, f"return {data}"])
        return name

    def _entries(
        self, each: Object, body: list[str], wave: int, *, keep: bool
    ) -> tuple[str, Sequence[tuple[str, Field]]]:
        """Return the expression of an object's data, and the fields that it lacks as they wait."""
        entries = {
            key: "None" if field.waits else self._field(each, field, body, wave, keep=keep)
            for key, field in each.fields.items()
        }
        data = ", ".join(f"{key!r}: {value}" for key, value in entries.items())
        return f"{{{data}}}", [(key, field) for key, field in each.fields.items() if field.waits]

    def _enlist(self, fields: Sequence[tuple[str, Field]], wave: int) -> list[str]:
        """Write that the data at hand wait for fields."""
        return [f"w[{self._waiting(key, field, wave)}].append((v, data))" for key, field in fields]

    def _check(self, each: Object) -> str:
        """Write what makes sure that the source is one of the type."""
        check, kind = self._code.once(each.type, partial(self._bind_check, each))
        if each.definition.is_type_of is not None:
            return f"{check}(v)"
        cast = f" or hasattr(v, {TYPE_CAST_ATTRIBUTE!r})" if each.type.is_type_of else ""
        return f"if type(v) is not {kind}{cast}: {check}(v)"

    def _bind_check(self, each: Object, type_: GraphQLObjectType) -> tuple[str, str]:
        return self._code.bind("check", checker(self._schema, type_)), self._code.bind("kind", each.python_class)

    def _field(self, parent: Object, field: Field, body: list[str], wave: int, *, keep: bool) -> str:
        if isinstance(field.access, Typename):
            return repr(parent.type.name)
        if isinstance(field.access, Attribute):
            return self._value(field.shape, f"v.{field.access.name}", body, wave, keep=keep)
        return self._value(field.shape, write_call(field.access, self._code), body, wave, keep=keep)

    def _waiting(self, key: str, field: Field, wave: int) -> int:
        """Write a field that waits in the wave of that number, and return its slot."""
        assert isinstance(field.access, Call)
        slot = self._slots + 2
        self._slots += 1
        call, complete = self._code.name("call"), self._code.name("complete")
        text = write_batch(field.access, self._code) if field.batched else write_call(field.access, self._code)
        self._code.function(f"def {call}(v, w)", [f"return {text}"])
        body: list[str] = []
        value = self._value(field.shape, "v", body, wave + 1, keep=True)
        self._code.function(f"def {complete}(v, w)", [*body, f"return {value}"])
        self._waves += [[] for _ in range(wave + 1 - len(self._waves))]
        self._waves[wave].append(f"WaitingField({key!r}, {slot}, {call}, {field.batched}, {complete})")
        return slot

    def _value(self, shape: Shape, source: str, body: list[str], wave: int, *, keep: bool) -> str:
        """Return the expression of a value's data, from the expression of the value."""
        if isinstance(shape, Items):
            name = self._code.name("items")
            body.append(f"{name} = {source}")
            return self._item(shape, name, name, wave, keep=keep)
        return self._item(shape, f"(a := {source})", "a", wave, keep=keep)

    def _item(self, shape: Shape, first: str, name: str, wave: int, *, keep: bool) -> str:
        """Return the expression of a value's data; `first` mentions the value first, later `name` does."""
        if isinstance(shape, Leaf):
            serialize, names = self._code.once(shape.type, self._bind_leaf)
            return write_leaf(shape.type, first, name, serialize, names, nullable=shape.nullable)
        if shape.nullable:
            return f"None if {first} is None else {self._given(shape, name, name, wave, keep=keep)}"
        return self._given(shape, first, name, wave, keep=keep)

    def _given(self, shape: Items | Object | Choice, first: str, name: str, wave: int, *, keep: bool) -> str:
        if isinstance(shape, Items):
            each = self._code.name("each")
            data = self._item(shape.item, each, each, wave, keep=keep)
            return f"[{data} for {each} in ({name} if type({name}) is list else sequence({name}))]"
        state = "" if shape.pure else ", w"
        if isinstance(shape, Object):
            return f"{self._object(shape, wave, keep=keep)}({first}{state})"
        return f"{self._choice(shape, wave, keep=keep)}({first})({name}{state})"

    def _bind_leaf(self, leaf: GraphQLLeafType) -> tuple[str, str]:
        return self._code.bind("serialize", serializer(leaf)), self._code.bind("names", enum_names(leaf).get)

    def _choice(self, shape: Choice, wave: int, *, keep: bool) -> str:
        """Write the function that chooses between objects of several types, and return its name."""
        name = self._code.name("choose")
        entries = []
        for type_name, each in shape.objects.items():
            function = self._object(each, wave, keep=keep)
            without_state = each.pure and not shape.pure
            entries.append(f"{type_name!r}: {f'lambda v, w: {function}(v)' if without_state else function}")
        choose = self._code.bind("chooser", partial(chooser, self._schema, shape.type))
        self._code.assign(name, f"{choose}({{{', '.join(entries)}}})")
        return name
