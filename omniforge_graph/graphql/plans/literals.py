"""Literals of a document: converted once, or, where they hold variables, built for each request.

What is built is what graphql-core and Strawberry would make of the literal. The values of variables have been read to
what resolvers get, so there are no dictionaries in between, as graphql-core has them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import MISSING, dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from graphql import (
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.language import ListTypeNode, NamedTypeNode, NonNullTypeNode, TypeNode
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryObjectDefinition, StrawberryOptional, get_object_definition
from strawberry.types.lazy_type import LazyType

from omniforge_graph.graphql.plans.errors import StepAside, Unplannable

IMMUTABLE: Final = (str, int, float, bool, type(None), Enum)

Build: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Returns a value from those of the variables; raises `StepAside` for null, or for nothing, where neither may be.

What it makes is new each time; a variable's value is that of all who use it.
"""


def variables_in(node: ValueNode) -> Iterator[str]:
    """Yield the names of the variables that a literal holds."""
    if isinstance(node, VariableNode):
        yield node.name.value
    elif isinstance(node, ListValueNode):
        for item in node.values:
            yield from variables_in(item)
    elif isinstance(node, ObjectValueNode):
        for field in node.fields:
            yield from variables_in(field.value)


@dataclass(frozen=True, slots=True)
class Literals:
    """Converts the literals for one argument; raises `Unplannable` for those that do not fit.

    `kind` is always Strawberry's type of the value, which tells what resolvers get.
    """

    converter: GraphQLCoreConverter
    variables: Mapping[str, VariableDefinitionNode]
    name: str
    """The argument's, for messages."""

    def convert(self, value: Any, kind: Any) -> Any:
        """Return what resolvers get for a value that graphql-core has coerced."""
        if value is Undefined:
            raise Unplannable(f"The literal for the argument {self.name} does not fit.")
        try:
            return convert_argument(
                value, kind, self.converter.scalar_registry, self.converter.config, path=(self.name,)
            )
        except Exception as error:  # an input may refuse its values; then the field fails, each time
            raise Unplannable(f"The value of the argument {self.name} is refused.") from error

    def build(self, node: ValueNode, type_: GraphQLInputType, kind: Any) -> Build:
        """Return what builds the value of a literal."""
        if isinstance(node, VariableNode):
            return _of_variable(node.name.value, refuses_null=isinstance(type_, GraphQLNonNull))
        if not any(variables_in(node)):
            return _new(self.convert(coerce_input_literal(node, type_), kind))
        if isinstance(type_, GraphQLNonNull):
            return self.build(node, type_.of_type, kind)
        while isinstance(kind, StrawberryOptional | LazyType):
            kind = kind.resolve_type() if isinstance(kind, LazyType) else kind.of_type
        if isinstance(type_, GraphQLList):
            nodes = node.values if isinstance(node, ListValueNode) else [node]
            return _list([self.build(each, type_.of_type, kind.of_type) for each in nodes])
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(node, type_, kind)
        return self._scalar(node, type_)

    def _object(self, node: ValueNode, type_: GraphQLInputObjectType, kind: Any) -> Build:
        definition = get_object_definition(kind, strict=True)
        fields = {self.converter.config.name_converter.from_field(each): each for each in definition.fields}
        given = {each.name.value: each.value for each in node.fields} if isinstance(node, ObjectValueNode) else None
        if (
            given is None
            or not given.keys() <= fields.keys() == type_.fields.keys()
            or type_.is_one_of
            or type_.out_type is not GraphQLInputObjectType.out_type
        ):
            raise Unplannable(f"The input type {type_.name} is not built from its fields alone, or by this literal.")
        members = {
            field.python_name: self._member(
                given.get(name), type_.fields[name], field.resolve_type(type_definition=definition)
            )
            for name, field in fields.items()
        }
        empty = {
            each.python_name: None
            for each in definition.fields
            if each.default_value is MISSING and each.default_factory is MISSING
        }

        def build(values: Mapping[str, Any]) -> Any:
            made = ((name, member(values)) for name, member in members.items())
            return kind(**empty | {name: value for name, value in made if value is not Undefined})

        return build

    def _member(self, node: ValueNode | None, field: GraphQLInputField, kind: Any) -> Build:
        """Return what builds a field of an input: Undefined where it is left out and has no default in the schema."""
        default = coerce_default_value(field)
        otherwise = _new(Undefined if default is Undefined else self.convert(default, kind))
        if is_required_input_field(field):
            otherwise = _nothing
        if node is None:
            return otherwise
        build = self.build(node, field.type, kind)
        if not isinstance(node, VariableNode):
            return build
        name = node.name.value
        return lambda values: build(values) if name in values else otherwise(values)

    def _scalar(self, node: ValueNode, type_: Any) -> Build:
        """Return what builds a scalar whose literals are objects or lists, as graphql-core does by itself."""
        if (
            not isinstance(type_, GraphQLScalarType)
            or type_.coerce_input_literal is not None
            or getattr(type_.parse_literal, "__func__", None) is not GraphQLScalarType.parse_literal
            or not all(self._is_leaf(self.variables[name].type) for name in variables_in(node))
        ):
            raise Unplannable(f"The literal for the argument {self.name} holds variables where it is a scalar.")

        def build(values: Mapping[str, Any]) -> Any:
            value = type_.parse_literal(node, dict(values))
            if value is Undefined:
                raise StepAside("A literal does not fit.")
            return value

        return build

    def _is_leaf(self, node: TypeNode) -> bool:
        """Return whether a variable of that type holds leaves, which are the same to graphql-core and to resolvers."""
        while isinstance(node, ListTypeNode | NonNullTypeNode):
            node = node.type
        known = self.converter.type_map.get(node.name.value) if isinstance(node, NamedTypeNode) else None
        return known is not None and not isinstance(known.definition, StrawberryObjectDefinition)


def _of_variable(name: str, *, refuses_null: bool) -> Build:
    """Return what gives the value of a variable; an absent one is null in a list."""

    def build(values: Mapping[str, Any]) -> Any:
        value = values.get(name)
        if value is None and refuses_null:
            raise StepAside("A variable is null where null may not be.")
        return value

    return build


def _new(value: Any) -> Build:
    """Return what gives a value, or a copy, as a resolver may change it."""
    if value is Undefined or isinstance(value, IMMUTABLE):
        return lambda _: value
    return lambda _: deepcopy(value)


def _list(items: Sequence[Build]) -> Build:
    return lambda values: [item(values) for item in items]


def _nothing(_: Mapping[str, Any]) -> Any:
    raise StepAside("A variable is absent where a value is required.")
