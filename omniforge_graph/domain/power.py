"""How many units an experiment needs: enough to find the smallest effect worth detecting, at one final look."""

import math
from collections.abc import Callable

import numpy as np
import scipy

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.errors import ValidationError

LARGE_SHIFT = 100.0
"""Standard errors between the hypotheses; beyond, a plan needs next to no units."""
MAX_PLANNED_UNITS = 2**31 - 1
"""Plans beyond two billion units are refused: no experiment on prompts has them."""


def units_for_proportions(control: float, treatment: float, alpha: float, power: float) -> float:
    """Return the units per variant to tell two proportions apart by the two-sided pooled z-test (Fleiss 1981).

    The variance is pooled under the null and separate under the alternative, without continuity correction, as in
    R's ``power.prop.test``. The result is not rounded.
    """
    pooled = (control + treatment) / 2
    null = -scipy.special.ndtri(alpha / 2) * math.sqrt(2 * pooled * (1 - pooled))
    alternative = scipy.special.ndtri(power) * math.sqrt(control * (1 - control) + treatment * (1 - treatment))
    gap = (treatment - control) ** 2
    return float(max(null + alternative, 0.0) ** 2 / gap) if gap > 0 else math.inf


def units_for_means(effect: float, standard_deviation: float, alpha: float, power: float, ratio: float = 1.0) -> float:
    """Return the control's units to find a difference of means by the two-sided t-test (non-central t).

    `ratio` is the number of treatment units per control unit. The result is not rounded; it is at least 2 in the
    smaller variant.
    """
    size = abs(effect) / standard_deviation
    fewest = max(2.0, 2.0 / ratio)
    quantiles = -scipy.special.ndtri(alpha / 2) + scipy.special.ndtri(power)
    square = size * size
    normal = max(quantiles, 0.0) ** 2 * (1 + 1 / ratio) / square if square > 0 else math.inf
    if normal > 1e6:  # the t-distribution is normal there: it would add a fraction of a unit
        return float(normal)

    def missing(units: float) -> float:
        degrees = units * (1 + ratio) - 2
        shift = size * math.sqrt(units * ratio / (1 + ratio))
        critical = -float(scipy.special.stdtrit(degrees, alpha / 2))
        if shift > LARGE_SHIFT:
            # The numerator is as good as fixed, so only the chi-squared denominator is left. Computing the non-central
            # t here would be needless, and takes the library up to half a minute.
            return float(scipy.special.chdtr(degrees, degrees * min(shift / critical, 1e100) ** 2)) - power
        upper = 1 - scipy.special.nctdtr(degrees, shift, critical)
        return float(upper + scipy.special.nctdtr(degrees, shift, -critical) - power)

    return _root(missing, fewest, max(fewest, normal) + 1)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where an increasing function crosses zero, or `low` if it starts above."""
    if not function(low) < 0:
        return low
    while function(high) < 0:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return high


def units_to_judge(
    metric: Metric, plan: AnalysisPlan, baseline: float, standard_deviation: float, treatments: int
) -> int | None:
    """Return the units each variant needs by the analysis plan and the control's baseline observed so far.

    None while it cannot be planned: no baseline, no variation, or more units than anybody has. The minimum effect is
    looked for in the better direction; where a rate has no room there, in the other.
    """
    change = plan.minimum_effect * (abs(baseline) if plan.relative else 1.0)
    if not metric.higher_is_better:
        change = -change
    if metric.kind is MetricKind.BINARY and not 0 <= baseline + change <= 1:
        change = -change
    alpha = (1 - plan.confidence_level) / treatments
    try:
        return whole_units(metric.kind, baseline, change, standard_deviation, alpha, plan.power, 1 + treatments)
    except ValidationError:
        return None


def whole_units(
    kind: MetricKind, baseline: float, change: float, deviation: float, alpha: float, power: float, variants: int
) -> int:
    """Return the units per variant, rounded up; refuse what no number of units can find."""
    path = ("minimumDetectableEffect",)
    if kind is MetricKind.BINARY and not 0 <= baseline + change <= 1:
        raise ValidationError(
            f"minimumDetectableEffect would take the rate from {baseline:g} to {baseline + change:g}; "
            "it must stay between 0 and 1. A negative effect plans for a decrease.",
            path=path,
        )
    with np.errstate(all="ignore"):
        if not math.isfinite(change) or change == 0 or not math.isfinite(deviation):
            units = math.inf
        elif kind is MetricKind.BINARY:
            units = units_for_proportions(baseline, baseline + change, alpha, power)
        elif deviation > 0:
            units = units_for_means(change, deviation, alpha, power)
        else:
            units = math.inf
    if not units * variants <= MAX_PLANNED_UNITS:
        raise ValidationError(
            "minimumDetectableEffect is so small that more than two billion units would be needed; "
            "choose a larger effect.",
            path=path,
        )
    return max(math.ceil(units - 1e-6), 2)
