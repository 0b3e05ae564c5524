"""Outcomes that come in clusters: how much less the requests of the same units tell than as many independent ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from omniforge_graph.statistics.moments import Moments
from omniforge_graph.statistics.ratio import ratio_of
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

_CANCELLED = 1e-12
"""A variance below this share of the mean square is rounding."""


@dataclass(frozen=True, slots=True)
class DesignEffect:
    """A mean per outcome over units that have several, per variant; shapes (*slices, variants).

    `mean` is the mean per outcome as a ratio over units. `effect` is its squared standard error over that of as many
    independent outcomes (Kish 1965), and `effective` how many independent outcomes would tell as much. NaN below two
    units, below two outcomes, or without variation.
    """

    mean: SampleStatistics
    outcomes: FloatArray
    effect: FloatArray
    effective: FloatArray


def design_effect(
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike,
    group: ArrayLike,
    groups: int | tuple[int, ...],
    weights: ArrayLike | None = None,
) -> DesignEffect:
    """Compare the variance of a mean per outcome with what it would be if outcomes were independent.

    Args:
        sums: each unit's sum of outcomes, shape (units,).
        counts: each unit's number of outcomes; a unit without any counts as a unit.
        squares: each unit's sum of squared outcomes.
        group: each unit's place among the groups.
        groups: the number of variants, or the shape (*slices, variants).
        weights: how many units each row stands for; one each if left out.

    Raises:
        ValidationError: numbers that are not finite, or a group that does not exist.
    """
    moments = Moments.of_values(np.stack([sums, counts, squares], axis=-1), group, groups, weights)
    mean = ratio_of(moments)
    with np.errstate(invalid="ignore", divide="ignore"):
        outcomes = np.where(moments.units > 0, np.rint(moments.mean[..., 1] * moments.units), 0.0)
        mean_square = moments.mean[..., 2] / moments.mean[..., 1]
        spread = mean_square - mean.mean**2
        known = (spread > _CANCELLED * mean_square) & (outcomes > 1)
        independent = np.where(known, spread / (outcomes - 1), np.nan)
        effect = mean.squared_standard_error / independent
        effective = np.where(effect > 0, outcomes / effect, np.nan)
    return DesignEffect(mean, outcomes, effect, effective)
