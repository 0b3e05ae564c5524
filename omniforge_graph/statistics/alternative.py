"""Which departures from "no effect" a test looks for, and what that means for p-values and intervals."""

from enum import StrEnum

import numpy as np
import scipy

from omniforge_graph.statistics.samples import FloatArray
from omniforge_graph.statistics.tails import normal_p_value


class Alternative(StrEnum):
    """What is to be shown: that the treatment differs from the control, exceeds it, or falls short of it."""

    TWO_SIDED = "two_sided"
    GREATER = "greater"
    LESS = "less"

    def level(self, confidence_level: float) -> float:
        """Return the two-sided level whose end on the tested side has this one-sided level."""
        return confidence_level if self is Alternative.TWO_SIDED else max(2 * confidence_level - 1, 0.0)

    def bounds(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the interval without the end that says nothing about this alternative; NaN stays NaN."""
        if self is Alternative.GREATER:
            return lower, np.where(np.isnan(upper), np.nan, np.inf)
        if self is Alternative.LESS:
            return np.where(np.isnan(lower), np.nan, -np.inf), upper
        return lower, upper

    def normal_p_value(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the p-value of a standard normal statistic and its log10; NaN stays NaN."""
        if self is Alternative.TWO_SIDED:
            return normal_p_value(z)
        tail = -z if self is Alternative.GREATER else z
        return np.asarray(scipy.special.ndtr(tail)), np.asarray(scipy.special.log_ndtr(tail) / np.log(10))
