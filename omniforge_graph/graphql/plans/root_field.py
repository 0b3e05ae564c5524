"""The only field of an operation, as graphql-core itself executes it around a resolver that has already run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from omniforge_graph.graphql.plans.errors import Unplannable
from omniforge_graph.graphql.plans.fields import converter_of
from omniforge_graph.graphql.plans.leaves import DEFINITION


@dataclass(frozen=True, slots=True)
class Returned:
    """A resolver returned a value."""

    value: Any

    async def again(self) -> Any:
        """Return it."""
        return self.value


@dataclass(frozen=True, slots=True)
class Raised:
    """A resolver raised an exception."""

    error: Exception

    async def again(self) -> Any:
        """Raise it."""
        raise self.error


class RequestVariables:
    """The variables as graphql-core coerces them: only for a resolver that looks at them in its info."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, raw: bytes | msgspec.Raw | None
    ) -> None:
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


class RootField:
    """The only root field of an operation without conditions."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        root = schema.get_root_type(operation.operation)
        assert root is not None
        self._schema = schema
        self._operation = operation
        self._definitions = dict(fragments_of(document))
        self._fragments = {name: FragmentDetails(each) for name, each in self._definitions.items()}
        collected = collect_fields(schema, self._fragments, VariableValues({}, {}), root, operation)
        if len(collected.grouped_field_set) != 1:
            raise Unplannable("The operation has several fields, or none.")
        [(self.key, details)] = collected.grouped_field_set.items()
        self._nodes = [each.node for each in details]
        definition = schema.get_field(root, self._nodes[0].name.value)
        assert definition is not None
        self._definition = definition
        self._root = root
        self._info_class: Callable[..., Info] = converter_of(schema).config.info_class

    def info(self, context: Any, raw: bytes | msgspec.Raw | None) -> Info:
        """Return what the resolver gets as its info."""
        executor = self._executor(context, RequestVariables(self._schema, self._operation, raw))
        info: GraphQLResolveInfo[Any] = executor.build_resolve_info(
            self._definition, self._nodes, self._root, Path(None, self.key, self._root.name)
        )
        return self._info_class(_raw_info=info, _field=self._definition.extensions[DEFINITION])

    async def answer(self, context: Any, values: Mapping[str, Any], outcome: Returned | Raised) -> ExecutionResult:
        """Return what graphql-core makes of the resolver's outcome; the resolver itself does not run."""

        def resolve(resolver: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            return outcome.again() if info.path.prev is None else resolver(source, info, **arguments)

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
