"""Non-inferiority: is a treatment shown not to be worse than the control by a margin or more?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.difference_intervals import constrained_rates
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

_STEPS = 60
_PRECISION = 1e-13
_LAST = 1 - 1e-12
"""A relative change to a million million times the control's rate: further than any rates are apart."""
_NEAR = 1e-12


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """The outcome for each treatment; all arrays have the shape (*slices, treatments).

    `estimate` is treatment - control, and `bound` the worst such difference that the data do not exclude at the
    one-sided level: below the estimate where higher is better, above it where lower is. Both are in the metric's unit.
    `statistic` is the standardised distance from the margin, and large where the treatment is not inferior; the
    p-value is its upper tail. NaN without units, and where there is no variation to measure by.
    """

    estimate: FloatArray
    bound: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    log10_p_value: FloatArray


def non_inferiority(
    control: SampleStatistics,
    treatment: SampleStatistics,
    margin: float,
    *,
    relative: bool = False,
    higher_is_better: bool = True,
    rates: bool = False,
    score: bool = True,
    alpha: float = 0.05,
) -> NonInferiority:
    """Test the hypothesis that each treatment is worse than the control by `margin` or more, at one-sided `alpha`.

    The margin is above 0: in the metric's unit or, if `relative`, a share M of the control's mean m1, below 1. The
    hypothesis is then m2 <= (1 - M) m1, with the control's uncertainty in it, rather than a margin fixed at M times
    its estimate. The bound excludes the margin exactly when p < alpha.

    Means, and rates unless `score`, are compared by z with separate variances; rates by the score test with the rates
    that are likeliest at the margin (Farrington & Manning 1990). Adjusted rates are no longer counts, and
    no rates differ by a margin of 1: there they are compared as means.

    Raises:
        ValidationError: `margin` or `alpha` is out of its range.
    """
    if not 0 < margin < (1 if relative else np.inf):
        raise ValidationError("margin must be above 0, and below 1 where it is relative.", path=("margin",))
    if not 0 < alpha < 1:
        raise ValidationError("alpha must be between 0 and 1.", path=("alpha",))
    worse = -1.0 if higher_is_better else 1.0
    with np.errstate(all="ignore"):
        estimate = treatment.mean - control.mean
        # The hypothesis is m2 - factor * m1 = edge, or worse.
        factor = 1 + worse * margin * np.sign(control.mean) if relative else np.ones_like(control.mean)
        edge = 0.0 if relative else worse * margin
        critical = -float(scipy.special.ndtri(alpha))
        if rates and score and control.shared_variance is None and margin < 1:
            statistic = _score(control, treatment, worse * margin, relative=relative)
            bound = _score_bound(control, treatment, worse * critical, relative=relative)
        else:
            error = np.sqrt(_squared_error(control, treatment, factor, counts=rates))
            statistic = (treatment.mean - factor * control.mean - edge) / error
            bound = estimate + worse * critical * error
        known = np.isfinite(statistic)
        statistic = np.where(known, -worse * statistic, np.nan)
    p_value, log_p = scipy.special.ndtr(-statistic), scipy.special.log_ndtr(-statistic)
    return NonInferiority(estimate, np.where(known, bound, np.nan), statistic, p_value, log_p / np.log(10))


def constrained_ratio(
    control_hits: FloatArray, control_units: FloatArray, hits: FloatArray, units: FloatArray, ratio: FloatArray
) -> FloatArray:
    """Return the likeliest control rate among those of which the treatment's is `ratio` times (Farrington & M. 1990).

    The hits need not be whole numbers. The smaller root of a quadratic, written so that nothing cancels.
    """
    half = (ratio * (units + control_hits) + hits + control_units) / 2
    product = ratio * (units + control_units) * (hits + control_hits)
    rate = (hits + control_hits) / (half + np.sqrt(np.maximum(half**2 - product, 0.0)))
    return np.asarray(np.clip(rate, 0.0, np.minimum(1.0, 1 / ratio)))


