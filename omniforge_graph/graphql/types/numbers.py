"""Analysis and planning of numbers that live elsewhere."""

from collections.abc import Mapping

import strawberry

from omniforge_graph.domain import analysis as domain
from omniforge_graph.domain.sample_size import SampleSizePlan
from omniforge_graph.graphql.types.analysis import Effect, Notice, Recommendation


@strawberry.type(description="What one variant's numbers look like.")
class NumbersVariant:
    """What one variant's numbers look like."""

    name: str = strawberry.field(description="The variant's name.")
    units: int = strawberry.field(description="Its units.")
    mean: float | None = strawberry.field(description="The mean over units; null without units.")
    standard_deviation: float | None = strawberry.field(description="The spread of the units; null below two units.")
    conversion_rate: float | None = strawberry.field(description="The share that converted, 0 to 1; BINARY only.")


@strawberry.type(description="One treatment against the control, by name.")
class NumbersComparison:
    """One treatment against the control, by name."""

    treatment_name: str = strawberry.field(description="The treatment's name.")
    control_name: str = strawberry.field(description="The control's name.")
    absolute_effect: Effect = strawberry.field(description="In the metric's unit.")
    relative_effect: Effect = strawberry.field(description="As a share of the control's mean: 0.1 is 10 % more.")
    p_value: float | None = strawberry.field(description="The chance of data this extreme without any effect.")
    log10_p_value: float | None = strawberry.field(description="The p-value's logarithm, where it is too small itself.")
    adjusted_p_value: float | None = strawberry.field(description="Adjusted for several comparisons (Holm).")
    probability_better: float | None = strawberry.field(
        description="The chance that the treatment is better (Bayesian)."
    )
    expected_loss: float | None = strawberry.field(description="What shipping it would cost on average if it is worse.")
    is_significant: bool = strawberry.field(description="Whether the difference is beyond chance.")


@strawberry.type(description="The analysis of numbers that live elsewhere. Nothing is stored.")
class NumbersAnalysis:
    """The analysis of numbers that live elsewhere."""

    test: str = strawberry.field(description="The statistical test.")
    confidence_level: float = strawberry.field(description="How sure the intervals and the verdict are, 0 to 1.")
    is_significant: bool = strawberry.field(description="Whether any comparison is significant.")
    sample_size_sufficient: bool = strawberry.field(
        description="Whether every variant has the units a plan would require."
    )
    required_units: int | None = strawberry.field(
        description="Units per variant for the minimum effect, if it can be told."
    )
    winner_name: str | None = strawberry.field(description="The best variant; never named from an insufficient sample.")
    recommendation: Recommendation = strawberry.field(description="What to do.")
    variant_stats: list[NumbersVariant] = strawberry.field(description="Per variant, in the order given.")
    comparisons: list[NumbersComparison] = strawberry.field(description="Each treatment against the control.")
    omnibus_p_value: float | None = strawberry.field(description="Over all variants at once, where the test has it.")
    notices: list[Notice] = strawberry.field(description="What a reader of the numbers should know.")

    @classmethod
    def of(cls, result: domain.AnalysisResult, names: Mapping[str, str]) -> "NumbersAnalysis":
        """Build it from the domain's value and the variants' names by id."""
        return cls(
            test=result.test,
            confidence_level=result.confidence_level,
            is_significant=result.is_significant,
            sample_size_sufficient=result.sample_size_sufficient,
            required_units=result.required_units,
            winner_name=names[result.winner] if result.winner is not None else None,
            recommendation=Recommendation.of(result.recommendation),
            variant_stats=[
                NumbersVariant(
                    name=stats.name,
                    units=stats.units,
                    mean=stats.mean,
                    standard_deviation=stats.standard_deviation,
                    conversion_rate=stats.conversion_rate,
                )
                for stats in result.variant_stats.values()
            ],
            comparisons=[
                NumbersComparison(
                    treatment_name=names[each.treatment_id],
                    control_name=names[each.control_id],
                    absolute_effect=Effect.of(each.absolute_effect),
                    relative_effect=Effect.of(each.relative_effect),
                    p_value=each.p_value,
                    log10_p_value=each.log10_p_value,
                    adjusted_p_value=each.adjusted_p_value,
                    probability_better=each.probability_better,
                    expected_loss=each.expected_loss,
                    is_significant=each.is_significant,
                )
                for each in result.comparisons
            ],
            omnibus_p_value=result.omnibus_p_value,
            notices=[Notice.of(notice) for notice in result.notices],
        )


@strawberry.type(description="How many units an experiment needs.")
class SampleSize:
    """How many units an experiment needs."""

    units_per_variant: int = strawberry.field(description="Units for each variant.")
    total_units: int = strawberry.field(description="Units for all variants together.")
    days: int | None = strawberry.field(description="Days to collect them; null unless `dailyUnits` was given.")
    assumptions: list[str] = strawberry.field(description="What the answer rests on.")

    @classmethod
    def of(cls, plan: SampleSizePlan) -> "SampleSize":
        """Build it from the domain's value."""
        return cls(
            units_per_variant=plan.units_per_variant,
            total_units=plan.total_units,
            days=plan.days,
            assumptions=list(plan.assumptions),
        )
