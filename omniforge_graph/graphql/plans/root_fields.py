"""The root fields of an operation, as graphql-core itself executes them around resolvers that have already run."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution import Executor, MiddlewareManager
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import VariableValues, get_variable_values
from graphql.pyutils import Path
from strawberry import Info

from omniforge_graph.graphql.plans.conditions import fragments_of
from omniforge_graph.graphql.plans.fields import converter_of
from omniforge_graph.graphql.plans.leaves import DEFINITION
from omniforge_graph.graphql.plans.variables import Raw


class Once:
    """A resolver that runs when its outcome is asked for first, and never again."""

    def __init__(self, run: Callable[[], Awaitable[Any]]) -> None:
        self._run: Callable[[], Awaitable[Any]] | None = run
        self._value: Any = None
        self._error: Exception | None = None

    async def outcome(self) -> Any:
        """Return what the resolver returned, or raise what it raised."""
        if self._run is not None:
            run, self._run = self._run, None
            try:
                self._value = await run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
                self._error = error
        if self._error is not None:
            raise self._error
        return self._value


class RequestVariables:
    """The variables as graphql-core coerces them: only for a resolver that looks at them in its info."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, raw: Raw) -> None:
        self._schema = schema
        self._operation = operation
        self._raw = raw

    @property
    def coerced(self) -> dict[str, Any]:
        """The values by name."""
        return self._values.coerced

    @property
    def sources(self) -> dict[str, Any]:
        """Where each came from."""
        return self._values.sources

    @cached_property
    def _values(self) -> VariableValues:
        given = msgspec.json.decode(self._raw) if self._raw is not None else None
        values = get_variable_values(self._schema, self._operation.variable_definitions or (), given or {})
        assert isinstance(values, VariableValues)  # no less is accepted than what was read
        return values


class RootFields:
    """The root fields of an operation without conditions, by their keys in the response."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        root = schema.get_root_type(operation.operation)
        assert root is not None
        self._schema = schema
        self._operation = operation
        self._definitions = dict(fragments_of(document))
        self._fragments = {name: FragmentDetails(each) for name, each in self._definitions.items()}
        collected = collect_fields(schema, self._fragments, VariableValues({}, {}), root, operation)
        self._nodes = {key: [each.node for each in details] for key, details in collected.grouped_field_set.items()}
        self._root = root
        self._info_class: Callable[..., Info] = converter_of(schema).config.info_class

    def info(self, key: str, context: Any, raw: Raw) -> Info:
        """Return what the resolver of a field gets as its info."""
        executor = self._executor(context, RequestVariables(self._schema, self._operation, raw))
        nodes = self._nodes[key]
        definition = self._schema.get_field(self._root, nodes[0].name.value)
        assert definition is not None
        info: GraphQLResolveInfo[Any] = executor.build_resolve_info(
            definition, nodes, self._root, Path(None, key, self._root.name)
        )
        return self._info_class(_raw_info=info, _field=definition.extensions[DEFINITION])

    async def answer(self, context: Any, values: Mapping[str, Any], resolvers: Mapping[str, Once]) -> ExecutionResult:
        """Return what graphql-core makes of the resolvers' outcomes; it asks for each when the field's turn comes."""

        def resolve(resolver: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            if info.path.prev is None:
                return resolvers[str(info.path.key)].outcome()
            return resolver(source, info, **arguments)

        executor = self._executor(context, VariableValues({}, dict(values)), MiddlewareManager(resolve))
        result: Any = executor.execute_operation()
        executed: ExecutionResult = await result
        return executed

    def _executor(self, context: Any, values: Any, middleware: MiddlewareManager | None = None) -> Executor[Any]:
        return Executor(
            self._schema,
            self._definitions,
            self._fragments,
            None,
            context,
            self._operation,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            middleware_manager=middleware,
        )
