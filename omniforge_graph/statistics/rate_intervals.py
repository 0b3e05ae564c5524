"""Intervals of one proportion."""

from collections.abc import Callable, Mapping

import numpy as np
import scipy

from omniforge_graph.statistics.samples import FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile

Interval = tuple[FloatArray, FloatArray]


def wilson_limits(samples: SampleStatistics, confidence_level: float) -> Interval:
    """Return each proportion's score interval (Wilson 1927): finite and within [0, 1] at 0 % and 100 % too."""
    square = normal_quantile(confidence_level) ** 2
    n, p = samples.units, samples.mean
    centre = (n * p + square / 2) / (n + square)
    half = np.sqrt(square * (n * p * (1 - p) + square / 4)) / (n + square)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def corrected_wilson_limits(samples: SampleStatistics, confidence_level: float) -> Interval:
    """Return the score interval with a continuity correction (Newcombe 1998, 17:857, method 4)."""
    z = normal_quantile(confidence_level)
    n, p = samples.units, samples.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (
            (2 * n * each + z**2 - 1 - z * np.sqrt(np.maximum(z**2 - 2 - 1 / n + 4 * each * (n * (1 - each) + 1), 0.0)))
            / (2 * (n + z**2))
            for each in (p, 1 - p)
        )
    return np.where(p == 0, 0.0, np.maximum(low, 0.0)), np.where(p == 1, 1.0, np.minimum(1 - high, 1.0))


def clopper_pearson_limits(samples: SampleStatistics, confidence_level: float) -> Interval:
    """Return the interval that inverts exact binomial tests (Clopper & Pearson 1934): it covers at least as told."""
    tail, x = (1 - confidence_level) / 2, samples.conversions
    rest = samples.units - x
    low = scipy.special.betaincinv(np.maximum(x, 1.0), rest + 1, tail)
    high = 1 - scipy.special.betaincinv(np.maximum(rest, 1.0), x + 1, tail)
    return _known(samples, np.where(x > 0, low, 0.0), np.where(rest > 0, high, 1.0))


def jeffreys_limits(samples: SampleStatistics, confidence_level: float) -> Interval:
    """Return the equal-tailed credible interval under Jeffreys' prior, with the ends 0 and 1 (Brown et al. 2001)."""
    tail, x = (1 - confidence_level) / 2, samples.conversions
    rest = samples.units - x
    low = scipy.special.betaincinv(x + 0.5, rest + 0.5, tail)
    high = 1 - scipy.special.betaincinv(rest + 0.5, x + 0.5, tail)
    return _known(samples, np.where(x > 0, low, 0.0), np.where(rest > 0, high, 1.0))


def agresti_coull_limits(samples: SampleStatistics, confidence_level: float) -> Interval:
    """Return Wald's interval around Wilson's centre (Agresti & Coull 1998), within [0, 1]."""
    z = normal_quantile(confidence_level)
    units = samples.units + z**2
    rate = (samples.conversions + z**2 / 2) / units
    half = z * np.sqrt(rate * (1 - rate) / units)
    return _known(samples, np.maximum(rate - half, 0.0), np.minimum(rate + half, 1.0))


def wald_limits(samples: SampleStatistics, confidence_level: float) -> Interval:
    """Return the textbook interval, estimate +- z standard errors, within [0, 1]: it covers too seldom near 0 and 1."""
    n, p = samples.units, samples.mean
    spread = np.sqrt(np.divide(p * (1 - p), n, out=np.full_like(n, np.nan), where=n > 0))
    half = normal_quantile(confidence_level) * spread
    return np.maximum(p - half, 0.0), np.minimum(p + half, 1.0)


def _known(samples: SampleStatistics, low: FloatArray, high: FloatArray) -> Interval:
    empty = samples.units == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


RATE_INTERVALS: Mapping[str, Callable[[SampleStatistics, float], Interval]] = {
    "wilson": wilson_limits,
    "wilson_corrected": corrected_wilson_limits,
    "clopper_pearson": clopper_pearson_limits,
    "jeffreys": jeffreys_limits,
    "agresti_coull": agresti_coull_limits,
    "wald": wald_limits,
}
"""Every interval of one proportion by its name: f(samples, confidence level) -> lower and upper limits."""
