"""How many units an experiment needs: enough to find the smallest effect worth detecting, at one final look."""

import math

import numpy as np

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import MAX_PLANNED_UNITS, AnalysisPlan
from omniforge_graph.statistics.power import units_for_means, units_for_proportions
from omniforge_graph.statistics.samples import SampleStatistics


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
    variants = samples.units.size
    alpha = plan.alpha / (variants - 1)
    with np.errstate(all="ignore"):
        if not math.isfinite(change) or change == 0:
            return None
        if metric.judged_kind is MetricKind.BINARY:
            if not 0 <= baseline + change <= 1:
                return None
            units = units_for_proportions(baseline, baseline + change, alpha, plan.power)
        else:
            units = units_for_means(change, deviation, alpha, plan.power) if deviation > 0 else math.inf
    return max(math.ceil(units - 1e-6), 2) if units * variants <= MAX_PLANNED_UNITS else None
