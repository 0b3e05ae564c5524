"""What an experiment fixes before it starts."""

import strawberry
from strawberry.scalars import JSON

from omniforge_graph.domain import plan as domain
from omniforge_graph.graphql.enums import Correction, HashAlgorithm, Monitoring, SpendingFunction
from omniforge_graph.graphql.once import once
from omniforge_graph.graphql.plans import Stable


@strawberry.type(description="How traffic is split. Fixed with the experiment, never implied by the code.")
class Allocation(Stable):
    """How traffic is split."""

    strategy: str = strawberry.field(description="The allocation strategy.")
    options: JSON = strawberry.field(description="The strategy's options.")
    hash_algorithm: HashAlgorithm = strawberry.field(description="The hash that places units.")
    seed: str = strawberry.field(description="The seed of the hash.")

    @classmethod
    def of(cls, plan: domain.AllocationPlan) -> "Allocation":
        """Build it from the domain's value."""
        return cls(
            strategy=plan.strategy, options=JSON(plan.options), hash_algorithm=plan.hash_algorithm, seed=plan.seed
        )


@strawberry.type(description="A metric that must not get worse by its margin or more.")
class Guardrail(Stable):
    """A metric that must not get worse."""

    metric: str = strawberry.field(description="The metric's key.")
    margin: float = strawberry.field(description="How much worse is too much.")
    relative: bool = strawberry.field(
        description="Whether the margin is a share of the control's mean; else it is in the metric's unit."
    )


@strawberry.type(description="How the results will be judged. Locked once the experiment has started.")
class AnalysisPlan(Stable):
    """How the results will be judged."""

    test: str | None = strawberry.field(description="The statistical test; null lets the plugins choose.")
    options: JSON = strawberry.field(description="The test's options.")
    confidence_level: float = strawberry.field(description="How sure to be, 0.5 to 1.")
    power: float = strawberry.field(description="The chance to detect the minimum effect if it exists, 0 to 1.")
    minimum_effect: float = strawberry.field(description="The smallest difference worth detecting.")
    relative: bool = strawberry.field(description="Whether the minimum effect is relative to the control's mean.")
    monitoring: Monitoring = strawberry.field(description="How often the results may be looked at and acted upon.")
    horizon: int | None = strawberry.field(
        description="The units of all variants at which it is planned to end, at most 2,147,483,647; null if open."
    )
    spending: SpendingFunction = strawberry.field(
        description="How the looks of a GROUP_SEQUENTIAL plan spend the error rate."
    )
    spending_parameter: float | None = strawberry.field(
        description="rho of KIM_DEMETS or gamma of HWANG_SHIH_DECANI; null for the usual one, and for other kinds."
    )
    correction: Correction = strawberry.field(
        description="How p-values are adjusted for the number of goals and treatments."
    )
    goals: list[str] = strawberry.field(description="Keys of the metrics that decide together with the success metric.")
    guardrails: list[Guardrail] = strawberry.field(description="What must not get worse for a treatment to ship.")

    @classmethod
    @once
    def of(cls, plan: domain.AnalysisPlan) -> "AnalysisPlan":
        """Build it from the domain's value."""
        return cls(
            test=plan.test,
            options=JSON(plan.options),
            confidence_level=plan.confidence_level,
            power=plan.power,
            minimum_effect=plan.minimum_effect,
            relative=plan.relative,
            monitoring=plan.looks_allowed,
            horizon=plan.horizon,
            spending=plan.spending,
            spending_parameter=plan.spending_parameter,
            correction=plan.correction,
            goals=list(plan.goals),
            guardrails=[
                Guardrail(metric=each.metric, margin=each.margin, relative=each.relative) for each in plan.guardrails
            ],
        )
