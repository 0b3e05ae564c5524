"""Two variants, one number each: the array formulas written out for Python floats, some fifteen times as fast.

NumPy needs about a microsecond per operation however small its arrays are. These functions answer for ordinary data
only and return None for everything that needs care (few units, no variance, small counts, tails beyond a double, a
control whose mean cannot be told from zero): the array functions then do. Where they answer, they agree with them.
"""

from math import inf, log10, sqrt
from typing import NamedTuple, TypeAlias

import scipy

from omniforge_graph.statistics.proportions import SMALL_EXPECTED
from omniforge_graph.statistics.tails import normal_quantile

_MOST = 2**53
"""Up to here a double tells neighbouring counts apart."""
_FAINTEST = 1e-280
"""Below this p-value only its logarithm, which the array functions compute, keeps its digits."""
_BOUNDED = 0.9
"""Fieller's interval has ends below 1; shortly before, they run away, and rounding errors with them."""


class Sample(NamedTuple):
    """One variant's units with their mean and unbiased variance; one row of data is one unit."""

    units: float
    mean: float
    variance: float


class Rate(NamedTuple):
    """How many of one variant's units converted."""

    conversions: float
    units: float


Interval: TypeAlias = tuple[float, float, float]
"""An estimate with its lower and upper end."""


class Finding(NamedTuple):
    """Treatment minus control, the same as a share of the control's mean, and the two-sided p-value."""

    absolute: Interval
    relative: Interval
    p_value: float
    log10_p_value: float


def welch(control: Sample, treatment: Sample, confidence_level: float) -> Finding | None:
    """Return Welch's t-test (1947) with Fieller's relative interval (1954), None where the data need care."""
    n_1, mean_1, variance_1 = control
    n_2, mean_2, variance_2 = treatment
    # Each condition says what is wanted, so that NaN, which satisfies none, is declined.
    if not (1 < n_1 <= _MOST and 1 < n_2 <= _MOST and n_1 % 1 == n_2 % 1 == 0):
        return None
    if not (variance_1 >= 0 and variance_2 >= 0):
        return None
    square_1, square_2 = variance_1 / n_1, variance_2 / n_2
    square, difference = square_1 + square_2, mean_2 - mean_1
    if not (0 < square < inf and -inf < difference < inf):
        return None
    error, share = sqrt(square), square_1 / square
    degrees = 1 / (share * share / (n_1 - 1) + (1 - share) * (1 - share) / (n_2 - 1))
    p_value = float(2 * scipy.special.stdtr(degrees, -abs(difference / error)))
    critical = float(-scipy.special.stdtrit(degrees, (1 - confidence_level) / 2))
    relative = _fieller(mean_1, square_1, mean_2, square_2, critical)
    if p_value < _FAINTEST or relative is None:
        return None
    half = critical * error
    return Finding((difference, difference - half, difference + half), relative, p_value, log10(p_value))


def pooled_z(control: Rate, treatment: Rate, confidence_level: float) -> Finding | None:
    """Return the pooled z-test with Newcombe's interval (1998, method 10); None where the counts need care."""
    x_1, n_1 = control
    x_2, n_2 = treatment
    if not (0 <= x_1 <= n_1 <= _MOST and 0 <= x_2 <= n_2 <= _MOST):
        return None
    if not x_1 % 1 == n_1 % 1 == x_2 % 1 == n_2 % 1 == 0:
        return None
    pooled = (x_1 + x_2) / (n_1 + n_2) if n_1 + n_2 else 0.0
    if not min(n_1, n_2) * min(pooled, 1 - pooled) >= SMALL_EXPECTED:
        return None
    rate_1, rate_2 = x_1 / n_1, x_2 / n_2
    z = (rate_2 - rate_1) / sqrt(pooled * (1 - pooled) * (1 / n_1 + 1 / n_2))
    p_value, critical = float(2 * scipy.special.ndtr(-abs(z))), normal_quantile(confidence_level)
    square_1, square_2 = rate_1 * (1 - rate_1) / (n_1 - 1), rate_2 * (1 - rate_2) / (n_2 - 1)
    relative = _fieller(rate_1, square_1, rate_2, square_2, critical)
    if p_value < _FAINTEST or relative is None:
        return None
    low_1, high_1 = _wilson(n_1, rate_1, critical)
    low_2, high_2 = _wilson(n_2, rate_2, critical)
    difference = rate_2 - rate_1
    lower = difference - sqrt((rate_2 - low_2) * (rate_2 - low_2) + (high_1 - rate_1) * (high_1 - rate_1))
    upper = difference + sqrt((high_2 - rate_2) * (high_2 - rate_2) + (rate_1 - low_1) * (rate_1 - low_1))
    return Finding((difference, lower, upper), relative, p_value, log10(p_value))


def _wilson(n: float, rate: float, critical: float) -> tuple[float, float]:
    square = critical * critical
    centre = (n * rate + square / 2) / (n + square)
    half = sqrt(square * (n * rate * (1 - rate) + square / 4)) / (n + square)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _fieller(mean_1: float, square_1: float, mean_2: float, square_2: float, critical: float) -> Interval | None:
    """Return the relative effect and its interval, None where that is unbounded or a double cannot hold it."""
    scale = mean_1 * mean_1
    if not 0 < scale < inf or square_1 + square_2 == 0:
        return None
    noise = critical * critical * square_1 / scale
    if not noise < _BOUNDED:
        return None
    lift, rest = (mean_2 - mean_1) / mean_1, 1 - noise
    spread = sqrt(square_2 * rest / scale + (1 + lift) * (1 + lift) * square_1 / scale)
    centre, half = (lift + noise) / rest, critical * spread / rest
    if not half < inf or not -inf < centre < inf:
        return None
    if mean_1 < 0:
        return -lift, -centre - half, -centre + half
    return lift, centre - half, centre + half
