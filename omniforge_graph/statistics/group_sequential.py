"""Group sequential tests: how strict each look at growing data is, so that all looks together keep their level."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.crossing import checked_information, log_difference, spending_bounds
from omniforge_graph.statistics.samples import FloatArray
from omniforge_graph.statistics.spending import Spending

_DEEP = 6.5
"""Up to here p-values are exact; beyond, they are below 1e-9 and err on the side of caution."""
_FEW = 6
_DESIGNS = 25
_HALVINGS = 60
_LOOSEST = {1: -1.3, 2: 0.0}
"""By sides, the normal quantile of the largest level looked for: p-values above .9 of one side are given as 1."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The bounds of each look; all arrays have the shape (looks,).

    A two-sided test rejects where |z| reaches `z`, a one-sided one where z does. `nominal_p` is the p-value of `z` on
    its own, `cumulative_alpha` the probability that this or an earlier look rejects without an effect. Where a look
    may spend nothing, `z` is infinite.
    """

    information: FloatArray
    z: FloatArray
    nominal_p: FloatArray
    cumulative_alpha: FloatArray


def boundaries(information: ArrayLike, alpha: float, spending: Spending, sides: int = 2) -> Boundaries:
    """Return the bounds of looks at fractions of the planned information (Lan & DeMets 1983).

    Looks may come at any fractions and need not be planned. The first look at fraction 1 or above spends what is
    left. Raises ValidationError unless information increases, 0 < alpha < 1 and there are one or two sides.
    """
    t = checked_information(information)
    check_level(alpha, sides)
    log_spent = spending.log_spent(t, np.log(alpha / sides))
    z = spending_bounds(t, log_spent, sides)
    return Boundaries(t, z, sides * scipy.special.ndtr(-z), sides * np.exp(log_spent))


def nominal_alpha(
    past: Sequence[float], now: float, alpha: float, spending: Spending, sides: int = 2
) -> tuple[float, float]:
    """Return the level at which the look at fraction `now` may test, and what all looks so far have spent of `alpha`.

    `past` are the information fractions of the looks before, increasing and below `now`. An ordinary interval at
    confidence 1 - nominal is the repeated confidence interval (Jennison & Turnbull 1989). Once a look has reached
    fraction 1, everything is spent: the level of later ones is 0.
    """
    found = _boundaries((*past, now), alpha, spending, sides)
    return float(found.nominal_p[-1]), float(found.cumulative_alpha[-1])


@lru_cache(maxsize=512)
def _boundaries(information: tuple[float, ...], alpha: float, spending: Spending, sides: int) -> Boundaries:
    return boundaries(information, alpha, spending, sides)


def check_level(alpha: float, sides: int) -> None:
    """Refuse a level outside (0, 1) and any number of sides but one and two."""
    if not 0 < alpha < 1:
        raise ValidationError("alpha must be between 0 and 1.", path=("alpha",))
    if sides not in {1, 2}:
        raise ValidationError("sides must be 1 or 2.", path=("sides",))


def repeated_p_values(
    log10_p_value: ArrayLike, past: Sequence[float], now: float, spending: Spending, sides: int = 2
) -> FloatArray:
    """Return the repeated p-values of this look; see `repeated_log10_p_values`."""
    return np.asarray(np.power(10.0, repeated_log10_p_values(log10_p_value, past, now, spending, sides)))


def repeated_log10_p_values(
    log10_p_value: ArrayLike, past: Sequence[float], now: float, spending: Spending, sides: int = 2
) -> FloatArray:
    """Return the log10 of the smallest overall alpha at which this look would reject (Jennison & Turnbull 2000, ch. 9).

    `log10_p_value` (any shape) are those of the ordinary tests of this look, two-sided or one-sided as `sides` says;
    `past` and `now` are as for `nominal_alpha`. NaN stays NaN. The smallest over all looks is the sequential p-value.

    A few are solved for, many are interpolated between designs: to 1e-5 of a p-value of .05, to 1e-2 of one
    near 1. Beyond z = 6.5 they are upper bounds.
    """
    check_level(0.5, sides)
    looks = tuple(checked_information((*past, now)).tolist())
    ordinary = np.asarray(log10_p_value, dtype=np.float64)
    log_tail = np.clip(np.where(np.isnan(ordinary), 0.0, ordinary), -1e15, -1e-16) * math.log(10) - math.log(sides)
    z = np.atleast_1d(-scipy.special.ndtri_exp(log_tail))
    quantile = _cautious_levels(looks, spending, sides, z)
    if len(looks) > 1 and looks[-2] < 1:
        distinct, places = np.unique(np.minimum(z, _DEEP), return_inverse=True)
        solve = _exact_levels if distinct.size <= _FEW else _interpolated_levels
        quantile = np.maximum(quantile, solve(looks, spending, sides, distinct)[places].reshape(z.shape))
    level = np.where(quantile > _LOOSEST[sides], math.log(sides) + scipy.special.log_ndtr(-quantile), 0.0)
    return np.where(np.isnan(ordinary), np.nan, np.minimum(level, 0.0).reshape(ordinary.shape) / math.log(10))


# Levels are of one side, and stand as their upper normal quantiles, in which bounds are next to linear.


def _cautious_levels(looks: tuple[float, ...], spending: Spending, sides: int, z: FloatArray) -> FloatArray:
    """Return the levels that spend P(Z > z) on this look: too much, for some who cross now have crossed before."""
    last = np.array([0.0, *looks][-2:])

    def log_increment(quantile: FloatArray) -> FloatArray:
        spent = spending.log_spent(last, scipy.special.log_ndtr(-quantile)[..., None])
        return log_difference(spent[..., 1], spent[..., 0])

    # A level so large that earlier looks spend next to all of it leaves less for this one than a smaller level does.
    scale = np.linspace(_LOOSEST[sides], 4, 100)
    return _root(log_increment, z, scale[np.argmax(log_increment(scale))])


def _strict_levels(looks: tuple[float, ...], spending: Spending, sides: int, z: FloatArray) -> FloatArray:
    """Return the levels that spend P(Z > z) on all looks so far: too little, for this one must not spend it alone."""
    return _root(lambda quantile: spending.log_spent(looks[-1], scipy.special.log_ndtr(-quantile)), z, _LOOSEST[sides])


def _exact_levels(looks: tuple[float, ...], spending: Spending, sides: int, z: FloatArray) -> FloatArray:
    low = np.maximum(_cautious_levels(looks, spending, sides, z), _LOOSEST[sides])
    high = _strict_levels(looks, spending, sides, z)
    found = (_exact_level(looks, spending, sides, *each) for each in zip(z, low, high, strict=True))
    return np.fromiter(found, dtype=np.float64, count=z.size)


@lru_cache(maxsize=4096)
def _exact_level(looks: tuple[float, ...], spending: Spending, sides: int, z: float, low: float, high: float) -> float:
    """Return the level between two others that bounds this look at z; the nearer of them if none does."""

    def gap(quantile: float) -> float:
        return _last_bound(looks, spending, sides, quantile) - z

    if low >= high or gap(low) >= 0:
        return low
    return high if gap(high) <= 0 else float(scipy.optimize.brentq(gap, low, high, xtol=1e-10))


def _interpolated_levels(looks: tuple[float, ...], spending: Spending, sides: int, z: FloatArray) -> FloatArray:
    bounds, quantiles = _designs(looks, spending, sides)
    if not bounds[0] < bounds[-1]:
        return np.full_like(z, _LOOSEST[sides])
    found = scipy.interpolate.CubicSpline(bounds, quantiles)(np.clip(z, bounds[0], bounds[-1]))
    return np.asarray(found, dtype=np.float64)


@lru_cache(maxsize=256)
def _designs(looks: tuple[float, ...], spending: Spending, sides: int) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of this look in designs of many levels, and those levels."""
    strictest = float(_strict_levels(looks, spending, sides, np.asarray(_DEEP)))
    quantiles = np.linspace(_LOOSEST[sides], max(strictest, _LOOSEST[sides]), _DESIGNS)
    return np.array([_last_bound(looks, spending, sides, float(each)) for each in quantiles]), quantiles


def _last_bound(looks: tuple[float, ...], spending: Spending, sides: int, quantile: float) -> float:
    t = np.asarray(looks)
    return float(spending_bounds(t, spending.log_spent(t, scipy.special.log_ndtr(-quantile)), sides)[-1])


def _root(decreasing: Callable[[FloatArray], FloatArray], z: FloatArray, low: float) -> FloatArray:
    """Return where a decreasing function comes down to log P(Z > z), above `low`; -inf if it is below there."""
    target = scipy.special.log_ndtr(-z)
    below, above = np.full_like(z, low), np.maximum(z, 5.0)
    never = decreasing(below) < target
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        down = decreasing(middle) < target
        below, above = np.where(down, below, middle), np.where(down, middle, above)
    return np.where(never, -np.inf, above)
