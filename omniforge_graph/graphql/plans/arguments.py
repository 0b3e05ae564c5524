"""Where the values of a field's arguments come from: the document, the request's variables, or the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLNonNull,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.language import NonNullTypeNode
from graphql.type import is_required_argument
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry.relay import GlobalID
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryContainer, StrawberryMaybe, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.literals import IMMUTABLE, Build, Literals, variables_in


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the document or the schema gives."""

    value: Any
    shared: bool
    """Whether all requests get the same object; else each gets a copy, as a resolver may change it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that the request gives."""

    name: str
    always: bool
    """Whether there always is one: without a default the variable is required, or has a default of its own."""
    otherwise: Constant | None
    """What it is without one; None where the field then fails."""
    refuses_null: bool
    """Whether null, which the variable may be, makes the field fail."""


@dataclass(frozen=True, slots=True)
class Built:
    """A value that the document gives in part and the request in part."""

    build: Build


Argument: TypeAlias = Constant | Variable | Built


def read_arguments(
    field: GraphQLField,
    node: FieldNode,
    strawberry_field: StrawberryField,
    converter: GraphQLCoreConverter,
    variables: Mapping[str, VariableDefinitionNode],
) -> Mapping[str, Argument]:
    """Return where the resolver's arguments come from, by their Python names.

    Raises `Unplannable` where that cannot be told before the request.
    """
    if not strawberry_field.arguments:
        return {}
    assert strawberry_field.base_resolver
    parameters = strawberry_field.base_resolver.signature.parameters
    given = {each.name.value: each.value for each in node.arguments or ()}
    found: dict[str, Argument] = {}
    for argument in strawberry_field.arguments:
        name = converter.config.name_converter.from_argument(argument)
        reader = _Reader(field.args[name], argument, Literals(converter, variables, name))
        value = reader.read(given.get(name), parameters[argument.python_name])
        if value is not None:
            found[argument.python_name] = value
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one argument."""

    definition: GraphQLArgument
    argument: StrawberryArgument
    literals: Literals

    def read(self, node: ValueNode | None, parameter: Parameter) -> Argument | None:
        """Return where the value comes from; None if there is none."""
        _check_type(self.argument.type, self.literals.name, set())
        if node is None:
            return self._default(parameter)
        if isinstance(node, VariableNode):
            return self._variable(self.literals.variables[node.name.value], parameter)
        if any(variables_in(node)):
            return Built(self.literals.build(node, self.definition.type, self.argument.type))
        return self._convert(coerce_input_literal(node, self.definition.type))

    def _variable(self, variable: VariableDefinitionNode, parameter: Parameter) -> Variable:
        nullable = not isinstance(variable.type, NonNullTypeNode)
        return Variable(
            variable.variable.name.value,
            always=not nullable or variable.default_value is not None,
            otherwise=None if is_required_argument(self.definition) else self._default(parameter),
            refuses_null=nullable and isinstance(self.definition.type, GraphQLNonNull),
        )

    def _default(self, parameter: Parameter) -> Constant | None:
        """Return what the resolver gets without a value: the schema's default, else its own."""
        value = coerce_default_value(self.definition)
        if value is not Undefined:
            return self._convert(value)
        return None if parameter.default is Parameter.empty else Constant(parameter.default, shared=True)

    def _convert(self, value: Any) -> Constant:
        converted = self.literals.convert(value, self.argument.type)
        return Constant(converted, shared=isinstance(converted, IMMUTABLE))


def _check_type(type_: Any, name: str, seen: set[int]) -> None:
    """Raise `Unplannable` for a type that Strawberry converts in its own way, by more than its GraphQL type."""
    if isinstance(type_, LazyType):
        type_ = type_.resolve_type()
    if type_ is GlobalID or isinstance(type_, StrawberryMaybe):
        raise Unplannable(f"The argument {name} holds a Maybe or a GlobalID.")
    if isinstance(type_, StrawberryContainer):
        _check_type(type_.of_type, name, seen)
        return
    definition = get_object_definition(type_)
    if definition is None or id(definition) in seen:
        return
    if definition.from_input is not None:
        raise Unplannable(f"The argument {name} holds an input that builds itself.")
    seen.add(id(definition))
    for field in definition.fields:
        _check_type(field.resolve_type(type_definition=definition), name, seen)
