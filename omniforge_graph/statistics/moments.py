"""Joint sufficient statistics of several values of a unit: what adjusted means and ratios are made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.grouped import GroupedRows
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics


@dataclass(frozen=True, slots=True)
class Moments:
    """Units, means, covariances and third moments of q variables, one row of data per unit.

    Shapes: `units` (*slices, variants), `mean` (*slices, variants, q), `covariance` (*slices, variants, q, q),
    `third` as `mean`. The covariance is unbiased, NaN below two units; means are NaN without units. `third` is the
    mean cubed distance from the mean, NaN where it is not known.
    """

    units: FloatArray
    mean: FloatArray
    covariance: FloatArray
    third: FloatArray

    @classmethod
    def of(cls, units: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> "Moments":
        """Build from known statistics, without third moments; refuse what no data can have.

        Raises:
            ValidationError: shapes that do not fit, units that are no whole numbers, a mean or covariance that is not
                finite where there are units, or a negative variance.
        """
        n, m, c = (np.asarray(each, dtype=np.float64) for each in (units, mean, covariance))
        if m.ndim != n.ndim + 1 or m.shape[:-1] != n.shape or c.shape != (*m.shape, m.shape[-1]):
            raise ValidationError(
                "units, mean and covariance must have the shapes (..., v), (..., v, q), (..., v, q, q)."
            )
        if not np.all(np.isfinite(n)) or np.any(n < 0) or np.any(n != np.floor(n)):
            raise ValidationError("units must be whole numbers from 0 up.", path=("units",))
        if not np.all(np.isfinite(m[n > 0])):
            raise ValidationError("mean must be finite (no NaN) where there are units.", path=("mean",))
        known = c[n > 1]
        if not np.all(np.isfinite(known)) or np.any(np.diagonal(known, axis1=-2, axis2=-1) < 0):
            raise ValidationError("covariance must be finite, its variances not negative.", path=("covariance",))
        return cls._where_known(n, m, c, np.full_like(m, np.nan))

    @classmethod
    def of_values(
        cls, values: ArrayLike, group: ArrayLike, groups: int | tuple[int, ...], weights: ArrayLike | None = None
    ) -> "Moments":
        """Summarise rows of unit values by the corrected two-pass algorithm (Chan, Golub & LeVeque 1983).

        An offset of 1e9 costs no digits, and equal values have a variance of exactly 0.

        Args:
            values: shape (rows, q), or (rows,) for one variable.
            group: each row's place among the groups, counted through in C order; shape (rows,).
            groups: how many there are: the number of variants, or the shape (*slices, variants).
            weights: how many units each row stands for, whole numbers; one each if left out.

        Raises:
            ValidationError: values or weights that are not finite, or a group that does not exist.
        """
        shape = (groups,) if isinstance(groups, int) else tuple(groups)
        rows = GroupedRows.of(values, group, math.prod(shape), weights)
        count, q, present = len(rows.lengths), len(rows.columns), rows.present
        units, mean, third = np.zeros(count), np.zeros((count, q)), np.full((count, q), np.nan)
        covariance = np.full((count, q, q), np.nan)
        if len(present):
            size = units[present] = rows.sizes()
            centre = [rows.centre(place) for place in range(q)]
            left = [rows.total(each) / size for each in rows.columns]  # what rounding left of the mean
            for i in range(q):
                mean[present, i] = centre[i] + left[i]
                for j in range(i, q):
                    product = np.multiply(rows.columns[i], rows.columns[j], out=rows.buffer)
                    square = rows.total(product) / size - left[i] * left[j]
                    covariance[present, i, j] = covariance[present, j, i] = square * (size / np.maximum(size - 1, 1))
                    if i == j:
                        product *= rows.columns[i]
                        third[present, i] = rows.total(product) / size - left[i] * (3 * square + left[i] ** 2)
        return cls._where_known(
            units.reshape(shape), mean.reshape(*shape, q), covariance.reshape(*shape, q, q), third.reshape(*shape, q)
        )

    @classmethod
    def _where_known(cls, units: FloatArray, mean: FloatArray, covariance: FloatArray, third: FloatArray) -> "Moments":
        some, several = units[..., None] > 0, units[..., None, None] > 1
        nothing = np.nan
        return cls(
            units,
            np.where(some, mean, nothing),
            np.where(several, covariance, nothing),
            np.where(some, third, nothing),
        )

    @property
    def variance(self) -> FloatArray:
        """The unbiased variances, in the shape of `mean`."""
        return np.diagonal(self.covariance, axis1=-2, axis2=-1)

    @property
    def skewness(self) -> FloatArray:
        """The third moments in standard units, in the shape of `mean`; NaN without variation."""
        n = self.units[..., None]
        spread = (self.variance * (n - 1) / np.maximum(n, 1)) ** 1.5
        return np.divide(self.third, spread, out=np.full_like(spread, np.nan), where=spread > 0)

    def only(self, variables: Sequence[int]) -> "Moments":
        """Return the moments of some of the variables."""
        chosen = list(variables)
        return Moments(
            self.units, self.mean[..., chosen], self.covariance[..., chosen, :][..., chosen], self.third[..., chosen]
        )

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both together (Chan et al. 1983; Pébay 2008 for the third): shards equal the whole."""
        n = self.units + other.units
        weight = np.divide(other.units, n, out=np.zeros_like(n), where=n > 0)[..., None]
        here, there = ((each.units > 0)[..., None] for each in (self, other))
        gap = np.where(here & there, other.mean - self.mean, 0.0)
        sums = [
            np.nan_to_num(each.covariance) * np.maximum(each.units - 1, 0)[..., None, None] for each in (self, other)
        ]
        size = self.units[..., None]
        between = gap[..., :, None] * gap[..., None, :] * (size * weight)[..., None]
        squares = [np.diagonal(each, axis1=-2, axis2=-1) for each in sums]
        cubes = np.where(here, self.third, 0.0) * size + np.where(there, other.third, 0.0) * other.units[..., None]
        cubes += gap**3 * size * weight * (1 - 2 * weight) + 3 * gap * ((1 - weight) * squares[1] - weight * squares[0])
        return self._where_known(
            n,
            np.where(here, self.mean + gap * weight, other.mean),
            (sums[0] + sums[1] + between) / np.maximum(n - 1, 1)[..., None, None],
            cubes / np.maximum(n, 1)[..., None],
        )

    def pooled(self) -> "Moments":
        """Return the moments of all variants together, with a last axis of one instead of the variants."""

        def variant(place: int) -> Moments:
            part = slice(place, place + 1)
            return Moments(
                self.units[..., part],
                self.mean[..., part, :],
                self.covariance[..., part, :, :],
                self.third[..., part, :],
            )

        return reduce(Moments.merge, (variant(place) for place in range(self.units.shape[-1])))


def mean_of(moments: Moments, variable: int = 0) -> SampleStatistics:
    """Return units, mean, variance and skewness of one variable."""
    return SampleStatistics(
        moments.units,
        moments.mean[..., variable],
        moments.covariance[..., variable, variable],
        moments.skewness[..., variable],
    )


def samples_of_values(values: ArrayLike, variant: ArrayLike, variants: int) -> SampleStatistics:
    """Return the statistics of unit values with the values themselves, for tests that need them; without slices.

    Raises:
        ValidationError: values that are not finite, or a variant that does not exist.
    """
    plain, place = np.asarray(values, dtype=np.float64), np.asarray(variant)
    found = mean_of(Moments.of_values(plain, place, variants))
    return replace(found, values=tuple(plain[place == each] for each in range(variants)))
