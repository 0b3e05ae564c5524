"""Differences between proportions: Pearson's chi-square and Newcombe's interval."""

import numpy as np

from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile

SMALL_EXPECTED = 5
"""Below this expected count the chi-square approximation is not to be trusted (Cochran 1954)."""


def pearson_chi_square(samples: SampleStatistics) -> tuple[FloatArray, FloatArray]:
    """Return Pearson's chi-square of the (variants x converted or not) table and its degrees of freedom.

    Shape of both: (*slices,). Variants without units are left out. Without variation (nobody converts, or
    everybody) the statistic is NaN.
    """
    present = samples.units > 0
    units = samples.units.sum(axis=-1, keepdims=True)
    rate = np.divide(samples.conversions.sum(axis=-1, keepdims=True), units, out=np.zeros_like(units), where=units > 0)
    expected = samples.units * rate * (1 - rate)
    gap = samples.conversions - samples.units * rate
    terms = np.divide(gap**2, expected, out=np.zeros_like(gap), where=expected > 0)
    varies = (rate * (1 - rate))[..., 0] > 0
    statistic = np.where(varies, terms.sum(axis=-1), np.nan)
    return statistic, np.maximum(present.sum(axis=-1) - 1.0, 0.0)


def small_expected_counts(samples: SampleStatistics) -> BoolArray:
    """Return whether any cell of the (variants x converted or not) table expects fewer than 5 units; (*slices,)."""
    units = samples.units.sum(axis=-1, keepdims=True)
    rate = np.divide(samples.conversions.sum(axis=-1, keepdims=True), units, out=np.zeros_like(units), where=units > 0)
    rarer = samples.units * np.minimum(rate, 1 - rate)
    return np.asarray(np.any(rarer < SMALL_EXPECTED, axis=-1))


def pairs_with_control(samples: SampleStatistics, control: int) -> SampleStatistics:
    """Return one two-variant sample, control first, for each treatment: shape (*slices, treatments, 2)."""
    alone, treatments = samples.split(control)
    stacked = (
        np.stack(np.broadcast_arrays(getattr(alone, name), getattr(treatments, name)), axis=-1)
        for name in ("units", "mean", "variance")
    )
    return SampleStatistics(*stacked)


def wilson_limits(samples: SampleStatistics, confidence_level: float) -> tuple[FloatArray, FloatArray]:
    """Return each proportion's score interval (Wilson 1927): finite and within [0, 1] at 0 % and 100 % too."""
    square = normal_quantile(confidence_level) ** 2
    n, p = samples.units, samples.mean
    centre = (n * p + square / 2) / (n + square)
    half = np.sqrt(square * (n * p * (1 - p) + square / 4)) / (n + square)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def newcombe_interval(
    control: SampleStatistics, treatment: SampleStatistics, confidence_level: float
) -> tuple[FloatArray, FloatArray]:
    """Return the interval of treatment minus control (Newcombe 1998, method 10); NaN without units."""
    low_1, high_1 = wilson_limits(control, confidence_level)
    low_2, high_2 = wilson_limits(treatment, confidence_level)
    difference = treatment.mean - control.mean
    lower = difference - np.hypot(treatment.mean - low_2, high_1 - control.mean)
    upper = difference + np.hypot(high_2 - treatment.mean, control.mean - low_1)
    return lower, upper
