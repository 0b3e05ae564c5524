"""Rows of unit values brought into the order of their groups, so that a group's sums are sums of neighbours."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.samples import FloatArray

IntArray: TypeAlias = NDArray[np.intp]

_FEW_GROUPS = 8


@dataclass(frozen=True, slots=True)
class GroupedRows:
    """Columns of values in the order of their groups.

    `lengths` counts the rows of each group; `present` are the groups that have any, `starts` the first row of each of
    those. `buffer` is scratch space of one column.
    """

    columns: list[FloatArray]
    weight: FloatArray | None
    lengths: IntArray
    present: IntArray
    starts: IntArray
    buffer: FloatArray

    @classmethod
    def of(cls, values: ArrayLike, group: ArrayLike, count: int, weights: ArrayLike | None) -> "GroupedRows":
        """Check and sort the rows; see `Moments.of_values`."""
        table, place = np.asarray(values, dtype=np.float64), np.asarray(group)
        if table.ndim not in (1, 2) or place.shape != table.shape[:1]:
            raise ValidationError("values must have the shape (rows, q) and group the shape (rows,).", path=("values",))
        if place.size and (place.dtype.kind not in "iu" or place.min() < 0 or place.max() >= count):
            raise ValidationError(f"group must hold whole numbers from 0 to {count - 1}.", path=("group",))
        weight = None if weights is None else np.asarray(weights, dtype=np.float64)
        if weight is not None:
            if weight.shape != place.shape or not np.all(np.isfinite(weight)) or np.any(weight < 0):
                raise ValidationError("weights must be finite, not negative, and one per row.", path=("weights",))
            if not np.all(weight):
                kept = weight > 0
                table, place, weight = table[kept], place[kept], weight[kept]
            weight = None if np.all(weight == 1) else weight
        order, lengths = _by_group(place, count)
        columns = [each[order] for each in (table.T if table.ndim == 2 else [table])]
        present = np.flatnonzero(lengths)
        starts = np.cumsum(lengths[present]) - lengths[present]
        weight = None if weight is None else weight[order]
        return cls(columns, weight, lengths, present, starts, np.empty(len(place)))

    def sizes(self) -> FloatArray:
        """Return the units of each group that has any."""
        if self.weight is None:
            return self.lengths[self.present].astype(np.float64)
        return np.add.reduceat(self.weight, self.starts)

    def total(self, column: FloatArray) -> FloatArray:
        """Return the sums of the groups that have rows; `column` may be the buffer, which it does not keep."""
        return np.add.reduceat(column if self.weight is None else column * self.weight, self.starts)

    def centre(self, place: int) -> FloatArray:
        """Return the groups' means, nearly, and subtract them from the column; a group of equal values becomes 0."""
        column = self.columns[place]
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.total(column) / self.sizes()
        if not np.all(np.isfinite(mean)):  # one pass less than to look at every value
            raise ValidationError("values must be finite: no NaN, no infinity.", path=("values",))
        first = column[self.starts]
        equal = np.minimum.reduceat(column, self.starts) == np.maximum.reduceat(column, self.starts)
        mean = np.where(equal, first, mean)
        column -= np.repeat(mean, self.lengths[self.present])
        return mean


def _by_group(place: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Return the rows in the order of their groups and the rows of each group, in linear time.

    A few groups are looked up one by one; keys of at most 16 bits are sorted by their digits.
    """
    if count <= _FEW_GROUPS:
        found = [np.flatnonzero(place == each) for each in range(count)]
        return np.concatenate(found), np.array([len(each) for each in found])
    kind = next((each for each in (np.uint8, np.uint16) if count <= np.iinfo(each).max + 1), np.intp)
    return np.argsort(place.astype(kind), kind="stable"), np.bincount(place, minlength=count)
