"""Tests and intervals that hold at every moment, however often and for whatever reason one looks.

All of them rest on one martingale, the mixture of likelihood ratios over a normal distribution of the effect (Robbins
1970; Johari et al. 2017; Howard et al. 2021): `s` is a sum with mean 0 without an effect, `v` its variance so far, and
`rho` says at which variance the mixture is most sensitive. Estimated variances make it asymptotic (Waudby-Smith et al.
2021), so demand some hundred units first. Arrays broadcast.

`mixture_sprt`, `regression_p_value` and `regression_critical` are for plugin authors and users of the library: the
engine itself monitors effects by `always_valid_critical` and `always_valid_p_value`.
"""

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.statistics.group_sequential import check_level
from omniforge_graph.statistics.samples import FloatArray

_HALVINGS = 60


def mixture_rho(variance: float, alpha: float, *, one_sided: bool = False) -> float:
    """Return the rho of a boundary that is tightest near a variance (Howard et al. 2021, 3.5; approximate)."""
    log_alpha = 2 * math.log(2 * alpha if one_sided else alpha)
    return variance / (-log_alpha + math.log1p(-log_alpha))


def log_mixture(s: ArrayLike, v: ArrayLike, rho: float, *, one_sided: bool = False) -> FloatArray:
    """Return the log of the martingale: above log(1 / alpha) at any time with probability alpha at most."""
    s, total = np.asarray(s, dtype=np.float64), np.asarray(v, dtype=np.float64) + rho
    two_sided = 0.5 * np.log(rho / total) + s * s / (2 * total)
    return np.asarray(two_sided + math.log(2) + scipy.special.log_ndtr(s / np.sqrt(total)) if one_sided else two_sided)


def mixture_boundary(v: ArrayLike, alpha: float, rho: float, *, one_sided: bool = False) -> FloatArray:
    """Return the boundary that s (or -s, if two-sided) ever crosses with probability alpha at most."""
    v = np.asarray(v, dtype=np.float64)
    high = np.sqrt((v + rho) * (np.log1p(v / rho) - 2 * math.log(alpha)))
    if not one_sided:
        return np.asarray(high)
    low = np.zeros_like(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = log_mixture(middle, v, rho, one_sided=True) < -math.log(alpha)
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray(high)


def always_valid_critical(units: ArrayLike, tuned_units: float, alpha: float) -> FloatArray:
    """Return how many standard errors the interval of an effect reaches to each side after so many units in all.

    The sequence is tightest near `tuned_units`, which must be fixed before the data: the planned number of units.
    """
    check_level(alpha, 2)
    n = np.asarray(units, dtype=np.float64)
    return np.asarray(mixture_boundary(n, alpha, mixture_rho(tuned_units, alpha)) / np.sqrt(n))


def always_valid_nominal_alpha(units: float, tuned_units: float, alpha: float) -> float:
    """Return the two-sided level at which an ordinary test of this moment is always valid at level alpha."""
    return float(2 * scipy.special.ndtr(-always_valid_critical(units, tuned_units, alpha)))


def always_valid_p_value(
    z: ArrayLike, units: ArrayLike, tuned_units: float, alpha: float
) -> tuple[FloatArray, FloatArray]:
    """Return p-values of this moment and their log10, from effects in standard errors; NaN stays NaN.

    The smallest over all moments is valid too. They are at most alpha exactly where |z| reaches
    `always_valid_critical`.
    """
    n = np.asarray(units, dtype=np.float64)
    mixture = log_mixture(np.asarray(z) * np.sqrt(n), n, mixture_rho(tuned_units, alpha))
    log10_p = -np.maximum(mixture, 0.0) / math.log(10)
    return np.power(10.0, log10_p), log10_p


def always_valid_log10_p(log10_p_value: ArrayLike, units: ArrayLike, tuned_units: float, alpha: float) -> FloatArray:
    """Return the log10 of always-valid p-values from that of ordinary two-sided ones; NaN stays NaN."""
    ordinary = np.clip(np.asarray(log10_p_value, dtype=np.float64), -1e15, 0.0)
    z = scipy.special.ndtri_exp(ordinary * math.log(10) - math.log(2))
    return always_valid_p_value(z, units, tuned_units, alpha)[1]


def mixture_sprt(
    control: ArrayLike, treatment: ArrayLike, variance: ArrayLike, tau: float, null: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return the log likelihood ratio and the p-value after each pair of values (Johari, Pekelis & Walsh 2017).

    `variance` is that of the difference of one pair, known or estimated after each pair; `tau` the standard deviation
    of the effects mixed over; p-values never rise again. Where the variance is 0 the ratio is 1.
    """
    difference = np.asarray(treatment, dtype=np.float64) - np.asarray(control, dtype=np.float64)
    pairs = np.arange(1, difference.size + 1)
    spread = np.broadcast_to(np.asarray(variance, dtype=np.float64), difference.shape)
    unknown, spread = spread <= 0, np.where(spread > 0, spread, 1.0)
    # In units of the pair's standard deviation; rho is then the ratio of the variances of a pair and of the effects.
    s, rho = (np.cumsum(difference) - pairs * null) / np.sqrt(spread), spread / tau**2
    mixture = 0.5 * np.log(rho / (pairs + rho)) + s * s / (2 * (pairs + rho))
    log_ratio = np.where(unknown, 0.0, mixture)
    return log_ratio, np.minimum.accumulate(np.exp(-np.maximum(log_ratio, 0.0)))


def regression_p_value(t: ArrayLike, degrees: float, units: float, precision: float) -> FloatArray:
    """Return the anytime-valid p-value of a coefficient's t statistic (Lindon, Ham, Tingley & Bojinov 2022).

    `precision` is how many units the prior on the coefficient, a normal around 0, is worth.
    """
    share = precision / (precision + units)
    square = np.asarray(t, dtype=np.float64) ** 2 / degrees
    log_factor = 0.5 * math.log(share) + (degrees + 1) / 2 * (np.log1p(square) - np.log1p(share * square))
    return np.exp(-np.maximum(log_factor, 0.0))


def regression_critical(alpha: float, degrees: float, units: float, precision: float) -> float:
    """Return how many standard errors a coefficient's anytime-valid interval reaches to each side, perhaps infinite."""
    share = precision / (precision + units)
    growth = math.exp(-(2 * math.log(alpha) + math.log(share)) / (degrees + 1))
    return math.sqrt(degrees * (growth - 1) / (1 - growth * share)) if growth * share < 1 else math.inf
