"""The smallest effect that a test finds with a given power: the planning formulas, solved for the effect."""

import math

from omniforge_graph.statistics.power import (
    NORMAL_UNITS,
    increasing_root,
    power_for_means,
    quantile_sum,
    units_for_proportions,
)

_STEPS = 100


def detectable_in_proportions(
    control: float,
    units: float,
    alpha: float,
    power: float,
    ratio: float = 1.0,
    sides: int = 2,
    *,
    decrease: bool = False,
) -> float:
    """Return the smallest change of a proportion for which `units_for_proportions` asks for no more units.

    Negative for a decrease. NaN where there is none: not even a change to 1 (or to 0) is found so often.
    """
    room = control if decrease else 1 - control
    sign = -1.0 if decrease else 1.0

    def spare(change: float) -> float:
        return units - units_for_proportions(control, control + sign * change, alpha, power, ratio, sides)

    # With a handful of units the demand may rise again towards the end of the room: the first crossing counts.
    enough = (room * step / _STEPS for step in range(1, _STEPS + 1) if spare(room * step / _STEPS) >= 0)
    high = next(enough, math.nan) if room > 0 else math.nan
    return math.nan if math.isnan(high) else sign * increasing_root(spare, 0.0, high)


def detectable_in_means(
    standard_deviation: float, units: float, alpha: float, power: float, ratio: float = 1.0, sides: int = 2
) -> float:
    """Return the smallest difference of means that the t-test finds with the power; NaN below three units in all."""
    if not units * (1 + ratio) > 2:
        return math.nan
    normal = max(quantile_sum(alpha, power, sides), 0.0) * math.sqrt((1 + 1 / ratio) / units)
    if units > NORMAL_UNITS:
        return standard_deviation * normal

    def spare(size: float) -> float:
        return power_for_means(units, size, 1.0, alpha, ratio, sides) - power

    return standard_deviation * increasing_root(spare, 0.0, max(normal, 1e-12))
