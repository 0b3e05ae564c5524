"""Scalars and enums: the schema's own serialisation, and short cuts where they provably change nothing."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLScalarType,
    GraphQLString,
)
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.schema.types.base_scalars import isoformat

from omniforge_graph.graphql.plans.values import refuse_null

OWN_SERIALIZATION: Final[Mapping[GraphQLScalarType, str]] = MappingProxyType(
    {
        GraphQLString: "type({first}) is str",
        GraphQLID: "type({first}) is str",
        GraphQLBoolean: "type({first}) is bool",
        GraphQLInt: "type({first}) is int and -2147483648 <= {name} <= 2147483647",
        GraphQLFloat: "type({first}) is float and {name} - {name} == 0.0",  # else infinite, or no number
    }
)
"""When a value is its own serialisation, in Python."""


def write_leaf(leaf: GraphQLLeafType, first: str, name: str, serialize: str, names: str, *, nullable: bool) -> str:
    """Return the Python expression of a leaf's serialisation.

    Args:
        leaf: the type.
        first: how the expression mentions the value first, perhaps as an assignment to `name`.
        name: how it does later.
        serialize: how it mentions the type's `serializer`.
        names: how it mentions the `get` of the type's `enum_names`.
        nullable: whether the value may be null.
    """
    own = OWN_SERIALIZATION.get(leaf) if isinstance(leaf, GraphQLScalarType) else None
    if own:
        null = f" or {name} is None" if nullable else ""
        return f"{name} if {own.format(first=first, name=name)}{null} else {serialize}({name})"
    if nullable:
        return f"None if {first} is None else ({write_leaf(leaf, name, name, serialize, names, nullable=False)})"
    if isinstance(leaf, CustomGraphQLEnumType):
        return f"{names}(id({first})) or {serialize}({name})"
    if leaf.coerce_output_value is isoformat:
        return f"{name}.isoformat() if type({first}) is datetime else {serialize}({name})"
    return f"{serialize}({first})"


def serializer(leaf: GraphQLLeafType) -> Callable[[Any], Any]:
    """Return the schema's serialisation; it raises for whatever does not give a plain leaf that is not null."""
    coerce = leaf.coerce_output_value

    def serialize(value: Any) -> Any:
        refuse_null(value)
        serialized = coerce(value)
        refuse_null(serialized)
        return serialized

    return serialize


def enum_names(leaf: GraphQLLeafType) -> Mapping[int, str]:
    """Return the names of an enum's members by their identity, which lasts as long as their class; else nothing."""
    if not isinstance(leaf, CustomGraphQLEnumType):
        return {}
    members: Iterable[Enum] = leaf.wrapped_cls
    return {id(member): leaf.coerce_output_value(member) for member in members}
