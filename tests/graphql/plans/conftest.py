"""What runs an operation as a plan and with graphql-core."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import pytest
import strawberry
from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, parse, validate
from graphql.execution import Executor, execute_root_selection_set

from omniforge_graph.graphql.plans import Plan, Renderings, compile_plan
from tests.graphql.plans.toy.schema import SCHEMA
from tests.graphql.plans.toy.types import Context


def encode(data: Any) -> bytes:
    """JSON; what JSON has no place for counts by its class."""
    return msgspec.json.encode(data, enc_hook=lambda value: type(value).__name__)


@dataclass
class Toy:
    """Runs operations on a schema."""

    schema: GraphQLSchema
    renderings: Renderings = field(default_factory=Renderings)

    def compile(self, text: str) -> Plan | None:
        document = parse(text)
        assert not validate(self.schema, document)
        operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        return compile_plan(self.schema, document, operation, self.renderings)

    async def plan(self, text: str, variables: dict[str, Any] | None = None, context: Any = None) -> str:
        """The plan's data as JSON. Raises `StepAside`."""
        plan = self.compile(text)
        assert plan is not None
        raw = None if variables is None else msgspec.json.encode(variables)
        return msgspec.json.encode(await plan.run(context or Context(), raw)).decode()

    async def core(self, text: str, variables: dict[str, Any] | None = None, context: Any = None) -> ExecutionResult:
        """What graphql-core answers."""
        executor = Executor.build(
            self.schema, parse(text), context_value=context or Context(), raw_variable_values=variables
        )
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        result = execute_root_selection_set(executor)
        return await result if isinstance(result, Awaitable) else result

    async def same(self, text: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check that both answer the same bytes, twice, and return the data."""
        result = await self.core(text, variables)
        assert result.errors is None
        plan = self.compile(text)
        assert plan is not None
        raw = None if variables is None else msgspec.json.encode(variables)
        for _ in range(2):
            assert encode(await plan.run(Context(), raw)) == encode(result.data)
        assert result.data is not None
        return result.data


@pytest.fixture
def toy() -> Toy:
    return Toy(SCHEMA._schema)


MakeToy: TypeAlias = Callable[[type], Toy]


@pytest.fixture
def make_toy() -> MakeToy:
    """Makes one of another query type."""
    return lambda query: Toy(strawberry.Schema(query)._schema)
