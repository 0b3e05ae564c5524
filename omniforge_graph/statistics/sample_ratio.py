"""Did units arrive in the planned proportions?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omniforge_graph.statistics.tails import chi_square_p_value

SAMPLE_RATIO_ALARM = 0.001
"""The p-value below which the sample ratio is a mismatch."""
MINIMUM_EXPECTED = 8
"""Fewer units expected in a variant than this cannot tell a mismatch from chance."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether units arrived in the planned proportions (Fabijan et al. 2019); None when there are too few to tell."""

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float | None
    mismatch: bool


def sample_ratio(observed: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Compare the units of each variant with the planned shares, in any scale (Pearson; Fabijan et al. 2019).

    A mismatch is a p-value below .001, or any unit in a variant that should get none. With fewer than 8 units
    expected in some variant, or a single variant that takes traffic, there is no p-value.
    """
    units, weights = np.asarray(observed, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    whole = weights.sum()
    expected = units.sum() * weights / whole if whole > 0 else np.zeros_like(units)
    told = tuple(int(each) for each in observed), tuple(expected.tolist())
    taking = weights > 0
    if np.any(units[~taking] > 0):
        return SampleRatio(*told, p_value=0.0, mismatch=True)
    if taking.sum() < 2 or expected[taking].min() < MINIMUM_EXPECTED:
        return SampleRatio(*told, p_value=None, mismatch=False)
    statistic = np.asarray(np.sum((units - expected)[taking] ** 2 / expected[taking]))
    p_value = float(chi_square_p_value(statistic, np.asarray(taking.sum() - 1)))
    return SampleRatio(*told, p_value=p_value, mismatch=p_value < SAMPLE_RATIO_ALARM)
