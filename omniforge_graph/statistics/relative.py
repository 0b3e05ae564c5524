"""Relative effects: the difference as a share of the control's mean, (treatment - control) / |control|.

Dividing by the size of the control's mean keeps the direction: from -10 to -5 is an increase by half. Every function
takes the two-sided critical value and returns the estimate, NaN where the control's mean is 0, and the interval.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

RelativeEffect: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]
"""Estimate, lower and upper limit."""


def fieller_interval(
    control: SampleStatistics, treatment: SampleStatistics, critical: float | FloatArray
) -> RelativeEffect:
    """Return the relative effects that a test of treatment - (1 + r) control keeps (Fieller 1954).

    With the critical value of the test of the difference, it excludes 0 exactly when that test rejects. Where the
    control's mean cannot be told from 0 the interval is unbounded, -inf to inf. Below two units, and without any
    variation, it is NaN.
    """
    base, before, after = control.mean, control.squared_standard_error, treatment.squared_standard_error
    square = critical * critical
    with np.errstate(all="ignore"):
        lift, sign = (treatment.mean - base) / base, np.sign(base)
        noise = before / base / base
        shrink = square * noise
        left = 1 - shrink
        spread = after / base / base * left + (1 + lift) ** 2 * noise
        if control.shared_variance is not None:
            # Both means move together with it: (1 + r) control - treatment moves by r times as much.
            shared = control.shared_variance / base / base
            spread = spread + shared * (lift**2 - shrink - square * after / base / base)
            left = left - square * shared
        half = critical * np.sqrt(np.maximum(spread, 0)) / left
        centre = sign * (lift + shrink) / left
        lower, upper, estimate = centre - half, centre + half, sign * lift
        # Two samples without any variation carry no measure of their uncertainty: no width at all would lie.
        known = before + after > 0
        bounded = known & (left > 0) & np.isfinite(lower) & np.isfinite(upper)
    if bounded.all():
        return estimate, lower, upper
    return (
        np.where(np.isfinite(lift), estimate, np.nan),
        np.where(bounded, lower, np.where(known, -np.inf, np.nan)),
        np.where(bounded, upper, np.where(known, np.inf, np.nan)),
    )


def delta_error(control: SampleStatistics, treatment: SampleStatistics) -> tuple[FloatArray, FloatArray]:
    """Return the relative effect and its standard error to first order (delta method).

    It is symmetric where the distribution is not: with few conversions it misses high far more often than low. NaN
    where the control's mean is 0, below two units and without any variation.
    """
    base = control.mean
    with np.errstate(all="ignore"):
        lift = (treatment.mean - base) / base
        ratio = treatment.mean / base
        square = treatment.squared_standard_error + ratio**2 * control.squared_standard_error
        if control.shared_variance is not None:
            square = square + lift**2 * control.shared_variance
        error = np.sqrt(square) / np.abs(base)
        estimate = np.sign(base) * lift
    known = np.isfinite(lift) & (error > 0) & np.isfinite(error)
    return np.where(np.isfinite(lift), estimate, np.nan), np.where(known, error, np.nan)


def delta_interval(
    control: SampleStatistics, treatment: SampleStatistics, critical: float | FloatArray
) -> RelativeEffect:
    """Return the relative effect plus and minus its standard error to first order; see `delta_error`."""
    estimate, error = delta_error(control, treatment)
    return estimate, estimate - critical * error, estimate + critical * error


def log_ratio_interval(
    control: SampleStatistics, treatment: SampleStatistics, critical: float | FloatArray
) -> RelativeEffect:
    """Return the interval of the logarithm of the ratio of means, carried back (delta method on the log scale).

    It needs positive means: NaN otherwise, below two units and without any variation.
    """
    base, mean = control.mean, treatment.mean
    with np.errstate(all="ignore"):
        lift = (mean - base) / base
        square = treatment.squared_standard_error / mean / mean + control.squared_standard_error / base / base
        if control.shared_variance is not None:
            square = square + control.shared_variance * (1 / mean - 1 / base) ** 2
        half = critical * np.sqrt(np.where((mean > 0) & (base > 0) & (square > 0), square, np.nan))
        logarithm = np.log(mean / base)
        lower, upper = np.expm1(logarithm - half), np.expm1(logarithm + half)
        estimate = np.sign(base) * lift
    return np.where(np.isfinite(lift), estimate, np.nan), lower, upper


RELATIVE_INTERVALS: Mapping[str, Callable[[SampleStatistics, SampleStatistics, float | FloatArray], RelativeEffect]] = {
    "fieller": fieller_interval,
    "delta": delta_interval,
    "log_ratio": log_ratio_interval,
}
"""Every interval of a relative effect by its name: f(control, treatment, critical value)."""
