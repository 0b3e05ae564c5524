"""Intervals of the difference between two proportions, treatment minus control; NaN without units."""

from collections.abc import Callable, Mapping

import numpy as np

from omniforge_graph.statistics.rate_intervals import Interval, corrected_wilson_limits, wilson_limits
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile

_HALVINGS = 64


def newcombe_interval(control: SampleStatistics, treatment: SampleStatistics, confidence_level: float) -> Interval:
    """Return the interval made of two score intervals (Newcombe 1998, 17:873, method 10)."""
    return _joined(control, treatment, *(wilson_limits(each, confidence_level) for each in (control, treatment)))


def corrected_newcombe_interval(
    control: SampleStatistics, treatment: SampleStatistics, confidence_level: float
) -> Interval:
    """Return the interval made of two score intervals with a continuity correction (Newcombe 1998, method 11)."""
    limits = (corrected_wilson_limits(each, confidence_level) for each in (control, treatment))
    return _joined(control, treatment, *limits)


def agresti_caffo_interval(control: SampleStatistics, treatment: SampleStatistics, confidence_level: float) -> Interval:
    """Return Wald's interval after adding one success and one failure to each side (Agresti & Caffo 2000)."""
    before, after = ((each.conversions + 1) / (each.units + 2) for each in (control, treatment))
    square = before * (1 - before) / (control.units + 2) + after * (1 - after) / (treatment.units + 2)
    half = normal_quantile(confidence_level) * np.sqrt(square)
    empty = (control.units == 0) | (treatment.units == 0)
    centre = np.where(empty, np.nan, after - before)
    return np.maximum(centre - half, -1.0), np.minimum(centre + half, 1.0)


def wald_interval(control: SampleStatistics, treatment: SampleStatistics, confidence_level: float) -> Interval:
    """Return the textbook interval with each rate's own error: it covers far too seldom when counts are small."""
    with np.errstate(divide="ignore", invalid="ignore"):
        square = control.mean * (1 - control.mean) / control.units
        square = square + treatment.mean * (1 - treatment.mean) / treatment.units
    half, difference = normal_quantile(confidence_level) * np.sqrt(square), treatment.mean - control.mean
    return np.maximum(difference - half, -1.0), np.minimum(difference + half, 1.0)


def miettinen_nurminen_interval(
    control: SampleStatistics, treatment: SampleStatistics, confidence_level: float
) -> Interval:
    """Return the differences that the score test does not reject (Miettinen & Nurminen 1985)."""
    units = control.units + treatment.units
    factor = np.divide(units, units - 1, out=np.ones_like(units), where=units > 1)
    return _score_interval(control, treatment, normal_quantile(confidence_level) ** 2 * factor)


def mee_interval(control: SampleStatistics, treatment: SampleStatistics, confidence_level: float) -> Interval:
    """Return the differences that the score test without Miettinen and Nurminen's factor keeps (Mee 1984)."""
    square = np.full_like(control.units + treatment.units, normal_quantile(confidence_level) ** 2)
    return _score_interval(control, treatment, square)


def constrained_rates(
    control: SampleStatistics, treatment: SampleStatistics, difference: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the likeliest control and treatment rates among those that differ by `difference`.

    The likelihood equation is a cubic (Miettinen & Nurminen 1985, appendix). Its largest root, which lies beyond the
    admissible range, comes from the trigonometric formula; the wanted one from the quadratic that is left, because
    the trigonometric formula would cancel for rates near 0. Rates near 1 are counted as failures near 0.
    """
    units = control.units + treatment.units
    mirrored = control.conversions + treatment.conversions > units / 2
    before, after = (
        np.where(mirrored, each.units - each.conversions, each.conversions) for each in (control, treatment)
    )
    d = np.where(mirrored, -difference, difference)
    # p^3 + 3 a p^2 + b p + c = 0
    a = ((treatment.units + 2 * control.units) * d - units - before - after) / (3 * units)
    b = ((control.units * d - units - 2 * before) * d + before + after) / units
    c = before * d * (1 - d) / units
    size = np.sqrt(np.maximum(a**2 - b / 3, 0.0))
    half = a**3 - a * b / 2 + c / 2
    cosine = np.divide(-half, size**3, out=np.zeros_like(half), where=size > 0)
    largest = 2 * size * np.cos(np.arccos(np.clip(cosine, -1, 1)) / 3) - a
    product = -c / largest
    opposite = (b - product) / largest  # the sum of the other two roots
    root = np.sqrt(np.maximum(opposite**2 - 4 * product, 0.0))
    apart = np.divide(2 * product, opposite - root, out=np.zeros_like(root), where=opposite < root)
    rate = np.where(opposite < 0, apart, (opposite + root) / 2)
    rate = np.clip(rate, np.maximum(-d, 0.0), np.minimum(1 - d, 1.0))
    other = np.clip(rate + d, 0.0, 1.0)
    return np.where(mirrored, 1 - rate, rate), np.where(mirrored, 1 - other, other)


def _joined(control: SampleStatistics, treatment: SampleStatistics, before: Interval, after: Interval) -> Interval:
    """Return the interval of a difference from those of both rates, whose errors add like independent ones."""
    (low_1, high_1), (low_2, high_2) = before, after
    difference = treatment.mean - control.mean
    lower = difference - np.hypot(treatment.mean - low_2, high_1 - control.mean)
    upper = difference + np.hypot(high_2 - treatment.mean, control.mean - low_1)
    return lower, upper


def _score_interval(control: SampleStatistics, treatment: SampleStatistics, square: FloatArray) -> Interval:
    """Return where (estimate - d)^2 = square * variance under d, by halving: the score falls as d grows."""
    estimate = treatment.mean - control.mean

    def kept(d: FloatArray) -> BoolArray:
        before, after = constrained_rates(control, treatment, d)
        variance = before * (1 - before) / control.units + after * (1 - after) / treatment.units
        return np.asarray((estimate - d) ** 2 <= square * variance)

    def end(bound: float) -> FloatArray:
        inside, outside = estimate, np.full_like(estimate, bound)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            within = kept(middle)
            inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
        return inside

    with np.errstate(divide="ignore", invalid="ignore"):
        return end(-1.0), end(1.0)


DIFFERENCE_INTERVALS: Mapping[str, Callable[[SampleStatistics, SampleStatistics, float], Interval]] = {
    "newcombe": newcombe_interval,
    "newcombe_corrected": corrected_newcombe_interval,
    "miettinen_nurminen": miettinen_nurminen_interval,
    "mee": mee_interval,
    "agresti_caffo": agresti_caffo_interval,
    "wald": wald_interval,
}
"""Every interval of a difference by its name: f(control, treatment, confidence level) -> lower and upper limits."""
