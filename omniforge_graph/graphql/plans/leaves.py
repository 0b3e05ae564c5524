"""How scalars and enums are read from JSON: natively where msgspec decodes as graphql-core would."""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema.types.base_scalars import DateTimeDefinition

DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF
"""The extension under which what graphql-core has names the Strawberry definition it was made from."""

Source: TypeAlias = str
"""A Python expression."""


class Reading(NamedTuple):
    """How the values of one type are read."""

    type: Any
    """What msgspec decodes: nothing that graphql-core refuses, or `convert` raises."""
    convert: Callable[[Source], Source]
    """From the name of what was decoded to the value that resolvers get."""


def as_it_is(name: Source) -> Source:
    """What was decoded is the value."""
    return name


NATIVE: Mapping[GraphQLScalarType, Reading] = {
    GraphQLString: Reading(str, as_it_is),
    GraphQLBoolean: Reading(bool, as_it_is),
    GraphQLInt: Reading(Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)], as_it_is),
    GraphQLID: Reading(str | int, lambda name: f"({name} if {name}.__class__ is str else str({name}))"),
}
"""The scalars of GraphQL itself, but for Float."""

FINITE: Final = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
EXACT: Final = 2**53
"""Below it every whole number is exactly a float; of others graphql-core refuses those that are not."""

_plain_time = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?", re.ASCII
).fullmatch


def read_leaf(type_: GraphQLScalarType | GraphQLEnumType, define: Callable[[str, Any], str]) -> Reading:
    """Return how values of a scalar or an enum are read; `define` gives what an expression needs a name."""
    if isinstance(type_, GraphQLEnumType):
        members = define(type_.name, {name: type_.coerce_input_value(name) for name in type_.values})
        return Reading(Literal[tuple(type_.values)], lambda name: f"{members}[{name}]")
    if type_ in NATIVE:
        return NATIVE[type_]
    if type_ is GraphQLFloat:
        exact = define(type_.name, type_.coerce_input_value)
        return Reading(
            FINITE | int,
            lambda name: (
                f"({name} if {name}.__class__ is float else "
                f"float({name}) if {-EXACT} < {name} < {EXACT} else {exact}({name}))"
            ),
        )
    if type_.extensions.get(DEFINITION) is DateTimeDefinition:
        read = define(type_.name, _time_reader(type_.coerce_input_value))
        return Reading(str, lambda name: f"{read}({name})")
    coerce = define(type_.name, _certain(type_.coerce_input_value))
    return Reading(Any, lambda name: f"{coerce}({name})")


def _certain(coerce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return graphql-core's own coercion, which raises for what it refuses, and for null: here none is meant."""

    def read(value: Any) -> Any:
        coerced = None if value is None else coerce(value)
        if coerced is None or coerced is Undefined:
            raise ValueError(value)
        return coerced

    return read


def _time_reader(coerce: Callable[[Any], Any]) -> Callable[[str], datetime]:
    """Return a reader of times that is fast for the common notation, which Python and Strawberry read alike."""
    coerce = _certain(coerce)

    def read(text: str) -> datetime:
        if _plain_time(text):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass  # no such day, or no such second
        time: datetime = coerce(text)
        return time

    return read
