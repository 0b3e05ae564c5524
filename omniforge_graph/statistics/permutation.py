"""The permutation test of a difference of means: right for few units and for any shape of values."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from math import ceil, comb

import numpy as np

from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.grouped import IntArray
from omniforge_graph.statistics.samples import FloatArray

_BLOCK = 2**20
"""Places handled at a time: about 50 MB."""
_TIE = 1e-9
"""Statistics closer than this, relatively, are equal."""


@dataclass(frozen=True, slots=True)
class Permutation:
    """The p-value, and the critical value of the studentised difference at the level asked for.

    The observed statistic lies beyond `critical` exactly when p is below the level; infinite where so few splits
    cannot be that sure. `exact` says that all splits were tried.
    """

    p_value: float
    critical: float
    exact: bool


def permutation_test(
    control: FloatArray,
    treatment: FloatArray,
    alternative: Alternative = Alternative.TWO_SIDED,
    *,
    alpha: float = 0.05,
    resamples: int = 9_999,
    seed: int = 0,
) -> Permutation:
    """Compare Welch's t with what it becomes when the units are dealt out to the variants anew.

    Exact for any number of units if the variant makes no difference at all, and right for large ones if it makes none
    to the mean, because the difference is studentised (Janssen 1997; Chung & Romano 2013). All splits are tried if
    there are no more than `resamples`; otherwise so many random ones and the one observed (Phipson & Smyth 2010). The
    same seed gives the same answer. Both sides need two units.
    """
    pooled = np.concatenate([control, treatment])
    centred = pooled - pooled.mean()
    scale = np.max(np.abs(centred))
    if scale == 0:  # nothing but equal values: every split is like the one observed
        return Permutation(1.0, np.inf, exact=True)
    centred = centred / scale
    exact = comb(len(pooled), len(treatment)) <= resamples
    observed = np.arange(len(control), len(pooled))[None]
    splits = _all(pooled, len(treatment)) if exact else _random(pooled, len(treatment), resamples, seed)
    found = [_studentised(centred, chosen) for chosen in splits]
    here = _studentised(centred, observed)
    every = np.concatenate(found if exact else [*found, here])
    if alternative is Alternative.TWO_SIDED:
        every, here = np.abs(every), np.abs(here)
    elif alternative is Alternative.LESS:
        every, here = -every, -here
    least = here[0] - _TIE * abs(here[0]) if np.isfinite(here[0]) else here[0]
    beyond = int(np.count_nonzero(every >= least))
    allowed = ceil(alpha * len(every) - _TIE) - 1
    critical = np.sort(every)[len(every) - 1 - allowed] if allowed > 0 else np.inf
    return Permutation(beyond / len(every), float(critical), exact)


def _studentised(values: FloatArray, chosen: IntArray) -> FloatArray:
    """Return Welch's t of each split; `chosen` (splits, treatment units) are the places dealt to the treatment."""
    n, after = len(values), chosen.shape[1]
    before = n - after
    taken = values[chosen]
    sums, squares = taken.sum(axis=1), (taken**2).sum(axis=1)
    mean_after, mean_before = sums / after, (values.sum() - sums) / before
    spread_after = squares - after * mean_after**2
    spread_before = (values**2).sum() - squares - before * mean_before**2
    error = np.maximum(spread_after, 0) / (after * (after - 1)) + np.maximum(spread_before, 0) / (before * (before - 1))
    difference = mean_after - mean_before
    # Values of size 1 and less: what is smaller than this is rounding.
    difference = np.where(np.abs(difference) < 1e-14, 0.0, difference)
    sure = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    return np.asarray(np.divide(difference, np.sqrt(error), out=sure, where=error > 1e-15))


def _all(pooled: FloatArray, size: int) -> Iterator[IntArray]:
    every = combinations(range(len(pooled)), size)
    while block := list(islice(every, max(_BLOCK // size, 1))):
        yield np.array(block, dtype=np.intp)


def _random(pooled: FloatArray, size: int, resamples: int, seed: int) -> Iterator[IntArray]:
    generator = np.random.default_rng(seed)
    rows = max(_BLOCK // len(pooled), 1)
    for start in range(0, resamples, rows):
        keys = generator.random((min(rows, resamples - start), len(pooled)))
        yield np.argpartition(keys, size - 1, axis=1)[:, :size]
