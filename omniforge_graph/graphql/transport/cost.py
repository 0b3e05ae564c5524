"""An estimate of how many fields an operation's answer will have: the measure of what executing it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)
from graphql.language import ValueNode

from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.graphql.transport.structure import Fragments, fragments_of

PAGE_ARGUMENTS = ("first", "last")


@dataclass(frozen=True, slots=True)
class Cost:
    """The estimated number of fields, and whether other variables could make it smaller."""

    fields: float
    depends_on_variables: bool


class Tariff:
    """Prices operations that are valid against one schema.

    A field counts once for each element of the lists it stands in. A page has the size that `first` or `last` asks
    for, in the list of edges directly below; a list that is not paged counts as `limits.list_size`.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._sizes = introspection_sizes(schema)

    def price(
        self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None
    ) -> Cost:
        """Price an operation; with variables None, every page that a variable sizes counts as the largest."""
        root = self._schema.get_root_type(operation.operation)
        walk = _Walk(self._schema, self._limits, self._sizes, fragments_of(document), operation, variables)
        fields = walk.price(operation.selection_set, root, 1.0, None) if root else 0.0
        return Cost(fields, walk.depends_on_variables)


def introspection_sizes(schema: GraphQLSchema) -> dict[str, float]:
    """Return the average lengths of the introspection lists, which are known: they describe the schema itself."""
    types = list(schema.type_map.values())
    fields = [
        field for kind in types if is_object_type(kind) or is_interface_type(kind) for field in kind.fields.values()
    ]
    count = len(types)
    inputs = sum(len(kind.fields) for kind in types if is_input_object_type(kind))
    values = sum(len(kind.values) for kind in types if is_enum_type(kind))
    interfaces = sum(len(kind.interfaces) for kind in types if is_object_type(kind) or is_interface_type(kind))
    return {
        "__Schema.types": count,
        "__Schema.directives": len(schema.directives),
        "__Type.fields": len(fields) / count,
        "__Type.inputFields": inputs / count,
        "__Type.enumValues": values / count,
        "__Type.interfaces": interfaces / count,
        "__Type.possibleTypes": interfaces / count,
        "__Type.ofType": 0.5,  # not a list, but null as often as not, which ends its chain
        "__Field.args": sum(len(field.args) for field in fields) / len(fields),
        "__Directive.args": sum(len(one.args) for one in schema.directives) / max(1, len(schema.directives)),
    }


@dataclass(slots=True)
class _Walk:
    schema: GraphQLSchema
    limits: Limits
    sizes: Mapping[str, float]
    fragments: Fragments
    operation: OperationDefinitionNode
    variables: Mapping[str, Any] | None
    depends_on_variables: bool = False

    def price(
        self, selection_set: SelectionSetNode, parent: GraphQLNamedType, times: float, page: float | None
    ) -> float:
        """Price the selections of `parent`, of which there are `times`; `page` sizes the lists directly below."""
        total = 0.0
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                weight = self.limits.weights.get(f"{parent.name}.{node.name.value}", 1.0)
                total += times * weight + self._below(node, parent, times, page)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                total += self.price(fragment.selection_set, self._type(fragment.type_condition.name.value), times, page)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                kind = self._type(condition.name.value) if condition else parent
                total += self.price(node.selection_set, kind, times, page)
        return total

    def _below(self, node: FieldNode, parent: GraphQLNamedType, times: float, page: float | None) -> float:
        if not node.selection_set:
            return 0.0
        field = self.schema.get_field(parent, node.name.value)  # type: ignore[arg-type]
        kind = get_named_type(field.type) if field else None
        if field is None or not is_composite_type(kind):
            return 0.0
        own_page = self._page(field, node)
        if (size := self.sizes.get(f"{parent.name}.{node.name.value}")) is not None:
            times, own_page = times * size, None
        elif is_list_type(get_nullable_type(field.type)):
            size = own_page if own_page is not None else page
            times, own_page = times * (self.limits.list_size if size is None else size), None
        return self.price(node.selection_set, kind, times, own_page)

    def _type(self, name: str) -> GraphQLNamedType:
        kind = self.schema.get_type(name)
        assert kind is not None  # the document is valid
        return kind

    def _page(self, field: GraphQLField, node: FieldNode) -> float | None:
        """Return the size of the page that the field asks for, or None when it does not page."""
        if not any(name in field.args for name in PAGE_ARGUMENTS):
            return None
        given = [argument.value for argument in node.arguments or () if argument.name.value in PAGE_ARGUMENTS]
        sizes = [size for value in given if (size := self._size(value)) is not None]
        return float(min(max(1, *sizes) if sizes else self.limits.default_page, self.limits.max_page))

    def _size(self, value: ValueNode | None) -> int | None:
        if isinstance(value, IntValueNode):
            # Digits beyond the limit make no difference, and thousands of them would not convert.
            return int(value.value) if len(value.value) <= 9 else self.limits.max_page
        if value is None or isinstance(value, NullValueNode):
            return None
        if not isinstance(value, VariableNode):
            return self.limits.max_page
        self.depends_on_variables = True
        if self.variables is None:
            return self.limits.max_page
        name = value.name.value
        if name in self.variables:
            size = self.variables[name]
            return size if isinstance(size, int) else None if size is None else self.limits.max_page
        definitions = self.operation.variable_definitions or ()
        return next((self._size(one.default_value) for one in definitions if one.variable.name.value == name), None)