def _squared_error(
    control: SampleStatistics, treatment: SampleStatistics, factor: FloatArray, *, counts: bool
) -> FloatArray:
    """Return the variance of treatment - factor * control, with the variances of counts where they are counts."""
    if counts and control.shared_variance is None:
        before, after = (each.mean * (1 - each.mean) / each.units for each in (control, treatment))
    else:
        before, after = control.squared_standard_error, treatment.squared_standard_error
    square = after + factor**2 * before
    return square if control.shared_variance is None else square + (1 - factor) ** 2 * control.shared_variance


def _score(
    control: SampleStatistics, treatment: SampleStatistics, change: float | FloatArray, *, relative: bool
) -> FloatArray:
    """Return the distance of the rates from a difference, or a relative change, in its own standard errors."""
    distance, error = _distance(control, treatment, np.asarray(change), relative=relative)
    return distance / error


def _distance(
    control: SampleStatistics, treatment: SampleStatistics, change: FloatArray, *, relative: bool
) -> tuple[FloatArray, FloatArray]:
    """Return how far the rates are from a change, and the standard error if it were the true one."""
    gap = np.broadcast_to(change, np.broadcast_shapes(control.mean.shape, treatment.mean.shape))
    if relative:
        factor = 1 + gap
        before = constrained_ratio(control.conversions, control.units, treatment.conversions, treatment.units, factor)
        after, distance = factor * before, treatment.mean - factor * control.mean
    else:
        factor, distance = np.ones_like(gap), treatment.mean - control.mean - gap
        before, after = constrained_rates(control, treatment, gap)
    square = after * (1 - after) / treatment.units + factor**2 * before * (1 - before) / control.units
    return distance, np.sqrt(np.maximum(square, 0.0))


def _score_bound(
    control: SampleStatistics, treatment: SampleStatistics, critical: float, *, relative: bool
) -> FloatArray:
    """Return the difference that is -`critical` errors away from the rates."""

    def change(at: FloatArray) -> FloatArray:
        # A relative change runs from -1 to infinity.
        return np.asarray(at / (1 - at) - 1 if relative else 2 * at - 1)

    def missing(at: FloatArray) -> FloatArray:
        distance, error = _distance(control, treatment, change(at), relative=relative)
        return np.asarray((distance + critical * error) * (1 - at if relative else 1.0))

    estimate = treatment.mean / (treatment.mean + control.mean) if relative else (treatment.mean - control.mean + 1) / 2
    # The estimate itself may be a root, where the rates are 0 or 1: the one that is wanted lies on one side of it.
    if critical > 0:
        low, high = np.minimum(estimate + _NEAR, _LAST), np.full_like(estimate, _LAST)
    else:
        low, high = np.zeros_like(estimate), np.maximum(estimate - _NEAR, 0.0)
    bound = change(_crossing(missing, low, high, estimate))
    return np.where(control.mean > 0, bound * control.mean, np.nan) if relative else bound


def _crossing(
    decreasing: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, otherwise: FloatArray
) -> FloatArray:
    """Return where functions fall below zero, by the Illinois method (Dowell & Jarratt 1971); else `otherwise`."""
    above, below = decreasing(low), decreasing(high)
    crossed = (above > 0) & (below < 0)
    above, below = np.where(crossed, above, 1.0), np.where(crossed, below, -1.0)
    middle, before = low, np.zeros_like(low)
    for _ in range(_STEPS):
        middle = np.clip(low + (high - low) * above / (above - below), low, high)
        value = np.where(crossed, decreasing(middle), 0.0)
        if not np.any(np.abs(value) > _PRECISION):
            break
        side = np.sign(value)
        # An end that stays twice in a row weighs half, or it would stay for ever.
        stale = side == before
        below = np.where(side > 0, np.where(stale, below / 2, below), value)
        above = np.where(side > 0, value, np.where(stale, above / 2, above))
        low, high = np.where(side > 0, middle, low), np.where(side > 0, high, middle)
        before = side
    return np.where(crossed, middle, otherwise)
