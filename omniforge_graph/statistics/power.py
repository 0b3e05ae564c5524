"""How many units a test needs to find an effect of a given size, and how often it finds one with the units there are.

Units are those of the control; `ratio` is the number of treatment units per control unit. They are not rounded.
"""

import math
from collections.abc import Callable

import scipy

LARGE_SHIFT = 100.0
"""Standard errors between the hypotheses; beyond, a plan needs next to no units."""
NORMAL_UNITS = 1e6
"""From here on Student's t is as good as normal: it would add a fraction of a unit."""
_PRECISION = 1e-11


def quantile_sum(alpha: float, power: float, sides: int = 2) -> float:
    """Return the standard errors between the hypotheses at which a z-test of level `alpha` has the power."""
    return float(scipy.special.ndtri(power) - scipy.special.ndtri(alpha / sides))


def units_for_proportions(
    control: float, treatment: float, alpha: float, power: float, ratio: float = 1.0, sides: int = 2
) -> float:
    """Return the control's units to tell two proportions apart by the pooled z-test (Fleiss 1981).

    The variance is pooled under the null and separate under the alternative, without continuity correction, as in
    R's ``power.prop.test``. Infinite for equal proportions.
    """
    null, alternative = _rate_errors(control, treatment, ratio)
    errors = scipy.special.ndtri(power) * alternative - scipy.special.ndtri(alpha / sides) * null
    gap = (treatment - control) ** 2
    return float(max(errors, 0.0) ** 2 / gap) if gap > 0 else math.inf


def units_by_baseline_variance(control: float, treatment: float, alpha: float, power: float, sides: int = 2) -> float:
    """Return the units per variant with the control's variance under the null, as Evan Miller's calculator (2010).

    It differs from `units_for_proportions` by a few per cent, to the low side where the rate is to rise towards 0.5.
    """
    own = control * (1 - control)
    alternative = math.sqrt(own + treatment * (1 - treatment))
    errors = scipy.special.ndtri(power) * alternative - scipy.special.ndtri(alpha / sides) * math.sqrt(2 * own)
    gap = (treatment - control) ** 2
    return float(max(errors, 0.0) ** 2 / gap) if gap > 0 else math.inf


def power_for_proportions(
    units: float, control: float, treatment: float, alpha: float, ratio: float = 1.0, sides: int = 2
) -> float:
    """Return how often the pooled z-test tells two proportions apart.

    Two-sided, findings in the wrong direction count too (``strict`` in R's ``power.prop.test``); it is a chance of
    `alpha` at most.
    """
    null, alternative = _rate_errors(control, treatment, ratio)
    if null == 0:  # both rates are 0, or both 1
        return 0.0
    if alternative == 0:  # from 0 to 1: nothing is left to chance
        return float(math.sqrt(units) > -scipy.special.ndtri(alpha / sides) * null)
    shift = abs(treatment - control) * math.sqrt(units) / alternative
    critical = scipy.special.ndtri(alpha / sides) * null / alternative
    missed = scipy.special.ndtr(critical - shift) if sides == 2 else 0.0
    return float(scipy.special.ndtr(critical + shift) + missed)


def units_for_means(
    effect: float, standard_deviation: float, alpha: float, power: float, ratio: float = 1.0, sides: int = 2
) -> float:
    """Return the control's units to find a difference of means by the t-test (non-central t).

    At least 2 in the smaller variant; infinite without an effect.
    """
    size = abs(effect) / standard_deviation
    fewest = max(2.0, 2.0 / ratio)
    square = size * size
    normal = max(quantile_sum(alpha, power, sides), 0.0) ** 2 * (1 + 1 / ratio) / square if square > 0 else math.inf
    if normal > NORMAL_UNITS:
        return float(normal)

    def missing(units: float) -> float:
        return power_for_means(units, size, 1.0, alpha, ratio, sides) - power

    return increasing_root(missing, fewest, max(fewest, normal) + 1)


def power_for_means(
    units: float, effect: float, standard_deviation: float, alpha: float, ratio: float = 1.0, sides: int = 2
) -> float:
    """Return how often the t-test finds a difference of means; two-sided, in the wrong direction too."""
    degrees = units * (1 + ratio) - 2
    if not degrees > 0:
        return 0.0
    shift = abs(effect) / standard_deviation * math.sqrt(units * ratio / (1 + ratio))
    if units > NORMAL_UNITS:
        critical = float(scipy.special.ndtri(alpha / sides))
        return float(scipy.special.ndtr(critical + shift) + (scipy.special.ndtr(critical - shift) if sides == 2 else 0))
    critical = -float(scipy.special.stdtrit(degrees, alpha / sides))
    if shift > LARGE_SHIFT:
        # The numerator is as good as fixed, so only the chi-squared denominator is left. Computing the non-central t
        # here would be needless, and takes the library up to half a minute.
        return float(scipy.special.chdtr(degrees, degrees * min(shift / critical, 1e100) ** 2))
    return 1 - _noncentral(degrees, shift, critical) + (_noncentral(degrees, shift, -critical) if sides == 2 else 0.0)


def _noncentral(degrees: float, shift: float, t: float) -> float:
    """Return the non-central t distribution's lower tail; the library has none, only NaN, where it is below 1e-15."""
    tail = float(scipy.special.nctdtr(degrees, shift, t))
    return 0.0 if math.isnan(tail) else tail


def increasing_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where an increasing function crosses zero, or `low` if it starts above."""
    if not function(low) < 0:
        return low
    while function(high) < 0:
        low, high = high, high * 2
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return high


def _rate_errors(control: float, treatment: float, ratio: float) -> tuple[float, float]:
    """Return the standard errors for one control unit, without an effect and with it."""
    pooled = (control + ratio * treatment) / (1 + ratio)
    null = math.sqrt(pooled * (1 - pooled) * (1 + 1 / ratio))
    return null, math.sqrt(control * (1 - control) + treatment * (1 - treatment) / ratio)
