"""Ratios of means, such as cost per request, with the unit as the unit of randomisation (Deng, Knoblich & Lu 2018)."""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

_CANCELLED = 1e-13
"""A difference of variances below this share of them is rounding."""
_NOTHING = 1e-30
"""A denominator below this is none: what is divided by its square would soon be beyond all numbers."""


def ratio_of(moments: Moments, numerator: int = 0, denominator: int = 1) -> SampleStatistics:
    """Return the ratio of two means in the place of a mean, with the variance a unit's share in it has.

    R = M / D; the squared standard error of R is (v_m - 2 R c_md + R^2 v_d) / (D^2 n) to first order (delta method).
    Units whose denominator is 0 count like any other. A denominator of 0 in total, or below 1e-30, gives NaN.
    """
    return mean_of(as_ratios(moments, [(numerator, denominator)]))


def as_ratios(moments: Moments, parts: Sequence[int | tuple[int, int]]) -> Moments:
    """Return the moments of parts of the variables: one as it is, or the ratio of two (numerator, denominator).

    A ratio is linearised: what a unit contributes to it is (m - R d) / D, to first order. So everything that works on
    means works on ratios: for CUPED with a ratio before the experiment, `adjust(as_ratios(moments, [(0, 1), (2, 3)]),
    equal_weights=True)`. Third moments of ratios are not known.
    """
    mean, third = (np.full((*moments.units.shape, len(parts)), np.nan) for _ in range(2))
    gradient = np.zeros((*mean.shape, moments.mean.shape[-1]))
    for place, part in enumerate(parts):
        if isinstance(part, int):
            mean[..., place], third[..., place] = moments.mean[..., part], moments.third[..., part]
            gradient[..., place, part] = 1.0
            continue
        above, below = (moments.mean[..., each] for each in part)
        defined = np.abs(below) > _NOTHING
        ratio = np.divide(above, below, out=np.full_like(below, np.nan), where=defined)
        mean[..., place] = ratio
        gradient[..., place, part[0]] = np.divide(1.0, below, out=np.full_like(below, np.nan), where=defined)
        gradient[..., place, part[1]] = np.divide(-ratio, below, out=np.full_like(below, np.nan), where=defined)
    return Moments(moments.units, mean, _carried(moments.covariance, gradient), third)


def _carried(covariance: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return J C J', with variances that are nothing but rounding as 0."""
    with np.errstate(invalid="ignore"):
        carried = gradient @ covariance @ np.swapaxes(gradient, -1, -2)
        size = np.einsum("...ij,...jj->...i", gradient**2, covariance)
        nothing = np.diagonal(carried, axis1=-2, axis2=-1) < _CANCELLED * size
    carried = (carried + np.swapaxes(carried, -1, -2)) / 2
    return np.where(nothing[..., :, None] | nothing[..., None, :], 0.0, carried)
