"""What an analysis says: values for people, with None where something cannot be computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from omniforge_graph.statistics.sample_ratio import SampleRatio


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with its interval; an unbounded or unknown end is None."""

    estimate: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class VariantStatistics:
    """What one variant's units look like. `conversion_rate` and `conversions` are for BINARY metrics."""

    variant_id: str
    name: str
    units: int
    mean: float | None
    standard_deviation: float | None
    standard_error: float | None
    conversion_rate: float | None = None
    conversions: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One treatment against the control: treatment minus control."""

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


class Verdict(StrEnum):
    """What to do. INVALID: the data must not be used for a decision."""

    SHIP = "SHIP"
    KEEP_CONTROL = "KEEP_CONTROL"
    CONTINUE = "CONTINUE"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The verdict, one sentence for people, and the reasons behind it."""

    verdict: Verdict
    summary: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader of the numbers should know; `code` is stable."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """The analysis of one metric of an experiment.

    `variant_stats` is keyed by variant id in the experiment's order. `winner` is a variant id: never named from an
    insufficient or mismatched sample. `required_units` is the number of units each variant needs, None if it cannot
    be planned yet. `computed_at` is set by whoever has a clock.
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
