"""Metrics to declare."""

import strawberry
from strawberry import ID

from omniforge_graph.domain import metric as domain
from omniforge_graph.graphql.enums import Aggregation, Direction, MetricKind


@strawberry.input(description="Winsorising: a unit's value beyond a bound counts as the bound. One bound at least.")
class CapInput:
    """Winsorising."""

    lower: float | None = strawberry.field(default=None, description="The lower bound, in the metric's unit.")
    upper: float | None = strawberry.field(default=None, description="The upper bound, in the metric's unit.")
    percentile: float | None = strawberry.field(
        default=None,
        description="Instead of upper: the share of the units of all variants below the bound, such as 0.99.",
    )

    def to_cap(self) -> domain.Cap:
        """Return the domain's value; raises `ValidationError`."""
        return domain.Cap(self.lower, self.upper, self.percentile)


@strawberry.input(description="A metric to declare.")
class MetricInput:
    """A metric to declare."""

    key: str = strawberry.field(description="Letters, digits and . _ : / -.")
    kind: MetricKind = strawberry.field(description="What its values are.")
    direction: Direction = strawberry.field(
        default=Direction.HIGHER_IS_BETTER, description="Whether a larger value is good news."
    )
    aggregation: Aggregation | None = strawberry.field(
        default=None,
        description="How a unit's outcomes become one; unless given ANY for BINARY, MEAN for QUANTILE, else SUM.",
    )
    description: str | None = strawberry.field(default=None, description="What it measures, for people.")
    numerator: str | None = strawberry.field(
        default=None, description="For a RATIO: the metric whose outcomes are divided; its own unless given."
    )
    denominator: str | None = strawberry.field(
        default=None,
        description="For a RATIO: the metric to divide by; the number of the numerator's outcomes unless given.",
    )
    quantile: float | None = strawberry.field(
        default=None, description="For a QUANTILE: which one, between 0 and 1, such as 0.9."
    )
    cap: CapInput | None = strawberry.field(default=None, description="Bounds of a unit's value.")
    covariates: list[str] | None = strawberry.field(
        default=None,
        description="Up to 5 metrics, often its own, whose outcomes before the exposure explain part of the variance "
        "(CUPED).",
    )

    def to_metric(self) -> domain.Metric:
        """Return the domain's value; raises `ValidationError`."""
        return domain.Metric(
            self.key,
            self.kind,
            self.direction,
            self.aggregation,
            self.description or "",
            numerator=self.numerator,
            denominator=self.denominator,
            quantile=self.quantile,
            cap=self.cap.to_cap() if self.cap is not None else None,
            covariates=tuple(self.covariates or ()),
        )


@strawberry.input(description="A metric to declare on its own.")
class DeclareMetricInput(MetricInput):
    """A metric to declare on its own."""

    tenant_id: ID | None = strawberry.field(default=None, description="Its tenant; without one all tenants share it.")
