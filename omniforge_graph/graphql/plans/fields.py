"""What a field of a Strawberry schema really does, read from its definition."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isasyncgenfunction
from keyword import iskeyword
from typing import Any, TypeAlias, cast

from graphql import FieldNode, GraphQLField, GraphQLSchema, VariableDefinitionNode
from strawberry import Schema
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from omniforge_graph.graphql.plans.arguments import Argument, read_arguments
from omniforge_graph.graphql.plans.batching import BATCH, FieldBatch
from omniforge_graph.graphql.plans.errors import Unplannable


@dataclass(frozen=True, slots=True)
class Typename:
    """The field is the name of its object's type."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """The field is an attribute of the source."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The field is what a resolver returns."""

    function: Callable[..., Any]
    takes_source: bool
    """Whether the source is its first argument, as `self`."""
    source_names: Sequence[str]
    """The arguments by which it takes the source besides: `root`, or one annotated as the parent."""
    info_name: str | None
    arguments: Mapping[str, Argument]
    waits: bool
    batch: FieldBatch[Any] | None


Access: TypeAlias = Typename | Attribute | Call


def converter_of(schema: GraphQLSchema) -> GraphQLCoreConverter:
    """Return what made the schema. Raises `Unplannable` if that was not Strawberry, or if it handles exceptions."""
    owner = schema.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(owner, Schema):
        raise Unplannable("The schema is not Strawberry's.")
    if owner.schema_converter.exception_handlers:
        raise Unplannable("The schema handles exceptions of resolvers.")
    return owner.schema_converter


def read_access(
    field: GraphQLField,
    node: FieldNode,
    converter: GraphQLCoreConverter,
    variables: Mapping[str, VariableDefinitionNode],
) -> Access:
    """Return how the field's value is got. Raises `Unplannable` for what is not a plain field of Strawberry."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or not _is_plain(field, definition):
        raise Unplannable(f"The field {node.name.value} is no plain field.")
    resolver = definition.base_resolver
    if resolver is None:
        if not definition.python_name.isidentifier() or iskeyword(definition.python_name):
            raise Unplannable(f"The field {node.name.value} has no name in Python.")
        return Attribute(definition.python_name)
    if isasyncgenfunction(resolver.wrapped_func):
        raise Unplannable(f"The field {node.name.value} is a stream.")
    named = (resolver.parent_parameter, resolver.root_parameter)
    metadata: Mapping[str, Any] = definition.metadata or {}
    return Call(
        cast("Callable[..., Any]", resolver.wrapped_func),
        takes_source=resolver.self_parameter is not None,
        source_names=tuple(dict.fromkeys(each.name for each in named if each)),
        info_name=resolver.info_parameter.name if resolver.info_parameter else None,
        arguments=read_arguments(field, node, definition, converter, variables),
        waits=resolver.is_async,
        batch=metadata.get(BATCH),
    )


def is_own(function: Callable[..., Any] | None) -> bool:
    """Return whether Strawberry made what graphql-core calls, so that what it does is known."""
    return getattr(function, "__module__", "").startswith("strawberry.")


def _is_plain(field: GraphQLField, definition: StrawberryField) -> bool:
    """Return whether the field does what Strawberry does with it by itself, and nothing more."""
    return (
        is_own(field.resolve)
        and type(definition).get_result is StrawberryField.get_result
        and not definition.extensions
        and definition.default_resolver is getattr
    )
