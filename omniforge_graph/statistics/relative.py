"""Relative effects: the difference as a share of the control's mean."""

import numpy as np

from omniforge_graph.statistics.samples import FloatArray, SampleStatistics


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
