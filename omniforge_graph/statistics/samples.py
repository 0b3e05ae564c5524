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
    """

    units: FloatArray
    mean: FloatArray
    variance: FloatArray

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
        """The variance of the mean; NaN below two units."""
        return np.divide(self.variance, self.units, out=np.full_like(self.variance, np.nan), where=self.units > 1)

    def split(self, control: int) -> tuple["SampleStatistics", "SampleStatistics"]:
        """Return the control, with a last axis of one so that it broadcasts, and the treatments in variant order."""
        arrays = (self.units, self.mean, self.variance)
        return (
            SampleStatistics(*(each[..., [control]] for each in arrays)),
            SampleStatistics(*(np.delete(each, control, axis=-1) for each in arrays)),
        )

    def merge(self, other: "SampleStatistics") -> "SampleStatistics":
        """Return the statistics of both samples together (Chan, Golub & LeVeque 1983); exact for shards."""
        n = self.units + other.units
        here, there = np.nan_to_num(self.mean), np.nan_to_num(other.mean)
        squares = [np.nan_to_num(s.variance) * np.maximum(s.units - 1, 0) for s in (self, other)]
        weight = np.divide(other.units, n, out=np.zeros_like(n), where=n > 0)
        gap = np.where((self.units > 0) & (other.units > 0), there - here, 0.0)
        mean = np.where(self.units > 0, here + gap * weight, there)
        total = squares[0] + squares[1] + gap**2 * self.units * weight
        variance = np.divide(total, n - 1, out=np.full_like(n, np.nan), where=n > 1)
        return SampleStatistics(n, np.where(n > 0, mean, np.nan), variance)
