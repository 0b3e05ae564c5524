"""From a document to the tree of what it asks for, with graphql-core's own collection of fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from omniforge_graph.graphql.plans.conditions import fragments_of
from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.fields import Typename, converter_of, read_access
from omniforge_graph.graphql.plans.shapes import Choice, Field, Items, Leaf, Object, Shape

MOST_FIELDS: Final = 200
"""Of an operation with more, those of each type counted where it may be one of several, there is no plan.

Compiling holds up everything else in the process, some 0.1 ms for each field.
"""


def read_operation(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, conditions: Mapping[str, bool]
) -> Object:
    """Return the tree of what an operation asks for, with these values of the variables that conditions use.

    Raises `Unplannable` for what plans do not know.
    """
    root = schema.get_root_type(operation.operation)
    if root is None:
        raise Unplannable("The schema has no such operations.")
    fragments = {name: FragmentDetails(each) for name, each in fragments_of(document).items()}
    values = VariableValues({}, dict(conditions))
    collected = collect_fields(schema, fragments, values, root, operation)
    return _Reader(schema, operation, fragments, values).object(root, collected.grouped_field_set, nullable=False)


@dataclass(slots=True)
class _Reader:
    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    values: VariableValues
    count: int = field(default=0)

    def object(self, type_: GraphQLObjectType, fields: GroupedFieldSet, *, nullable: bool) -> Object:
        self.count += len(fields)
        if self.count > MOST_FIELDS:
            raise Unplannable(f"The operation has more than {MOST_FIELDS} fields.")
        return Object(type_, {key: self._field(type_, details) for key, details in fields.items()}, nullable)

    def _field(self, parent: GraphQLObjectType, details: FieldDetailsList) -> Field:
        node = details[0].node
        name = node.name.value
        definition = self.schema.get_field(parent, name)
        if definition is None or name in {"__schema", "__type"}:
            raise Unplannable(f"The field {name} is introspection, or unknown.")
        shape = self._shape(definition.type, details)
        if name == "__typename":
            return Field(Typename(), shape)
        variables = {each.variable.name.value: each for each in self.operation.variable_definitions or ()}
        return Field(read_access(definition, node, converter_of(self.schema), variables), shape)

    def _shape(self, type_: GraphQLOutputType, details: FieldDetailsList, *, nullable: bool = True) -> Shape:
        if isinstance(type_, GraphQLNonNull):
            return self._shape(type_.of_type, details, nullable=False)
        if isinstance(type_, GraphQLList):
            return Items(self._shape(type_.of_type, details), nullable)
        if is_leaf_type(type_):
            return Leaf(type_, nullable)
        if is_abstract_type(type_):
            possible = self.schema.get_possible_types(type_)
            return Choice(
                type_, {each.name: self._subfields(each, details, nullable=False) for each in possible}, nullable
            )
        assert isinstance(type_, GraphQLObjectType)
        return self._subfields(type_, details, nullable=nullable)

    def _subfields(self, type_: GraphQLObjectType, details: FieldDetailsList, *, nullable: bool) -> Object:
        collected = collect_subfields(self.schema, self.fragments, self.values, self.operation, type_, details)
        return self.object(type_, collected.grouped_field_set, nullable=nullable)
