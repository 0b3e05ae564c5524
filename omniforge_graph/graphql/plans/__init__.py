"""Operations compiled to Python: what graphql-core would answer, without its price, for any Strawberry schema."""

from omniforge_graph.graphql.plans.batching import Batches, batched, one
from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.mutations import MutationPlan, compile_mutation
from omniforge_graph.graphql.plans.plan import Plan, compile_plan
from omniforge_graph.graphql.plans.stable import Renderings, Stable
from omniforge_graph.graphql.plans.variables import is_long

__all__ = [
    "Batches",
    "MutationPlan",
    "Plan",
    "Renderings",
    "Stable",
    "StepAside",
    "batched",
    "compile_mutation",
    "compile_plan",
    "is_long",
    "one",
]
