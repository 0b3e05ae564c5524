"""How many units an experiment needs: enough to find the smallest effect worth detecting, at one final look."""

import math

import numpy as np

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.power import units_for_means, units_for_proportions
from omniforge_graph.statistics.samples import SampleStatistics

MAX_PLANNED_UNITS = 2**31 - 1
"""Plans beyond two billion units are refused: no experiment on prompts has them."""


def required_units(samples: SampleStatistics, metric: Metric, plan: AnalysisPlan, control: int) -> int | None:
    """Return the units each variant needs for one final look, given the control's mean and the pooled variance so far.

    None while it cannot be told: no baseline, no variation, or more units than anybody has. The minimum effect is
    looked for in the better direction; where a rate has no room there, in the other. Without slices only.
    """
    baseline = float(samples.mean[control])
    freedom = np.maximum(samples.units - 1, 0)
    if not math.isfinite(baseline) or freedom.sum() == 0:
        return None
    deviation = math.sqrt(np.sum(freedom * np.nan_to_num(samples.variance)) / freedom.sum())
    change = plan.minimum_effect * (abs(baseline) if plan.relative else 1.0)
    if not metric.higher_is_better:
        change = -change
    if metric.judged_kind is MetricKind.BINARY and not 0 <= baseline + change <= 1:
        change = -change
    treatments = samples.units.size - 1
    try:
        return whole_units(
            metric.judged_kind, baseline, change, deviation, plan.alpha / treatments, plan.power, 1 + treatments
        )
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
