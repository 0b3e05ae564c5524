"""The arrays a statistical test returns. NaN means "not computable" and never leaves the analyzer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics


class Flag(StrEnum):
    """Why a comparison is poor or not computable."""

    NO_UNITS = "NO_UNITS"
    TOO_FEW_UNITS = "TOO_FEW_UNITS"
    NO_VARIANCE = "NO_VARIANCE"
    SMALL_COUNTS = "SMALL_COUNTS"
    APPROXIMATE = "APPROXIMATE"
    SKEWED = "SKEWED"
    NO_BASELINE = "NO_BASELINE"
    NO_VALUES = "NO_VALUES"
    NO_STANDARD_ERROR = "NO_STANDARD_ERROR"
    TIED = "TIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonArrays:
    """Every treatment against the control, in variant order without the control.

    Shape: (*slices, treatments), `omnibus_p_value` (*slices,), `probability_best` (*slices, variants), in variant
    order with the control. Effects are treatment minus control in the metric's
    unit. What a test does not offer stays None; what it cannot compute is NaN, with a flag that says why. Relative
    effects left out are computed for it (Fieller 1954).
    """

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    relative_estimate: FloatArray | None = None
    relative_lower: FloatArray | None = None
    relative_upper: FloatArray | None = None
    p_value: FloatArray | None = None
    log10_p_value: FloatArray | None = None
    probability_better: FloatArray | None = None
    expected_loss: FloatArray | None = None
    omnibus_p_value: FloatArray | None = None
    probability_best: FloatArray | None = None
    flags: Mapping[Flag, BoolArray] = field(default_factory=dict)


def poor_data_flags(control: SampleStatistics, treatments: SampleStatistics) -> dict[Flag, BoolArray]:
    """Return where means cannot be compared, by the reason; never two reasons at once. Broadcasts.

    NO_UNITS: none on some side. TOO_FEW_UNITS: one. NO_VARIANCE: no side has any. NO_STANDARD_ERROR: that of some side
    is not known.
    """
    square = control.squared_standard_error + treatments.squared_standard_error
    fewest = np.minimum(control.units, treatments.units)
    return {
        Flag.NO_UNITS: fewest == 0,
        Flag.TOO_FEW_UNITS: (fewest > 0) & (fewest < 2),
        Flag.NO_VARIANCE: square == 0,
        Flag.NO_STANDARD_ERROR: (fewest >= 2) & ~np.isfinite(square),
    }
