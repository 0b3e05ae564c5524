"""Equal values among sorted ones: how many there are, and where they may have come from before they were rounded."""

from dataclasses import dataclass

import numpy as np

from omniforge_graph.statistics.grouped import IntArray
from omniforge_graph.statistics.samples import BoolArray, FloatArray

_FUZZ = 1e-12
"""Values closer than this, as a share of their size, are equal but for the rounding of floating point."""


@dataclass(frozen=True, slots=True)
class Ties:
    """Runs of equal values, group by group: `run` is each row's run, `starts` the first row and `lengths` the rows."""

    ordered: FloatArray
    run: IntArray
    starts: IntArray
    lengths: IntArray

    @classmethod
    def among(cls, ordered: FloatArray, group: IntArray) -> "Ties":
        """Find the runs of values that ascend within each group."""
        fresh = np.ones(len(ordered), dtype=np.bool_)
        fresh[1:] = (np.diff(ordered) > _FUZZ * np.abs(ordered[1:])) | (group[1:] != group[:-1])
        starts = np.flatnonzero(fresh)
        return cls(ordered, np.cumsum(fresh) - 1, starts, np.diff(starts, append=len(ordered)))

    def crowded(self, first: IntArray, last: IntArray) -> BoolArray:
        """Say which stretches of rows, both ends included, have fewer than half as many values as rows."""
        return np.asarray(2 * (self.run[last] - self.run[first] + 1) < last - first + 1)

    def longest(self, first: IntArray, last: IntArray) -> IntArray:
        """Return the length of the longest run that reaches into each stretch of rows."""
        pairs = zip(self.run[first].tolist(), self.run[last].tolist(), strict=True)
        return np.array([self.lengths[one : other + 1].max() for one, other in pairs], dtype=np.intp)

    def spread(self) -> FloatArray:
        """Return the values with those of each run spread evenly over the rounding step around them; they ascend still.

        The step is the median distance between neighbours among all values of all groups, and never reaches beyond
        the middle between two neighbours. It is the same for every group, so that groups drawn from one distribution
        keep one distribution.
        """
        values = self.ordered[self.starts]
        known = np.sort(values)
        distinct = known[np.concatenate([[True], np.diff(known) > _FUZZ * np.abs(known[1:])])]
        gaps = np.diff(distinct)
        if not len(gaps):
            return self.ordered
        step = np.median(gaps)
        place = np.clip(np.searchsorted(distinct, values * (1 - np.sign(values) * _FUZZ)), 0, len(gaps))
        below = np.minimum(np.concatenate([[step], gaps])[place], step) / 2
        above = np.minimum(np.concatenate([gaps, [step]])[place], step) / 2
        at = (np.arange(len(self.ordered)) - self.starts[self.run] + 0.5) / self.lengths[self.run]
        moved = values - below
        return np.asarray(moved[self.run] + at * (below + above)[self.run])
