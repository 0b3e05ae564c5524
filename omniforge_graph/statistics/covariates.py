"""Variance reduction by covariates that were known before the experiment (CUPED; Deng, Xu, Kohavi & Walker 2013)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

_NO_VARIANCE = 1e-24
"""A variance below this share of the squared mean is rounding."""
_DEPENDENT = 1e-10
"""A covariate of whose variance other covariates leave less than this share tells nothing new."""
_CANCELLED = 1e-13
"""A difference of variances below this share of them is rounding."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Means adjusted by covariates.

    `samples` are the adjusted means, at the mean `centre` that the covariates have over all variants, with the
    variances of the adjusted values; the skewness is that of the values before. `unadjusted` is what they were.
    `theta` holds the slope of each covariate, 0 for one that was left out; shapes (*slices, covariates). `explained`
    is the variance of what is subtracted from a unit's value and `common` its covariance with the value, per variant.
    """

    samples: SampleStatistics
    unadjusted: SampleStatistics
    theta: FloatArray
    centre: FloatArray
    explained: FloatArray
    common: FloatArray

    def variance_reduction(self, control: int = 0) -> FloatArray:
        """Return the share of the difference's squared standard error that is gone; shape (*slices, treatments)."""
        square, before = (
            one.squared_standard_error + other.squared_standard_error
            for one, other in (self.samples.split(control), self.unadjusted.split(control))
        )
        return np.divide(before - square, before, out=np.full_like(before, np.nan), where=before > 0)

    def values(self, rows: ArrayLike) -> FloatArray:
        """Return unit values adjusted alike: rows (rows, 1 + covariates) of the value and its covariates, unsliced."""
        table = np.asarray(rows, dtype=np.float64)
        return np.asarray(table[:, 0] - (table[:, 1:] - self.centre) @ self.theta)


def adjust(
    moments: Moments, covariates: Sequence[int] | None = None, *, variable: int = 0, equal_weights: bool = False
) -> Adjustment:
    """Adjust the means of a variable by covariates: all other variables, unless some are named.

    The slopes are those of least squares on all units of all variants together, or, with `equal_weights`, on the
    plain average of the variants' covariances, as is done for ratios. A covariate that does not vary, is not known in
    some variant, or follows from those before it, is left out; without any left, the result is exactly the unadjusted
    one.
    """
    chosen = [each for each in range(moments.mean.shape[-1]) if each != variable] if covariates is None else covariates
    ordered = moments.only([variable, *chosen])
    pooled = ordered.pooled()
    mean = pooled.mean[..., 0, :]
    covariance = _average(ordered) if equal_weights else pooled.covariance[..., 0, :, :]
    theta = slopes(covariance, mean, _known(ordered))
    plain = mean_of(ordered)
    centre = mean[..., 1:]
    distance = np.nan_to_num(ordered.mean[..., 1:] - centre[..., None, :])
    matrix = np.nan_to_num(ordered.covariance[..., 1:, 1:])
    slope = theta[..., None, :]
    common = np.sum(slope * np.nan_to_num(ordered.covariance[..., 0, 1:]), axis=-1)
    explained = np.einsum("...i,...ij,...j->...", slope, matrix, slope)
    variance = plain.variance - 2 * common + explained
    variance = np.where(variance < _CANCELLED * (plain.variance + explained), 0.0, variance)
    units = np.maximum(pooled.units, 1)
    between = np.einsum("...i,...ij,...j->...", theta, np.nan_to_num(pooled.covariance[..., 0, 1:, 1:]), theta)
    samples = SampleStatistics(
        plain.units,
        plain.mean - np.sum(slope * distance, axis=-1),
        variance,
        plain.skewness,
        between[..., None] / units,
    )
    return Adjustment(samples, plain, theta, centre, explained, common)


