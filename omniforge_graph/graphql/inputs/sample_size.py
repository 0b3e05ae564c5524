"""Experiments to plan."""

import strawberry

from omniforge_graph.domain.sample_size import SampleSizePlan, plan_sample_size
from omniforge_graph.domain.study import RatioSpread, Study
from omniforge_graph.graphql.enums import Direction, MetricKind, Monitoring, SpendingFunction, ValueDistribution


@strawberry.input(description="How units differ in what a RATIO divides.")
class RatioSpreadInput:
    """How units differ in what a RATIO divides."""

    denominator_mean: float = strawberry.field(description="The denominator per unit, on average.")
    numerator_deviation: float = strawberry.field(description="The standard deviation of the units' numerators.")
    denominator_deviation: float = strawberry.field(description="The standard deviation of the units' denominators.")
    correlation: float = strawberry.field(default=0.0, description="How the two are correlated, from -1 to 1.")


@strawberry.input(
    description="What a plan needs. Give an effect to learn the units it takes; `totalUnits` or `days` to learn the "
    "smallest effect they find; both to learn the power."
)
class SampleSizeInput:
    """What a sample-size plan needs."""

    kind: MetricKind = strawberry.field(description="What the values are.")
    baseline: float = strawberry.field(
        description="The control's mean; for BINARY its rate, for RATIO the ratio, for QUANTILE the quantile."
    )
    minimum_detectable_effect: float | None = strawberry.field(
        default=None,
        description="The smallest difference worth detecting; with a margin the true difference, 0 unless given.",
    )
    relative: bool = strawberry.field(default=False, description="Whether effect and margin are relative.")
    direction: Direction = strawberry.field(
        default=Direction.HIGHER_IS_BETTER,
        description="The better direction: where effects and margins are looked for.",
    )
    standard_deviation: float | None = strawberry.field(
        default=None,
        description="The units'; needed unless BINARY. Of a RATIO, the one of its linearised value; of LOGNORMAL "
        "values, the one of their logarithms.",
    )
    spread: RatioSpreadInput | None = strawberry.field(
        default=None, description="For a RATIO, instead of `standardDeviation`."
    )
    quantile: float | None = strawberry.field(default=None, description="For a QUANTILE: which one, such as 0.9.")
    density: float | None = strawberry.field(
        default=None, description="For a QUANTILE: the share of units per unit of the metric around it."
    )
    distribution: ValueDistribution = strawberry.field(
        default=ValueDistribution.NORMAL, description="For a QUANTILE without `density`: what values are taken to be."
    )
    covariate_correlation: float = strawberry.field(
        default=0.0, description="How the values are correlated with what is known before, between -1 and 1."
    )
    margin: float | None = strawberry.field(
        default=None, description="Plan to show that treatments are not worse than the control by so much."
    )
    sides: int = strawberry.field(default=2, description="1 looks for the better direction only.")
    power: float = strawberry.field(default=0.8, description="The chance to detect the difference, between 0 and 1.")
    confidence_level: float = strawberry.field(default=0.95, description="How sure to be, above 0.5 and below 1.")
    variants: int = strawberry.field(default=2, description="Variants, the control included.")
    shares: list[float] | None = strawberry.field(
        default=None, description="Their shares of traffic in any scale, the control's first; equal unless given."
    )
    monitoring: Monitoring = strawberry.field(
        default=Monitoring.FIXED, description="How often the results will be looked at."
    )
    looks: int | None = strawberry.field(
        default=None, description="Looks, evenly spread, 1 to 200; 10 for GROUP_SEQUENTIAL unless given."
    )
    spending: SpendingFunction = strawberry.field(
        default=SpendingFunction.OBRIEN_FLEMING, description="How GROUP_SEQUENTIAL looks spend the error rate."
    )
    spending_parameter: float | None = strawberry.field(
        default=None, description="The spending function's parameter, for those that have one."
    )
    daily_units: float | None = strawberry.field(default=None, description="New units per day, over all variants.")
    total_units: int | None = strawberry.field(default=None, description="The units at hand, of all variants.")
    days: float | None = strawberry.field(
        default=None, description="Instead of `totalUnits`: days to collect units in; needs `dailyUnits`."
    )

    def to_study(self) -> Study:
        """Return the study to plan; raises `ValidationError`."""
        return Study(
            kind=self.kind,
            baseline=self.baseline,
            relative=self.relative,
            direction=self.direction,
            standard_deviation=self.standard_deviation,
            spread=None if self.spread is None else RatioSpread(**vars(self.spread)),
            quantile=self.quantile,
            density=self.density,
            distribution=self.distribution,
            covariate_correlation=self.covariate_correlation,
            margin=self.margin,
            sides=self.sides,
            power=self.power,
            confidence_level=self.confidence_level,
            variants=self.variants,
            shares=None if self.shares is None else tuple(self.shares),
            monitoring=self.monitoring,
            looks=self.looks,
            spending=self.spending,
            spending_parameter=self.spending_parameter,
            daily_units=self.daily_units,
        )

    def to_size(self) -> SampleSizePlan:
        """Return the plan; raises `ValidationError`."""
        return plan_sample_size(
            self.to_study(), self.minimum_detectable_effect, total_units=self.total_units, days=self.days
        )
