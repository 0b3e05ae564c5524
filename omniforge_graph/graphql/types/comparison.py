"""What the units of variants look like, and how treatments differ from the control."""

from collections.abc import Iterable, Mapping
from typing import Any

import strawberry

from omniforge_graph.domain import analysis as domain
from omniforge_graph.graphql.types.variant import Variant
from omniforge_graph.statistics import sample_ratio


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


@strawberry.type(
    description="Whether units arrived in the planned proportions; a mismatch means that something is broken."
)
class SampleRatio:
    """Whether units arrived in the planned proportions."""

    p_value: float | None = strawberry.field(
        description="The chance of proportions this far off if nothing is broken; null while there are too few units."
    )
    log10_p_value: float | None = strawberry.field(description="The p-value's logarithm, where it is too small itself.")
    sequential_p_value: float | None = strawberry.field(
        description="The p-value that may be watched all the time; null for slices."
    )
    mismatch: bool = strawberry.field(
        description="Whether the proportions are off beyond chance (either p < 0.001, less for each of several slices)."
    )
    observed: list[int] = strawberry.field(description="Exposed units per variant.")
    expected: list[float] = strawberry.field(description="Units per variant that the shares would give.")

    @classmethod
    def of(cls, ratio: sample_ratio.SampleRatio) -> "SampleRatio":
        """Build it from the domain's value."""
        return cls(
            p_value=ratio.p_value,
            log10_p_value=ratio.log10_p_value,
            sequential_p_value=ratio.sequential_p_value,
            mismatch=ratio.mismatch,
            observed=list(ratio.observed),
            expected=list(ratio.expected),
        )


@strawberry.type(description="What one variant's units look like.")
class VariantStatistics:
    """What one variant's units look like."""

    variant: Variant = strawberry.field(description="The variant.")
    units: int = strawberry.field(description="Units in the analysis.")
    mean: float | None = strawberry.field(
        description="The mean over units, the ratio of a RATIO, the quantile of a QUANTILE; null without units."
    )
    standard_deviation: float | None = strawberry.field(description="The spread of the units; null below two units.")
    standard_error: float | None = strawberry.field(description="The uncertainty of the mean; null below two units.")
    conversion_rate: float | None = strawberry.field(description="The share that converted, 0 to 1; BINARY only.")
    conversions: int | None = strawberry.field(description="The units that converted; BINARY only.")
    expected_conversions: float | None = strawberry.field(
        description="Those that the rate of all variants together would give: with conversions, the cross table."
    )
    adjusted_mean: float | None = strawberry.field(
        description="The mean after covariates, which comparisons go by; null for a metric without covariates."
    )
    probability_best: float | None = strawberry.field(
        description="The chance to be the best of all variants (Bayesian); null where the test does not tell."
    )
    design_effect: float | None = strawberry.field(
        description="For means per outcome: the variance, as a multiple of what independent outcomes would have."
    )
    effective_units: float | None = strawberry.field(
        description="For means per outcome: how many independent outcomes its outcomes are worth."
    )

    @classmethod
    def of(cls, stats: domain.VariantStatistics, variants: Mapping[str, Variant]) -> "VariantStatistics":
        """Build it from the domain's value and the variants by id."""
        return cls(
            variant=variants[stats.variant_id],
            units=stats.units,
            mean=stats.mean,
            standard_deviation=stats.standard_deviation,
            standard_error=stats.standard_error,
            conversion_rate=stats.conversion_rate,
            conversions=stats.conversions,
            expected_conversions=stats.expected_conversions,
            adjusted_mean=stats.adjusted_mean,
            probability_best=stats.probability_best,
            design_effect=stats.design_effect,
            effective_units=stats.effective_units,
        )


@strawberry.interface(description="A treatment's difference from the control, and the evidence for it.")
class Difference:
    """A treatment's difference from the control, and the evidence for it."""

    absolute_effect: Effect = strawberry.field(description="In the metric's unit.")
    relative_effect: Effect = strawberry.field(description="As a share of the control's mean: 0.1 is 10 % more.")
    p_value: float | None = strawberry.field(
        description="The chance of data this extreme without any effect, for a single look."
    )
    log10_p_value: float | None = strawberry.field(description="The p-value's logarithm, where it is too small itself.")
    valid_p_value: float | None = strawberry.field(
        description="The p-value that holds however often the plan lets people look."
    )
    adjusted_p_value: float | None = strawberry.field(
        description="The valid p-value, adjusted for the number of comparisons: the one that decides."
    )
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
            "valid_p_value": comparison.valid_p_value,
            "adjusted_p_value": comparison.adjusted_p_value,
            "probability_better": comparison.probability_better,
            "expected_loss": comparison.expected_loss,
            "is_significant": comparison.is_significant,
        }


@strawberry.type(description="One treatment against the control on one metric.")
class Comparison(Difference):
    """One treatment against the control."""

    treatment: Variant = strawberry.field(description="The treatment.")
    control: Variant = strawberry.field(description="The control.")

    @classmethod
    def of(cls, comparison: domain.Comparison, variants: Mapping[str, Variant]) -> "Comparison":
        """Build it from the domain's value and the variants by id."""
        return cls(
            treatment=variants[comparison.treatment_id],
            control=variants[comparison.control_id],
            **Difference.fields_of(comparison),
        )


@strawberry.type(description="Something a reader of the numbers should know.")
class Notice:
    """Something a reader of the numbers should know."""

    code: str = strawberry.field(description="A stable code.")
    message: str = strawberry.field(description="One sentence for people.")

    @classmethod
    def all_of(cls, notices: Iterable[domain.Notice]) -> list["Notice"]:
        """Build them from the domain's values."""
        return [cls(code=notice.code, message=notice.message) for notice in notices]
