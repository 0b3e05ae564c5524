"""How many units an experiment needs: enough to find the smallest effect worth detecting, at one final look."""

import math

import numpy as np

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.power import units_for_means, units_for_proportions

MAX_PLANNED_UNITS = 2**31 - 1
"""Plans beyond two billion units are refused: no experiment on prompts has them."""


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
