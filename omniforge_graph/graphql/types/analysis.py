"""What an analysis says."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from omniforge_graph.domain import analysis as domain
from omniforge_graph.domain import metric as metrics
from omniforge_graph.graphql.enums import Verdict
from omniforge_graph.statistics import sample_ratio

if TYPE_CHECKING:
    from omniforge_graph.graphql.types.experiment import Metric, Variant

LazyMetric = Annotated["Metric", strawberry.lazy("omniforge_graph.graphql.types.experiment")]
LazyVariant = Annotated["Variant", strawberry.lazy("omniforge_graph.graphql.types.experiment")]


@strawberry.type(description="A difference, treatment minus control, with its interval.")
class Effect:
    """A difference with its interval."""

    estimate: float | None = strawberry.field(description="The difference; null if it cannot be computed.")
    lower: float | None = strawberry.field(description="The interval's lower end; null if unbounded or unknown.")
    upper: float | None = strawberry.field(description="The interval's upper end; null if unbounded or unknown.")

    @classmethod
    def of(cls, effect: domain.Effect) -> "Effect":
        """Build it from the domain's value."""
        return cls(estimate=effect.estimate, lower=effect.lower, upper=effect.upper)


@strawberry.type(description="Something a reader of the numbers should know.")
class Notice:
    """Something a reader of the numbers should know."""

    code: str = strawberry.field(description="A stable code.")
    message: str = strawberry.field(description="One sentence for people.")

    @classmethod
    def of(cls, notice: domain.Notice) -> "Notice":
        """Build it from the domain's value."""
        return cls(code=notice.code, message=notice.message)


@strawberry.type(description="What to do, in one sentence, and why.")
class Recommendation:
    """What to do."""

    verdict: Verdict = strawberry.field(description="The verdict.")
    summary: str = strawberry.field(description="One sentence for people.")
    reasons: list[str] = strawberry.field(description="What the verdict rests on.")

    @classmethod
    def of(cls, recommendation: domain.Recommendation) -> "Recommendation":
        """Build it from the domain's value."""
        return cls(
            verdict=recommendation.verdict,
            summary=recommendation.summary,
            reasons=list(recommendation.reasons),
        )


@strawberry.type(
    description="Whether units arrived in the planned proportions; a mismatch means that something is broken."
)
class SampleRatio:
    """Whether units arrived in the planned proportions."""

    p_value: float | None = strawberry.field(description="Chi-square p-value; null while there are too few units.")
    mismatch: bool = strawberry.field(description="Whether the proportions are off beyond chance (p < 0.001).")
    observed: list[int] = strawberry.field(description="Exposed units per variant.")
    expected: list[float] = strawberry.field(description="Units per variant that the shares would give.")

    @classmethod
    def of(cls, ratio: sample_ratio.SampleRatio) -> "SampleRatio":
        """Build it from the domain's value."""
        return cls(
            p_value=ratio.p_value,
            mismatch=ratio.mismatch,
            observed=list(ratio.observed),
            expected=list(ratio.expected),
        )


@strawberry.type(description="What one variant's units look like.")
class VariantStatistics:
    """What one variant's units look like."""

    variant: LazyVariant = strawberry.field(description="The variant.")
    units: int = strawberry.field(description="Units in the analysis.")
    mean: float | None = strawberry.field(description="The mean over units; null without units.")
    standard_deviation: float | None = strawberry.field(description="The spread of the units; null below two units.")
    standard_error: float | None = strawberry.field(description="The uncertainty of the mean; null below two units.")
    conversion_rate: float | None = strawberry.field(description="The share that converted, 0 to 1; BINARY only.")
    conversions: int | None = strawberry.field(description="The units that converted; BINARY only.")


