"""Input objects: which of them are read field by field, what decodes one, and what makes the instance."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Union

import msgspec
from graphql import GraphQLInputObjectType
from strawberry.relay import GlobalID
from strawberry.types.base import StrawberryContainer, StrawberryMaybe, StrawberryObjectDefinition
from strawberry.types.lazy_type import LazyType

from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.leaves import DEFINITION, Source


def ordinary_definition(type_: GraphQLInputObjectType) -> StrawberryObjectDefinition:
    """Return the definition of an input class that Strawberry builds from its fields; raises `Unplannable`."""
    definition = type_.extensions.get(DEFINITION)
    if (
        not isinstance(definition, StrawberryObjectDefinition)
        or definition.from_input is not None
        or definition.concrete_of is not None
        or type_.is_one_of
        or type_.out_type is not GraphQLInputObjectType.out_type
        or len(definition.fields) != len(type_.fields)
        or not all(is_plain(field.resolve_type(type_definition=definition)) for field in definition.fields)
    ):
        raise Unplannable(f"The input type {type_.name} is not built from its fields alone.")
    return definition


def is_plain(type_: Any) -> bool:
    """Return whether Strawberry gives resolvers what the GraphQL type alone tells."""
    if isinstance(type_, LazyType):
        return is_plain(type_.resolve_type())
    if isinstance(type_, StrawberryContainer):
        return not isinstance(type_, StrawberryMaybe) and is_plain(type_.of_type)
    return type_ is not GlobalID


def struct(name: str, members: Sequence[Any], names: Mapping[str, str]) -> type[msgspec.Struct]:
    """Return a structure that decodes from JSON objects with these members, and refuses any other member."""
    return msgspec.defstruct(name, members, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)


def either(one: Any, other: Any) -> Any:
    """Return the type of what is one or the other; not every type knows `|`."""
    return Union[one, other]  # noqa: UP007


def make_instance(name: str, kind: type[Any], values: Mapping[str, Source]) -> list[Source]:
    """Return the lines that end in an instance of the class, which they call `name`, with these attributes."""
    if not _only_sets_attributes(kind, values):
        return [f"return {name}({', '.join(f'{each}={value}' for each, value in values.items())})"]
    return [f"made = new({name})", *(f"made.{each} = {value}" for each, value in values.items()), "return made"]


def _only_sets_attributes(kind: Any, values: Mapping[str, Source]) -> bool:
    """Return whether making an instance is no more than setting these attributes, which takes half the time."""
    return (
        kind.__init__.__code__.co_filename == "<string>"  # as dataclasses wrote it
        and [field.name for field in fields(kind) if field.init] == [field.name for field in fields(kind)] == [*values]
        and not hasattr(kind, "__post_init__")
        and kind.__new__ is object.__new__
        and kind.__setattr__ is object.__setattr__
    )
