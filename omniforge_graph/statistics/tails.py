"""Two-sided p-values from survival functions, with their decimal logarithm, which stays finite when they underflow."""

from collections.abc import Callable

import numpy as np
import scipy  # its submodules are imported when first used: scipy.special takes a quarter of a second

from omniforge_graph.statistics.samples import FloatArray

_UNDERFLOW = 1e-290
_LARGEST = 1e150  # its square is still a number
_MAX_TERMS = 10_000


def normal_quantile(confidence_level: float) -> float:
    """Return the standard normal's two-sided critical value, 1.96 for 0.95."""
    return float(-scipy.special.ndtri((1 - confidence_level) / 2))


def student_quantile(degrees: FloatArray, confidence_level: float) -> FloatArray:
    """Return Student's two-sided critical values."""
    return np.asarray(-scipy.special.stdtrit(degrees, (1 - confidence_level) / 2), dtype=np.float64)


def normal_p_value(z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the two-sided p-value of a standard normal statistic and its log10; NaN stays NaN."""
    tail = -np.abs(z)
    log_p = np.minimum(np.log(2) + scipy.special.log_ndtr(tail), 0.0)
    return np.minimum(2 * scipy.special.ndtr(tail), 1.0), log_p / np.log(10)


def one_sided_p_value(z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the upper tail of a standard normal statistic and its log10; NaN stays NaN."""
    return np.asarray(scipy.special.ndtr(-z)), np.asarray(scipy.special.log_ndtr(-z) / np.log(10))


def student_p_value(t: FloatArray, degrees: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the two-sided p-value of Student's t and its log10; NaN stays NaN."""
    t, degrees = np.broadcast_arrays(np.minimum(np.abs(t), _LARGEST), degrees)
    p = np.asarray(2 * scipy.special.stdtr(degrees, -t))
    with np.errstate(divide="ignore", invalid="ignore"):
        log10_p = np.asarray(np.log10(p))
        tiny = p < _UNDERFLOW
        if np.any(tiny):
            odds = (t[tiny] / np.sqrt(degrees[tiny])) ** 2
            log10_p[tiny] = _log_betainc(degrees[tiny] / 2, 0.5, odds) / np.log(10)
    return p, log10_p


def chi_square_p_value(statistic: FloatArray, degrees: FloatArray) -> FloatArray:
    """Return the upper tail of the chi-square distribution; NaN where the statistic is, or without a degree."""
    valid = degrees > 0
    p = scipy.special.chdtrc(np.where(valid, degrees, 1), statistic)
    return np.where(valid, p, np.nan)


def _log_betainc(a: FloatArray, b: float, odds: FloatArray) -> FloatArray:
    """Return ln I_x(a, b) at x = 1 / (1 + odds), for x in the lower tail (continued fraction, DLMF 8.17.22)."""
    x = 1 / (1 + odds)

    def coefficient(term: int) -> FloatArray:
        m = term // 2
        if term % 2:
            return np.asarray(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)))
        return np.asarray(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)))

    front = -a * np.log1p(odds) + b * (np.log(odds) - np.log1p(odds)) - np.log(a) - scipy.special.betaln(a, b)
    return np.asarray(front - np.log(_continued_fraction(coefficient, x)), dtype=np.float64)


def _continued_fraction(coefficient: Callable[[int], FloatArray], like: FloatArray) -> FloatArray:
    """Evaluate 1 + c1 / (1 + c2 / (1 + ...)) by Lentz's method."""
    value, c, d = np.ones_like(like), np.ones_like(like), np.zeros_like(like)
    for term in range(1, _MAX_TERMS):
        step = coefficient(term)
        d = 1 / (1 + step * d)
        c = 1 + step / c
        value = value * c * d
        if np.all(np.abs(c * d - 1) < 1e-15):
            break
    return value
