"""What an analysis says: values for people, with None where something cannot be computed.

Effects and comparisons, of which an analysis by slices has thousands, are structs: they cost a tenth of a dataclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.statistics.sample_ratio import SampleRatio


class Effect(msgspec.Struct, frozen=True, gc=False):
    """A difference with its interval; an unbounded or unknown end is None."""

    estimate: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class VariantStatistics:
    """What one variant's units look like. `conversion_rate` and `conversions` are for BINARY metrics.

    `mean` is the plain estimate (for a RATIO the ratio, for a QUANTILE the quantile), `adjusted_mean` the one after
    covariates. `design_effect` and `effective_units` are for means per outcome: how many times more uncertain the
    units make it than as many independent outcomes would, and how many independent outcomes it is worth.
    `conversions` beside `expected_conversions`, those that the rate of all variants together would give, are the cross
    table of the chi-square test.
    """

    variant_id: str
    name: str
    units: int
    mean: float | None
    standard_deviation: float | None
    standard_error: float | None
    conversion_rate: float | None = None
    conversions: int | None = None
    adjusted_mean: float | None = None
    probability_best: float | None = None
    design_effect: float | None = None
    effective_units: float | None = None
    expected_conversions: float | None = None


class Comparison(msgspec.Struct, frozen=True):
    """One treatment against the control: treatment minus control.

    `p_value` is that of a single look. `valid_p_value` holds however often the plan lets people look, and
    `adjusted_p_value` for several comparisons too: it is the one that decides.
    """

    treatment_id: str
    control_id: str
    absolute_effect: Effect
    relative_effect: Effect
    p_value: float | None
    log10_p_value: float | None
    adjusted_p_value: float | None
    probability_better: float | None
    expected_loss: float | None
    is_significant: bool
    valid_p_value: float | None = None


class GuardrailState(StrEnum):
    """PASSED: shown to be within the margin. FAILED: shown to be beyond it. UNDECIDED: neither yet."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """Whether a treatment is shown not to be worse than the control by the margin or more, one-sided.

    `margin` is in the metric's unit, `bound` the worst effect compatible with the data, `p_value` valid at any look,
    `harm_p_value` that of the opposite: of being worse by more than the margin.
    """

    metric: str
    treatment_id: str
    margin: float | None
    estimate: float | None
    bound: float | None
    p_value: float | None
    state: GuardrailState
    harm_p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the experiment is.

    `looks` counts those taken, `information` is the share of the planned units that arrived, `nominal_alpha` the
    two-sided error rate at which this look is judged, `spent_alpha` the share of the error rate used up so far (None
    where looks cost nothing). `days_left` follows the arrivals since the start.
    """

    monitoring: Monitoring
    looks: int
    units: int
    planned_units: int | None
    missing_units: int | None
    information: float | None
    nominal_alpha: float
    spent_alpha: float | None
    complete: bool
    units_per_day: float | None = None
    days_left: float | None = None


class Verdict(StrEnum):
    """What to do. INVALID: the data must not be used for a decision."""

    SHIP = "SHIP"
    KEEP_CONTROL = "KEEP_CONTROL"
    CONTINUE = "CONTINUE"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a verdict was not given."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The verdict, one sentence for people, the reasons behind it, and why it is none of the others."""

    verdict: Verdict
    summary: str
    reasons: tuple[str, ...]
    why_not: tuple[WhyNot, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader of the numbers should know; `code` is stable."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """The analysis of one metric of an experiment.

    `variant_stats` is keyed by variant id in the experiment's order. `winner` is a variant id: never named from an
    insufficient or mismatched sample. `sample_size_sufficient` says whether the plan allows a decision: enough units,
    or a boundary crossed. `required_units` is the number of units each variant needs, None if it cannot be planned yet.
    `computed_at` is set by whoever has a clock.
    """

    variant_stats: Mapping[str, VariantStatistics]
    winner: str | None
    is_significant: bool
    confidence_level: float
    sample_size_sufficient: bool
    metric: str
    test: str
    comparisons: tuple[Comparison, ...]
    recommendation: Recommendation
    sample_ratio: SampleRatio | None = None
    required_units: int | None = None
    omnibus_p_value: float | None = None
    notices: tuple[Notice, ...] = ()
    computed_at: datetime | None = None
    progress: Progress | None = None
    guardrails: tuple[GuardrailResult, ...] = ()
    variance_reduction: float | None = None


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One value of a dimension: its units, each treatment's comparison, and whether its units arrived as planned."""

    value: str
    units: int
    variant_stats: tuple[VariantStatistics, ...]
    comparisons: tuple[Comparison, ...]
    sample_ratio: SampleRatio | None


@dataclass(frozen=True, slots=True)
class SliceAnalysis:
    """The slices of an experiment by one dimension, from the most units to the fewest.

    Adjusted p-values hold for all slices and treatments together. Slices decide nothing: they show where to look next.
    """

    dimension: str
    metric: str
    test: str
    slices: tuple[SliceResult, ...]
    notices: tuple[Notice, ...]
    computed_at: datetime | None = None
