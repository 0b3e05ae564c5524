"""Which operations get a plan: those that come again."""

from dataclasses import dataclass
from typing import TypeAlias

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, OperationType

from omniforge_graph.graphql.plans import MutationPlan, Plan, Renderings, compile_mutation, compile_plan

AnyPlan: TypeAlias = Plan | MutationPlan


@dataclass(slots=True, eq=False)
class Planning:
    """What is known of an operation's plan."""

    uses: int = 0
    settled: bool = False
    """Whether `plan` is final: None means that graphql-core executes the operation."""
    plan: AnyPlan | None = None


class Planner:
    """Compiles operations on their second use, unless told: most of those that come once never come again."""

    def __init__(self, schema: GraphQLSchema, *, after: int = 2) -> None:
        self._schema = schema
        self._after = after
        self._renderings = Renderings()

    def consider(
        self, planning: Planning, document: DocumentNode, operation: OperationDefinitionNode, *, at_once: bool = False
    ) -> None:
        """Note that the operation is used again, and compile it if it is time, or `at_once`."""
        planning.uses += 1
        if at_once or planning.uses >= self._after:
            planning.plan = self._compile(document, operation)
            planning.settled = True

    def _compile(self, document: DocumentNode, operation: OperationDefinitionNode) -> AnyPlan | None:
        if operation.operation is OperationType.QUERY:
            return compile_plan(self._schema, document, operation, self._renderings)
        if operation.operation is OperationType.MUTATION:
            return compile_mutation(self._schema, document, operation, self._renderings)
        return None
