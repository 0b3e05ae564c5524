"""Winsorising: extreme unit values count as a bound, so that a few of them do not decide."""

from dataclasses import dataclass

import numpy as np

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Winsorised:
    """Capped values, which of them were beyond a bound, and the bounds in force, infinite where there is none."""

    values: FloatArray
    capped: BoolArray
    lower: float
    upper: float


def winsorise(
    values: FloatArray,
    lower: float | None = None,
    upper: float | None = None,
    percentile: float | None = None,
    weights: FloatArray | None = None,
) -> Winsorised:
    """Replace values beyond a bound by the bound; NaN stays NaN.

    Give the values of all variants at once: `percentile` p makes the least value that a share p of them does not
    exceed the upper bound, and it must be the same for all variants. A percentile that would leave nothing but equal
    values, such as 0.9 where 95 % are 0, sets no bound.

    Raises:
        ValidationError: lower is not below upper, percentile is not between 0 and 1 or comes with an upper bound.
    """
    if percentile is not None and not 0 < percentile < 1:
        raise ValidationError(f"percentile must lie between 0 and 1, not {percentile:g}.", path=("percentile",))
    if percentile is not None and upper is not None:
        raise ValidationError("Give upper or percentile, not both.", path=("percentile",))
    least = -np.inf if lower is None else lower
    most = np.inf if upper is None else upper
    if not least < most:
        raise ValidationError("lower must be less than upper.", path=("lower",))
    known = ~np.isnan(values)
    if percentile is not None and known.any():
        weight = None if weights is None else weights[known]
        bound = float(np.quantile(values[known], percentile, weights=weight, method="inverted_cdf"))
        if bound > max(float(np.min(values[known])), least):
            most = bound
    capped = known & ((values < least) | (values > most))
    return Winsorised(np.clip(values, least, most), capped, least, most)
