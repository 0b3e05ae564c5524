"""Rules that hold for every statistical test: relative intervals, several comparisons, planned proportions."""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.domain.analysis import SampleRatio
from omniforge_graph.domain.statistics import FloatArray, SampleStatistics
from omniforge_graph.domain.tails import chi_square_p_value

SAMPLE_RATIO_ALARM = 0.001
"""The p-value below which the sample ratio is a mismatch."""
MINIMUM_EXPECTED = 8
"""Fewer units expected in a variant than this cannot tell a mismatch from chance."""


def fieller_interval(
    control: SampleStatistics, treatment: SampleStatistics, critical: float | FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the relative effect (treatment - control) / |control| and its interval (Fieller 1954).

    `critical` is the two-sided critical value. Where the control's mean cannot be told from 0 the interval is
    unbounded, -inf to inf; where it is 0 the estimate is NaN. Below two units, and without any variation,
    the interval is NaN.
    """
    with np.errstate(all="ignore"):
        lift = (treatment.mean - control.mean) / control.mean
        noise = (critical * np.sqrt(control.squared_standard_error) / control.mean) ** 2
        spread = np.sqrt(
            treatment.squared_standard_error * (1 - noise) / control.mean**2 + (1 + lift) ** 2 * noise / critical**2
        )
        centre, half = (lift + noise) / (1 - noise), critical * spread / (1 - noise)
        sign = np.sign(control.mean)
        ends = np.sort(np.stack([sign * (centre - half), sign * (centre + half)]), axis=0)
        estimate = np.where(np.isfinite(lift), sign * lift, np.nan)
    # Two samples without any variation carry no measure of their uncertainty: an interval of no width would lie.
    known = control.squared_standard_error + treatment.squared_standard_error > 0
    bounded = known & (noise < 1) & np.all(np.isfinite(ends), axis=0)
    lower = np.where(bounded, ends[0], np.where(known, -np.inf, np.nan))
    upper = np.where(bounded, ends[1], np.where(known, np.inf, np.nan))
    return estimate, lower, upper


def holm(p_values: FloatArray) -> FloatArray:
    """Return p-values adjusted for their number along the last axis (Holm 1979), as R's ``p.adjust``.

    A NaN stays NaN and does not count.
    """
    order = np.argsort(p_values, axis=-1)
    ascending = np.take_along_axis(p_values, order, axis=-1)
    count = np.sum(~np.isnan(p_values), axis=-1, keepdims=True)
    stepped = ascending * np.maximum(count - np.arange(p_values.shape[-1]), 1)
    adjusted = np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0)
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, axis=-1)
    return result


def sample_ratio(observed: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Compare the units of each variant with the planned shares, in any scale (Pearson; Fabijan et al. 2019).

    A mismatch is a p-value below .001, or any unit in a variant that should get none. With fewer than 8 units
    expected in some variant, or a single variant that takes traffic, there is no p-value.
    """
    units, weights = np.asarray(observed, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    whole = weights.sum()
    expected = units.sum() * weights / whole if whole > 0 else np.zeros_like(units)
    told = tuple(int(each) for each in observed), tuple(expected.tolist())
    taking = weights > 0
    if np.any(units[~taking] > 0):
        return SampleRatio(*told, p_value=0.0, mismatch=True)
    if taking.sum() < 2 or expected[taking].min() < MINIMUM_EXPECTED:
        return SampleRatio(*told, p_value=None, mismatch=False)
    statistic = np.asarray(np.sum((units - expected)[taking] ** 2 / expected[taking]))
    p_value = float(chi_square_p_value(statistic, np.asarray(taking.sum() - 1)))
    return SampleRatio(*told, p_value=p_value, mismatch=p_value < SAMPLE_RATIO_ALARM)
