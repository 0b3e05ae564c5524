"""Unit-level sufficient statistics: all that most tests need to know of the data.

Arrays end in an axis over variants (or treatments); any leading axes are slices, so that one formula serves one
comparison or ten thousand. NaN means "not computable" and never leaves the analyzer.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniforge_graph.errors import ValidationError

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SampleStatistics:
    """Units, mean and unbiased variance of each variant; one row of data is one unit.

    Shape of all three: (*slices, variants). `mean` is NaN where there are no units, `variance` NaN below two.

    What else may be known; None is unknown:
    `skewness`, of the unit values, in the same shape; NaN where it is not known.
    `shared_variance`, the variance of what the means of all variants have in common, such as the covariates' mean that
    adjusted means are taken at; shape (*slices, 1), None is 0. It cancels in a difference and counts in a ratio.
    `values`, the unit values of each variant; only without slices.
    """

    units: FloatArray
    mean: FloatArray
    variance: FloatArray
    skewness: FloatArray | None = None
    shared_variance: FloatArray | None = None
    values: tuple[FloatArray, ...] | None = None

    @classmethod
    def of(cls, units: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> "SampleStatistics":
        """Build from anything array-like; refuse negative or non-finite numbers where units exist."""
        n, m, v = (np.asarray(each, dtype=np.float64) for each in (units, mean, variance))
        if not n.shape == m.shape == v.shape or n.ndim == 0:
            raise ValidationError("units, mean and variance must have one shape, (*slices, variants).")
        if not np.all(np.isfinite(n)) or np.any(n < 0) or np.any(n != np.floor(n)):
            raise ValidationError("units must be whole numbers from 0 up.", path=("units",))
        if not np.all(np.isfinite(m[n > 0])):
            raise ValidationError("mean must be finite (no NaN) where there are units.", path=("mean",))
        if not np.all(np.isfinite(v[n > 1])) or np.any(v[n > 1] < 0):
            raise ValidationError("variance must be finite and not negative.", path=("variance",))
        return cls(n, np.where(n > 0, m, np.nan), np.where(n > 1, v, np.nan))

    @classmethod
    def of_rates(cls, conversions: ArrayLike, units: ArrayLike) -> "SampleStatistics":
        """Build from counts of units and of those that converted."""
        x, n = (np.asarray(each, dtype=np.float64) for each in (conversions, units))
        if not np.all(np.isfinite(x)) or np.any(x < 0) or np.any(x != np.floor(x)):
            raise ValidationError("conversions must be whole numbers from 0 up.", path=("conversions",))
        if x.shape != n.shape or np.any(x > n):
            raise ValidationError("conversions must not exceed units.", path=("conversions",))
        rate = np.divide(x, n, out=np.full_like(n, np.nan), where=n > 0)
        variance = np.divide(x * (n - x), n * (n - 1), out=np.full_like(n, np.nan), where=n > 1)
        return cls.of(n, rate, variance)

    @property
    def conversions(self) -> FloatArray:
        """Units times mean, as whole numbers: the converted units of a BINARY metric."""
        return np.where(self.units > 0, np.rint(self.units * np.nan_to_num(self.mean)), 0.0)

    @property
    def squared_standard_error(self) -> FloatArray:
        """The variance of the mean; NaN below two units, where the variance is."""
        return self.variance / self.units

    def split(self, control: int) -> tuple["SampleStatistics", "SampleStatistics"]:
        """Return the control, with a last axis of one so that it broadcasts, and the treatments in variant order."""
        after = control + 1

        def others(array: FloatArray) -> FloatArray:
            if control == 0:
                return array[..., 1:]
            return np.concatenate([array[..., :control], array[..., after:]], axis=-1)

        skewness, values = self.skewness, self.values
        return (
            SampleStatistics(
                self.units[..., control:after],
                self.mean[..., control:after],
                self.variance[..., control:after],
                None if skewness is None else skewness[..., control:after],
                self.shared_variance,
                None if values is None else values[control:after],
            ),
            SampleStatistics(
                others(self.units),
                others(self.mean),
                others(self.variance),
                None if skewness is None else others(skewness),
                self.shared_variance,
                None if values is None else values[:control] + values[after:],
            ),
        )

    def merge(self, other: "SampleStatistics") -> "SampleStatistics":
        """Return the statistics of both samples together (Chan, Golub & LeVeque 1983); exact for shards.

        The skewness survives where both have one, the values where both have them. Adjusted means of shards were
        adjusted by different slopes and around different points: merge their `Moments` before adjusting. Here their
        shared variances are taken to be independent.
        """
        n = self.units + other.units
        here, there = np.nan_to_num(self.mean), np.nan_to_num(other.mean)
        squares = [np.nan_to_num(s.variance) * np.maximum(s.units - 1, 0) for s in (self, other)]
        weight = np.divide(other.units, n, out=np.zeros_like(n), where=n > 0)
        gap = np.where((self.units > 0) & (other.units > 0), there - here, 0.0)
        mean = np.where(self.units > 0, here + gap * weight, there)
        total = squares[0] + squares[1] + gap**2 * self.units * weight
        variance = np.divide(total, n - 1, out=np.full_like(n, np.nan), where=n > 1)
        return SampleStatistics(
            n,
            np.where(n > 0, mean, np.nan),
            variance,
            _merged_skewness(self, other, gap, total),
            _merged_shared_variance(self, other),
            None
            if self.values is None or other.values is None
            else tuple(np.concatenate(each) for each in zip(self.values, other.values, strict=True)),
        )


def _merged_skewness(
    one: SampleStatistics, other: SampleStatistics, gap: FloatArray, squares: FloatArray
) -> FloatArray | None:
    """Return the skewness of both together (Pébay 2008), given the gap of their means and their sum of squares."""
    if one.skewness is None or other.skewness is None:
        return None
    n, parts = one.units + other.units, []
    for each, skewness in ((one, one.skewness), (other, other.skewness)):
        square = np.nan_to_num(each.variance) * np.maximum(each.units - 1, 0)
        spread = (square / np.maximum(each.units, 1)) ** 1.5 * each.units
        parts.append((square, np.where(square > 0, skewness * spread, 0.0)))
    (square_1, cube_1), (square_2, cube_2) = parts
    weight = other.units / np.maximum(n, 1)
    between = gap**3 * one.units * weight * (1 - 2 * weight)
    cubes = cube_1 + cube_2 + between + 3 * gap * ((1 - weight) * square_2 - weight * square_1)
    spread = (squares / np.maximum(n, 1)) ** 1.5 * n
    return np.divide(cubes, spread, out=np.full_like(n, np.nan), where=spread > 0)


def _merged_shared_variance(one: SampleStatistics, other: SampleStatistics) -> FloatArray | None:
    if one.shared_variance is None and other.shared_variance is None:
        return None
    sizes = [each.units.sum(axis=-1, keepdims=True) for each in (one, other)]
    whole = np.maximum(sizes[0] + sizes[1], 1)
    shared = [np.zeros_like(whole) if s.shared_variance is None else s.shared_variance for s in (one, other)]
    return np.asarray((sizes[0] / whole) ** 2 * shared[0] + (sizes[1] / whole) ** 2 * shared[1])
