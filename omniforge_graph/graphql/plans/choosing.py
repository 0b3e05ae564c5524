"""The types of objects: which of several an object has, and whether it has the one it should have."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphql import GraphQLAbstractType, GraphQLObjectType, GraphQLSchema
from graphql.execution.executor import default_type_resolver
from graphql.pyutils import is_awaitable
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import get_object_definition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.fields import is_own
from omniforge_graph.graphql.plans.values import refuse_awkward, refuse_null

Complete: TypeAlias = Callable[..., Any]
"""Returns the data of an object."""


class TypeInfo:
    """What type resolvers and `is_type_of` of a schema get as their info; what it lacks makes the plan step aside."""

    __slots__ = ("schema",)
    field_name = "…"
    """Only ever named in errors, which graphql-core then finds again."""
    is_awaitable = staticmethod(is_awaitable)

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema


def chooser(
    schema: GraphQLSchema, type_: GraphQLAbstractType, objects: Mapping[str, Complete]
) -> Callable[[Any], Complete]:
    """Return a function that chooses for a value among `objects`, by the names of their types, as the schema does."""
    resolve: Callable[..., Any] = type_.resolve_type or default_type_resolver
    info = TypeInfo(schema)
    by_class: dict[type, Complete] = {}

    def choose(value: Any) -> Complete:
        known = by_class.get(type(value))
        if known is not None and not hasattr(value, TYPE_CAST_ATTRIBUTE):
            return known
        refuse_null(value)
        name = resolve(value, info, type_)
        refuse_awkward(name)
        chosen = objects.get(name)
        if chosen is None:
            raise StepAside("An object has none of the types that it may have.")
        if is_own(resolve) and _is_defined_by(type(value), schema, name) and not hasattr(value, TYPE_CAST_ATTRIBUTE):
            by_class[type(value)] = chosen
        return chosen

    return choose


def _is_defined_by(cls: type, schema: GraphQLSchema, name: str) -> bool:
    """Return whether the type of that name is the very one the class defines: then all its instances have it."""
    type_ = schema.get_type(name)
    definition = get_object_definition(cls)
    return type_ is not None and definition is type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def checker(schema: GraphQLSchema, type_: GraphQLObjectType) -> Callable[[Any], None]:
    """Return a function that raises `StepAside` for a value that graphql-core would not take for one of the type."""
    is_type_of = type_.is_type_of
    if is_type_of is None:
        return refuse_null
    info: Any = TypeInfo(schema)

    def check(value: Any) -> None:
        refuse_null(value)
        fits = is_type_of(value, info)
        refuse_awkward(fits)
        if not fits:
            raise StepAside("An object has another type than its field.")

    return check
