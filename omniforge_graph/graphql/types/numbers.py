"""Analysis and planning of numbers that live elsewhere."""

from collections.abc import Mapping

import strawberry

from omniforge_graph.domain import analysis as domain
from omniforge_graph.domain.sample_size import SampleSizePlan
from omniforge_graph.graphql.types.comparison import Difference
from omniforge_graph.graphql.types.conclusion import Conclusion


@strawberry.type(description="What one variant's numbers look like.")
class NumbersVariant:
    """What one variant's numbers look like."""

    name: str = strawberry.field(description="The variant's name.")
    units: int = strawberry.field(description="Its units.")
    mean: float | None = strawberry.field(description="The mean over units; null without units.")
    standard_deviation: float | None = strawberry.field(description="The spread of the units; null below two units.")
    conversion_rate: float | None = strawberry.field(description="The share that converted, 0 to 1; BINARY only.")
    probability_best: float | None = strawberry.field(
        description="The chance to be the best of all variants (Bayesian); null where the test does not tell."
    )


@strawberry.type(description="One treatment against the control, by name.")
class NumbersComparison(Difference):
    """One treatment against the control, by name."""

    treatment_name: str = strawberry.field(description="The treatment's name.")
    control_name: str = strawberry.field(description="The control's name.")


@strawberry.type(description="The analysis of numbers that live elsewhere. Nothing is stored.")
class NumbersAnalysis(Conclusion):
    """The analysis of numbers that live elsewhere."""

    winner_name: str | None = strawberry.field(description="The best variant; never named from an insufficient sample.")
    variant_stats: list[NumbersVariant] = strawberry.field(description="Per variant, in the order given.")
    comparisons: list[NumbersComparison] = strawberry.field(description="Each treatment against the control.")

    @classmethod
    def of(cls, result: domain.AnalysisResult, names: Mapping[str, str]) -> "NumbersAnalysis":
        """Build it from the domain's value and the variants' names by id."""
        return cls(
            winner_name=names[result.winner] if result.winner is not None else None,
            variant_stats=[
                NumbersVariant(
                    name=stats.name,
                    units=stats.units,
                    mean=stats.mean,
                    standard_deviation=stats.standard_deviation,
                    conversion_rate=stats.conversion_rate,
                    probability_best=stats.probability_best,
                )
                for stats in result.variant_stats.values()
            ],
            comparisons=[
                NumbersComparison(
                    treatment_name=names[each.treatment_id],
                    control_name=names[each.control_id],
                    **Difference.fields_of(each),
                )
                for each in result.comparisons
            ],
            **Conclusion.fields_of(result),
        )


@strawberry.type(description="How many units an experiment needs, and what they can do.")
class SampleSize:
    """How many units an experiment needs, and what they can do."""

    units_per_variant: int = strawberry.field(
        description="Units for each variant; where shares differ, those of the smallest."
    )
    variant_units: list[int] = strawberry.field(description="Units of each variant, the control's first.")
    total_units: int = strawberry.field(description="Units for all variants together.")
    days: int | None = strawberry.field(description="Days to collect them; null unless `dailyUnits` was given.")
    effect: float = strawberry.field(description="The difference they find with this power, in the metric's unit.")
    relative_effect: float | None = strawberry.field(
        description="The same as a share of the baseline; null where that is 0."
    )
    power: float = strawberry.field(description="The chance to find it; with a margin, to show non-inferiority.")
    inflation: float = strawberry.field(
        description="How many times the units of a single look the plan needs at most, for it may stop early."
    )
    expected_units: int | None = strawberry.field(
        description="Units to expect until a decision if the difference is real; null for a single look, or if the "
        "power was asked for."
    )
    assumptions: list[str] = strawberry.field(description="What the answer rests on.")

    @classmethod
    def of(cls, plan: SampleSizePlan) -> "SampleSize":
        """Build it from the domain's value."""
        return cls(
            units_per_variant=plan.units_per_variant,
            variant_units=list(plan.variant_units),
            total_units=plan.total_units,
            days=plan.days,
            effect=plan.effect,
            relative_effect=plan.relative_effect,
            power=plan.power,
            inflation=plan.inflation,
            expected_units=plan.expected_units,
            assumptions=list(plan.assumptions),
        )
