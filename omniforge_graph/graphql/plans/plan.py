"""The plan of a query: what runs it with a context and variables."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeAlias

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, OperationType

from omniforge_graph.graphql.plans.collecting import MOST_FIELDS, read_operation
from omniforge_graph.graphql.plans.conditions import find_conditions, fragments_of
from omniforge_graph.graphql.plans.errors import StepAside, Unplannable
from omniforge_graph.graphql.plans.stable import Renderings
from omniforge_graph.graphql.plans.variables import Raw, VariableReader
from omniforge_graph.graphql.plans.writing import Main, write

MOST_VARIANTS: Final = 32
"""For so many combinations of the values of its conditions an operation may be compiled; others it leaves alone."""

MOST_FIELDS_OF_VARIANTS: Final = 10 * MOST_FIELDS
"""With so many fields together, compiled one combination at a time."""

Compile: TypeAlias = Callable[[Mapping[str, bool]], tuple[Main, int]]
"""Compiles for values of the conditions; tells how many fields that took."""


class Plan:
    """The plan of one query: it answers only with complete data, without any error."""

    __slots__ = ("_compile", "_conditions", "_main", "_reader", "_size", "_variants")

    def __init__(self, reader: VariableReader, conditions: Sequence[str], compile_for: Compile) -> None:
        self._reader = reader
        self._conditions = conditions
        self._compile = compile_for
        self._main = None if conditions else compile_for({})[0]
        self._size = 0
        self._variants: dict[tuple[Any, ...], Main | None] = {}

    def run(self, context: Any, variables: Raw) -> Coroutine[Any, Any, dict[str, Any]]:
        """Return the data of the response, as graphql-core would give it; `msgspec.Raw` for what was rendered before.

        It does not suspend unless a resolver does. Raises `StepAside`, before or while it is awaited, for whatever is
        not a complete answer: for variables that do not fit, resolvers that raise, nulls where none may be.

        Args:
            context: what resolvers get as their info's context.
            variables: the JSON of the request's variables; None if there are none.
        """
        values = self._reader.read(variables)
        return (self._main or self._choose(values))(context, values)

    def _choose(self, values: Mapping[str, Any]) -> Main:
        """Return the function for these values of the conditions."""
        key = tuple(values.get(name) for name in self._conditions)
        if key not in self._variants:
            self._variants[key] = self._variant(key)
        main = self._variants[key]
        if main is None:
            raise StepAside("These fields have no plan.")
        return main

    def _variant(self, key: tuple[Any, ...]) -> Main | None:
        if not all(type(each) is bool for each in key):
            raise StepAside("A condition is null.")
        if len(self._variants) >= MOST_VARIANTS or self._size >= MOST_FIELDS_OF_VARIANTS:
            raise StepAside("The operation has too many combinations of conditions.")
        try:
            main, size = self._compile(dict(zip(self._conditions, key, strict=True)))
        except (Unplannable, RecursionError):
            return None
        self._size += size
        return main


def compile_plan(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, renderings: Renderings
) -> Plan | None:
    """Return the plan of a valid query of a Strawberry schema; None if it uses something that plans do not know.

    What a plan with conditions (`@skip` or `@include` with variables) compiles to is known when they are; then the
    plan may step aside each time.
    """
    if operation.operation is not OperationType.QUERY:
        return None
    reader = VariableReader.of(schema, operation)
    if reader is None:
        return None

    def compile_for(conditions: Mapping[str, bool]) -> tuple[Main, int]:
        root = read_operation(schema, document, operation, conditions)
        return write(schema, root, renderings), root.size

    try:
        return Plan(reader, find_conditions(operation, fragments_of(document)), compile_for)
    except (Unplannable, RecursionError):
        return None
