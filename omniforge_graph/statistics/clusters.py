"""How much units that have several outcomes each blur a mean of outcomes."""

import numpy as np
from numpy.typing import ArrayLike

from omniforge_graph.statistics.moments import Moments
from omniforge_graph.statistics.ratio import ratio_of
from omniforge_graph.statistics.samples import FloatArray


def design_effect(moments: Moments, squares: ArrayLike) -> FloatArray:
    """Return the variance of a mean per outcome over what as many independent outcomes would have (Kish 1965).

    Args:
        moments: of each unit's (sum of outcomes, number of outcomes).
        squares: the sum of all squared outcomes of each group; shape (*slices, variants).

    Returns:
        Shape (*slices, variants): 1 where outcomes of a unit are unrelated, NaN where it cannot be told.
    """
    mean = ratio_of(moments)
    outcomes = moments.mean[..., 1] * moments.units
    with np.errstate(all="ignore"):
        variance = (np.asarray(squares) / outcomes - mean.mean**2) * (outcomes / (outcomes - 1))
        effect = mean.squared_standard_error / (variance / outcomes)
    return np.where((variance > 0) & np.isfinite(effect), effect, np.nan)
