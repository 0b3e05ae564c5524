"""What an experiment measures."""

import strawberry

from omniforge_graph.domain import metric as domain
from omniforge_graph.graphql.enums import Aggregation, Direction, MetricKind
from omniforge_graph.graphql.once import once
from omniforge_graph.graphql.plans import Stable


@strawberry.type(description="Winsorising: a unit's value beyond a bound counts as the bound.")
class Cap(Stable):
    """Winsorising."""

    lower: float | None = strawberry.field(description="The lower bound, in the metric's unit.")
    upper: float | None = strawberry.field(description="The upper bound, in the metric's unit.")
    percentile: float | None = strawberry.field(
        description="The share of the units of all variants below the upper bound, such as 0.99."
    )


@strawberry.type(description="What is measured for a unit, and which direction is better.")
class Metric(Stable):
    """What is measured for a unit, and which direction is better."""

    key: str = strawberry.field(description="Its key.")
    kind: MetricKind = strawberry.field(description="What its values are.")
    direction: Direction = strawberry.field(description="Whether a larger value is good news.")
    aggregation: Aggregation = strawberry.field(description="How a unit's outcomes become its single value.")
    description: str = strawberry.field(description="What it measures, for people.")
    numerator: str | None = strawberry.field(
        description="For a RATIO: the metric whose outcomes are divided; null for its own."
    )
    denominator: str | None = strawberry.field(
        description="For a RATIO: the metric to divide by; null for the number of the numerator's outcomes."
    )
    quantile: float | None = strawberry.field(description="For a QUANTILE: which one, such as 0.9; null otherwise.")
    cap: Cap | None = strawberry.field(description="The bounds of a unit's value, if it has any.")
    covariates: list[str] = strawberry.field(
        description="Metrics whose outcomes before the exposure explain part of the variance (CUPED)."
    )

    @classmethod
    @once
    def of(cls, metric: domain.Metric) -> "Metric":
        """Build it from the domain's value."""
        assert metric.aggregation is not None
        cap = metric.cap
        return cls(
            key=metric.key,
            kind=metric.kind,
            direction=metric.direction,
            aggregation=metric.aggregation,
            description=metric.description,
            numerator=metric.numerator,
            denominator=metric.denominator,
            quantile=metric.quantile,
            cap=Cap(lower=cap.lower, upper=cap.upper, percentile=cap.percentile) if cap is not None else None,
            covariates=list(metric.covariates),
        )
