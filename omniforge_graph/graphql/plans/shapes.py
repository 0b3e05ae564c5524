"""What an operation asks for, as a tree: objects with fields, lists, abstract types and leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import GraphQLAbstractType, GraphQLLeafType, GraphQLObjectType
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition

from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.fields import Access, Call
from omniforge_graph.graphql.plans.stable import Stable

PythonClass: TypeAlias = type[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A scalar or an enum."""

    type: GraphQLLeafType
    nullable: bool
    pure = True
    size = 0


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list."""

    item: "Shape"
    nullable: bool

    @property
    def pure(self) -> bool:
        """Whether no resolver is called for anything below."""
        return self.item.pure

    @property
    def size(self) -> int:
        """How many fields there are below, over all types."""
        return self.item.size


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """An object of a certain type, with its fields by their keys in the response, in their order."""

    type: GraphQLObjectType
    fields: Mapping[str, "Field"]
    nullable: bool

    @property
    def pure(self) -> bool:
        """Whether no resolver is called for anything below."""
        return all(not isinstance(each.access, Call) and each.shape.pure for each in self.fields.values())

    @property
    def size(self) -> int:
        """How many fields there are below, over all types."""
        return sum(1 + each.shape.size for each in self.fields.values())

    @property
    def definition(self) -> StrawberryObjectDefinition:
        """Strawberry's definition of the type."""
        definition = self.type.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if not isinstance(definition, StrawberryObjectDefinition):
            raise Unplannable(f"The type {self.type.name} is not Strawberry's.")
        return definition

    @property
    def python_class(self) -> "PythonClass":
        """The class that its values usually have."""
        definition = self.definition
        return (definition.concrete_of or definition).origin

    @property
    def stable(self) -> bool:
        """Whether its values never change, nor what is rendered of them."""
        return issubclass(self.python_class, Stable) and self.pure


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """An object of one of several types, by the types' names."""

    type: GraphQLAbstractType
    objects: Mapping[str, Object]
    nullable: bool

    @property
    def pure(self) -> bool:
        """Whether no resolver is called for anything below."""
        return all(each.pure for each in self.objects.values())

    @property
    def size(self) -> int:
        """How many fields there are below, over all types."""
        return sum(each.size for each in self.objects.values())


Shape: TypeAlias = Leaf | Items | Object | Choice


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of an object."""

    access: Access
    shape: Shape

    @property
    def waits(self) -> bool:
        """Whether its value comes later than its object."""
        return isinstance(self.access, Call) and (self.access.waits or self.access.batch is not None)

    @property
    def batched(self) -> bool:
        """Whether one call gives its values for all objects."""
        return isinstance(self.access, Call) and self.access.batch is not None
