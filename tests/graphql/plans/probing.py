"""What resolvers get as their arguments: today, by graphql-core and Strawberry, and from a reader of variables."""

import asyncio
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any

import msgspec
import strawberry
from graphql import execute_sync, parse

from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.variables import VariableReader

REFUSED = object()
"""What comes of variables that are refused, or that the reader leaves to graphql-core."""


class Probes:
    """A schema with a field for each type, whose resolver keeps what it gets as the argument `value`."""

    def __init__(self, types: dict[str, Any]) -> None:
        self._got: list[Any] = []
        members = {name: strawberry.field(resolver=self._probe(type_)) for name, type_ in types.items()}
        self._owner = strawberry.Schema(query=strawberry.type(type("Query", (), members)))
        self.schema = self._owner._schema
        probes = self.schema.query_type.fields
        self.types = {name: probes[name].args["value"].type for name in types}
        self._readers: dict[str, VariableReader | None] = {}

    def _probe(self, type_: Any) -> Any:
        def probe(value: Any = strawberry.UNSET) -> bool:
            self._got.append(value)
            return True

        probe.__annotations__["value"] = type_
        return probe

    def reader(self, name: str, default: str = "") -> VariableReader | None:
        """The reader of an operation with the variable `$value` of the field's type."""
        text = self._text(name, default)
        if text not in self._readers:
            self._readers[text] = VariableReader.of(self.schema, parse(text).definitions[0])
        return self._readers[text]

    def read(self, name: str, raw: bytes | None, default: str = "") -> Any:
        """What the reader gives for the variable, in one go and with turns for others; UNSET if nothing."""
        reader = self.reader(name, default)
        assert reader is not None
        try:
            value = reader.read(raw).get("value", strawberry.UNSET)
        except StepAside:
            value = REFUSED
        assert same(self._read_long(reader, raw), value)
        return value

    def _read_long(self, reader: VariableReader, raw: bytes | None) -> Any:
        try:
            return asyncio.run(reader.read_long(raw)).get("value", strawberry.UNSET)
        except StepAside:
            return REFUSED

    def expected(self, name: str, raw: bytes | None, default: str = "") -> Any:
        """What the resolver gets without a plan; UNSET if nothing."""
        try:
            decoded = msgspec.json.decode(raw or b"{}", type=dict[str, Any] | None) or {}
        except (ValueError, RecursionError):
            return REFUSED
        self._got.clear()
        result = execute_sync(self.schema, parse(self._text(name, default)), variable_values=decoded)
        return REFUSED if result.errors else self._got[0]

    def _text(self, name: str, default: str) -> str:
        return f"query ($value: {self.types[name]}{default}) {{ {name}(value: $value) }}"


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to a resolver; time zones may be of different classes."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other and one.isoformat() == other.isoformat()
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return same(vars(one), vars(other))
    return repr(one) == repr(other)
