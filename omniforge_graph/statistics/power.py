"""How many units a test needs to find an effect of a given size."""

import math
from collections.abc import Callable

import scipy

LARGE_SHIFT = 100.0
"""Standard errors between the hypotheses; beyond, a plan needs next to no units."""


def units_for_proportions(control: float, treatment: float, alpha: float, power: float) -> float:
    """Return the units per variant to tell two proportions apart by the two-sided pooled z-test (Fleiss 1981).

    The variance is pooled under the null and separate under the alternative, without continuity correction, as in
    R's ``power.prop.test``. The result is not rounded.
    """
    pooled = (control + treatment) / 2
    null = -scipy.special.ndtri(alpha / 2) * math.sqrt(2 * pooled * (1 - pooled))
    alternative = scipy.special.ndtri(power) * math.sqrt(control * (1 - control) + treatment * (1 - treatment))
    gap = (treatment - control) ** 2
    return float(max(null + alternative, 0.0) ** 2 / gap) if gap > 0 else math.inf


def units_for_means(effect: float, standard_deviation: float, alpha: float, power: float, ratio: float = 1.0) -> float:
    """Return the control's units to find a difference of means by the two-sided t-test (non-central t).

    `ratio` is the number of treatment units per control unit. The result is not rounded; it is at least 2 in the
    smaller variant.
    """
    size = abs(effect) / standard_deviation
    fewest = max(2.0, 2.0 / ratio)
    quantiles = -scipy.special.ndtri(alpha / 2) + scipy.special.ndtri(power)
    square = size * size
    normal = max(quantiles, 0.0) ** 2 * (1 + 1 / ratio) / square if square > 0 else math.inf
    if normal > 1e6:  # the t-distribution is normal there: it would add a fraction of a unit
        return float(normal)

    def missing(units: float) -> float:
        degrees = units * (1 + ratio) - 2
        shift = size * math.sqrt(units * ratio / (1 + ratio))
        critical = -float(scipy.special.stdtrit(degrees, alpha / 2))
        if shift > LARGE_SHIFT:
            # The numerator is as good as fixed, so only the chi-squared denominator is left. Computing the non-central
            # t here would be needless, and takes the library up to half a minute.
            return float(scipy.special.chdtr(degrees, degrees * min(shift / critical, 1e100) ** 2)) - power
        upper = 1 - scipy.special.nctdtr(degrees, shift, critical)
        return float(upper + scipy.special.nctdtr(degrees, shift, -critical) - power)

    return _root(missing, fewest, max(fewest, normal) + 1)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where an increasing function crosses zero, or `low` if it starts above."""
    if not function(low) < 0:
        return low
    while function(high) < 0:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return high