@strawberry.interface(description="A treatment's difference from the control, and the evidence for it.")
class Difference:
    """A treatment's difference from the control, and the evidence for it."""

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

    @staticmethod
    def fields_of(comparison: domain.Comparison) -> dict[str, Any]:
        """Return these fields of the domain's value."""
        return {
            "absolute_effect": Effect.of(comparison.absolute_effect),
            "relative_effect": Effect.of(comparison.relative_effect),
            "p_value": comparison.p_value,
            "log10_p_value": comparison.log10_p_value,
            "adjusted_p_value": comparison.adjusted_p_value,
            "probability_better": comparison.probability_better,
            "expected_loss": comparison.expected_loss,
            "is_significant": comparison.is_significant,
        }


@strawberry.type(description="One treatment against the control on one metric.")
class Comparison(Difference):
    """One treatment against the control."""

    treatment: LazyVariant = strawberry.field(description="The treatment.")
    control: LazyVariant = strawberry.field(description="The control.")


@strawberry.interface(description="What an analysis concludes.")
class Conclusion:
    """What an analysis concludes."""

    test: str = strawberry.field(description="The statistical test.")
    confidence_level: float = strawberry.field(description="How sure the intervals and the verdict are, 0 to 1.")
    is_significant: bool = strawberry.field(description="Whether any comparison is significant.")
    sample_size_sufficient: bool = strawberry.field(
        description="Whether every variant has the units the plan requires."
    )
    required_units: int | None = strawberry.field(description="Units per variant the plan requires, if it can be told.")
    recommendation: Recommendation = strawberry.field(description="What to do.")
    omnibus_p_value: float | None = strawberry.field(description="Over all variants at once, where the test has it.")
    notices: list[Notice] = strawberry.field(description="What a reader of the numbers should know.")

    @staticmethod
    def fields_of(result: domain.AnalysisResult) -> dict[str, Any]:
        """Return these fields of the domain's value."""
        return {
            "test": result.test,
            "confidence_level": result.confidence_level,
            "is_significant": result.is_significant,
            "sample_size_sufficient": result.sample_size_sufficient,
            "required_units": result.required_units,
            "recommendation": Recommendation.of(result.recommendation),
            "omnibus_p_value": result.omnibus_p_value,
            "notices": [Notice.of(notice) for notice in result.notices],
        }


@strawberry.type(description="The analysis of one metric of an experiment.")
class Analysis(Conclusion):
    """The analysis of one metric of an experiment."""

    metric: LazyMetric = strawberry.field(description="The metric.")
    computed_at: datetime = strawberry.field(description="When it was computed.")
    winner: LazyVariant | None = strawberry.field(
        description="The best variant; never named from an insufficient or mismatched sample."
    )
    sample_ratio: SampleRatio = strawberry.field(description="Whether units arrived in the planned proportions.")
    variant_stats: list[VariantStatistics] = strawberry.field(description="Per variant, in the experiment's order.")
    comparisons: list[Comparison] = strawberry.field(description="Each treatment against the control.")

    @classmethod
    def of(cls, result: domain.AnalysisResult, metric: metrics.Metric, variants: "Sequence[Variant]") -> "Analysis":
        """Build it from the domain's value and the variants it speaks of."""
        from omniforge_graph.graphql.types.experiment import Metric  # noqa: PLC0415 - the two modules are mutual

        assert result.computed_at is not None
        assert result.sample_ratio is not None
        by_id: dict[str, Variant] = {variant.id: variant for variant in variants}
        return cls(
            metric=Metric.of(metric),
            computed_at=result.computed_at,
            winner=by_id[result.winner] if result.winner is not None else None,
            sample_ratio=SampleRatio.of(result.sample_ratio),
            variant_stats=[
                VariantStatistics(
                    variant=by_id[stats.variant_id],
                    units=stats.units,
                    mean=stats.mean,
                    standard_deviation=stats.standard_deviation,
                    standard_error=stats.standard_error,
                    conversion_rate=stats.conversion_rate,
                    conversions=stats.conversions,
                )
                for stats in result.variant_stats.values()
            ],
            comparisons=[
                Comparison(
                    treatment=by_id[each.treatment_id],
                    control=by_id[each.control_id],
                    **Difference.fields_of(each),
                )
                for each in result.comparisons
            ],
            **Conclusion.fields_of(result),
        )
