"""How many more units always-valid intervals need than a single look, and how often they find an effect."""

import math
from functools import lru_cache

import numpy as np
import scipy

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.always_valid import always_valid_critical
from omniforge_graph.statistics.crossing import crossing_probabilities
from omniforge_graph.statistics.group_sequential import check_level
from omniforge_graph.statistics.group_sequential_design import DesignSize
from omniforge_graph.statistics.power import quantile_sum
from omniforge_graph.statistics.samples import FloatArray

LOOKS = 50
"""Looks that stand for watching all the time: twice as many take 1 % off the units."""
_LEAST_INFLATION, _USUAL_INFLATION = 0.05, 2.0
_LOOSEST = 0.999


def always_valid_power(drift: float, information: float, alpha: float, *, looks: int = LOOKS, sides: int = 2) -> float:
    """Return how often the interval ever excludes 0 on the side of the effect, in looks at equal distances.

    `information` is the share of the units that the intervals are tuned to at the last look, `drift` the z to expect
    when just those have arrived.
    """
    found, _ = _stopped(drift, information, alpha, looks, sides)
    return float(found.sum())


@lru_cache(maxsize=256)
def always_valid_size(alpha: float, power: float, *, looks: int = LOOKS, sides: int = 2) -> DesignSize:
    """Return the size of a design whose intervals are tuned to the units of a test that looks once.

    By recursive integration of the normal limit (Jennison & Turnbull 2000, chapter 19); `drift` is the z to expect at
    the last look. Raises ValidationError unless `power` is above `alpha` and below 1.
    """
    check_level(alpha, sides)
    if not alpha < power < 1:
        raise ValidationError("power must be above alpha and below 1.", path=("power",))
    fixed = quantile_sum(alpha, power, sides)

    def missing(inflation: float) -> float:
        return always_valid_power(fixed, inflation, alpha, looks=looks, sides=sides) - power

    most = _USUAL_INFLATION
    while missing(most) < 0:
        most *= 2
    inflation = float(scipy.optimize.brentq(missing, _LEAST_INFLATION, most, xtol=1e-6))

    def expected(drift: float) -> float:
        stopped = np.sum(_stopped(drift, inflation, alpha, looks, sides), axis=0)
        return inflation * float(1 - np.sum(stopped * (1 - np.arange(1, looks + 1) / looks)))

    return DesignSize(fixed * math.sqrt(inflation), inflation, expected(0.0), expected(fixed))


def _stopped(drift: float, information: float, alpha: float, looks: int, sides: int) -> tuple[FloatArray, FloatArray]:
    """Return the probability that each look is the first to exclude 0, on the side of the effect and on the other."""
    t = information * np.arange(1, looks + 1) / looks
    z = always_valid_critical(t, 1.0, min(2 * alpha / sides, _LOOSEST))
    return crossing_probabilities(t, -z if sides == 2 else np.full_like(z, -np.inf), z, drift)
