"""Looks at a running experiment: the path of an estimate over time."""

from collections.abc import Mapping
from datetime import datetime

import strawberry

from omniforge_graph.domain import look as domain
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.graphql.types.comparison import Effect
from omniforge_graph.graphql.types.metric import Metric
from omniforge_graph.graphql.types.variant import Variant


@strawberry.type(description="What a look saw of one treatment on one metric.")
class LookEffect:
    """What a look saw of one treatment on one metric."""

    metric: Metric = strawberry.field(description="The metric: a goal, or a guardrail, whose interval is not kept.")
    treatment: Variant = strawberry.field(description="The treatment.")
    absolute_effect: Effect = strawberry.field(description="Treatment minus control, in the metric's unit.")
    relative_effect: Effect = strawberry.field(description="As a share of the control's mean.")
    valid_p_value: float | None = strawberry.field(
        description="The p-value that holds at any look; of a guardrail the one of being within its margin."
    )


@strawberry.type(description="A look at a running experiment that counts: later looks depend on it.")
class AnalysisLook:
    """A look at a running experiment."""

    number: int = strawberry.field(description="1 for the first.")
    at: datetime = strawberry.field(description="When somebody looked.")
    units: list[int] = strawberry.field(description="Exposed units per variant, in the experiment's order.")
    total_units: int = strawberry.field(description="Exposed units of all variants.")
    effects: list[LookEffect] = strawberry.field(description="What it saw, per metric and treatment.")

    @classmethod
    def of(
        cls, look: domain.Look, experiment: PromptExperiment, variants: Mapping[str, Variant], metric: str | None
    ) -> "AnalysisLook":
        """Build it from the domain's value, the experiment and its variants by id; `metric`: only of this one."""
        return cls(
            number=look.number,
            at=look.at,
            units=list(look.units),
            total_units=look.total_units,
            effects=[
                LookEffect(
                    metric=Metric.of(experiment.metric(each.metric)),
                    treatment=variants[each.treatment_id],
                    absolute_effect=Effect.of(each.absolute),
                    relative_effect=Effect.of(each.relative),
                    valid_p_value=each.p_value,
                )
                for each in look.seen
                if metric in (None, each.metric)
            ],
        )
