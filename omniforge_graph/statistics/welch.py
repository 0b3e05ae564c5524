"""Welch's t-test of the difference between two means."""

from dataclasses import dataclass

import numpy as np

from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import student_p_value, student_quantile

_UNITS_PER_SQUARED_SKEWNESS = 355


@dataclass(frozen=True, slots=True)
class WelchT:
    """The difference treatment - control, its standard error, t, degrees of freedom, p-value and interval.

    `critical` is the two-sided critical value that belongs to the interval. Everything but the estimate is NaN below
    two units on a side, and where no side has any variation.
    """

    estimate: FloatArray
    error: FloatArray
    statistic: FloatArray
    degrees: FloatArray
    critical: FloatArray
    p_value: FloatArray
    log10_p_value: FloatArray
    lower: FloatArray
    upper: FloatArray


def welch_t(
    control: SampleStatistics,
    treatment: SampleStatistics,
    confidence_level: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> WelchT:
    """Compare means with unequal variances (Welch 1947; degrees of freedom by Satterthwaite 1946).

    One side without variation is enough of the other's: the degrees of freedom are then the other's units less one.
    """
    before, after = control.squared_standard_error, treatment.squared_standard_error
    estimate = treatment.mean - control.mean
    with np.errstate(all="ignore"):
        square = before + after
        error = np.sqrt(square)
        share = before / square
        degrees = 1 / (share**2 / (control.units - 1) + (1 - share) ** 2 / (treatment.units - 1))
        statistic = estimate / error
        if not square.all():  # without any variation there is nothing to measure the difference by
            error, statistic = (np.where(square > 0, each, np.nan) for each in (error, statistic))
        p_value, log10_p_value = student_p_value(statistic, degrees)
        critical = student_quantile(degrees, alternative.level(confidence_level))
        half = critical * error
        lower, upper = estimate - half, estimate + half
        if alternative is not Alternative.TWO_SIDED:
            p_value, log10_p_value = _one_sided(alternative, statistic, p_value, log10_p_value)
            lower, upper = alternative.bounds(lower, upper)
    return WelchT(estimate, error, statistic, degrees, critical, p_value, log10_p_value, lower, upper)


def too_skewed(sample: SampleStatistics) -> BoolArray:
    """Say where the units are too few for the skewness of their values: below 355 times its square.

    A rule of thumb for the means to be normal enough for 95 % intervals (Kohavi, Deng, Longbotham & Xu 2014); False
    where the skewness is not known.
    """
    if sample.skewness is None:
        return np.zeros(sample.units.shape, dtype=np.bool_)
    return np.asarray(sample.units < _UNITS_PER_SQUARED_SKEWNESS * sample.skewness**2)


def _one_sided(
    alternative: Alternative, statistic: FloatArray, p_value: FloatArray, log10_p_value: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the p-value of one tail of a symmetric statistic and its log10, from those of both tails."""
    there = statistic > 0 if alternative is Alternative.GREATER else statistic < 0
    half = p_value / 2
    return (
        np.where(there, half, 1 - half),
        np.where(there, log10_p_value - np.log10(2), np.log1p(-half) / np.log(10)),
    )