def relative_gradient(
    adjustment: Adjustment, control: int = 0, *, at_adjusted: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Return the adjusted difference as a share of the control's unadjusted mean, and its standard error.

    First order in all means at once, those of the covariates included; shapes (*slices, treatments). NaN where the
    control's mean is 0. The gradient is taken at the treatment's unadjusted mean, or, with `at_adjusted`, at the
    control's plus the adjusted difference; both tend to the same.
    """
    plain_control, plain_treatment = adjustment.unadjusted.split(control)
    adjusted_control, adjusted_treatment = adjustment.samples.split(control)
    of_control = np.s_[..., control : control + 1]
    common, explained = adjustment.common[of_control], adjustment.explained[of_control]
    base = plain_control.mean
    with np.errstate(all="ignore"):
        difference = adjusted_treatment.mean - adjusted_control.mean
        ratio = 1 + difference / base if at_adjusted else plain_treatment.mean / base
        before = ratio**2 * plain_control.variance - 2 * ratio * common + explained
        square = adjusted_treatment.squared_standard_error + before / plain_control.units
        estimate = difference / np.abs(base)
        error = np.sqrt(square) / np.abs(base)
    known = np.isfinite(estimate)
    return np.where(known, estimate, np.nan), np.where(known & np.isfinite(error), error, np.nan)


def slopes(covariance: FloatArray, mean: FloatArray, known: FloatArray | None = None) -> FloatArray:
    """Return the least-squares slopes of the first variable on the others, 0 for those left out.

    `covariance` (..., q, q), `mean` and `known` (..., q): variables that may be used. The covariates are swept in one
    after the other (Goodnight 1979); one that does not vary, or that those before it determine, is passed over.
    """
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(mean) & (variance > _NO_VARIANCE * mean**2)
    usable &= np.isfinite(covariance[..., 0, :])
    if known is not None:
        usable &= known > 0
    scale = np.sqrt(np.where(usable, variance, 1.0))
    pairs = usable[..., :, None] & usable[..., None, :]
    table = np.where(pairs, covariance / (scale[..., :, None] * scale[..., None, :]), 0.0)
    taken = np.zeros_like(usable)
    for place in range(1, table.shape[-1]):
        pivot = table[..., place, place]
        taken[..., place] = pivot > _DEPENDENT
        table = np.where(taken[..., place, None, None], _swept(table, place), table)
    theta = table[..., 0, 1:] * scale[..., :1] / scale[..., 1:]
    return np.asarray(np.where(taken[..., 1:] & usable[..., :1], theta, 0.0))


def _swept(table: FloatArray, place: int) -> FloatArray:
    """Return a symmetric matrix with one variable swept in: what is left of the others, and their slopes on it."""
    pivot = table[..., place, place]
    pivot = np.where(pivot > _DEPENDENT, pivot, 1.0)[..., None]
    column = table[..., :, place]
    row = table[..., place, :] / pivot
    swept = table - column[..., :, None] * row[..., None, :]
    swept[..., :, place] = column / pivot
    swept[..., place, :] = row
    swept[..., place, place] = -1 / pivot[..., 0]
    return np.asarray(swept)


def _known(moments: Moments) -> FloatArray:
    """Return 1 for each variable whose mean is known in every variant that has units, else 0."""
    missing = np.isnan(moments.mean) & (moments.units > 0)[..., None]
    return np.asarray(~missing.any(axis=-2), dtype=np.float64)


def _average(moments: Moments) -> FloatArray:
    known = np.isfinite(moments.covariance)
    total = np.sum(np.where(known, moments.covariance, 0.0), axis=-3)
    count = np.sum(known, axis=-3)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))


def fill_missing(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return covariates (rows, covariates) with each NaN replaced by the mean of those known, over all variants.

    Nobody's variant has changed what came before it, so this cannot favour one. A column without any value becomes 0,
    does not vary, and is left out by `adjust`.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    weight = np.ones(len(values)) if weights is None else weights
    known = np.where(missing, 0.0, weight[:, None])
    count = known.sum(axis=0)
    mean = np.divide((np.nan_to_num(values) * known).sum(axis=0), count, out=np.zeros_like(count), where=count > 0)
    return np.where(missing, mean, values)
