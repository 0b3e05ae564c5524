"""What looking early costs a study, and what it spares."""

import math

from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.domain.study import Study
from omniforge_graph.statistics.always_valid_design import always_valid_power, always_valid_size
from omniforge_graph.statistics.group_sequential_design import DesignSize, design_power, even_design, even_design_size
from omniforge_graph.statistics.power import quantile_sum

_SURE = 1 - 1e-12


def looking_size(study: Study) -> DesignSize | None:
    """Return the size relative to a single look, None for a study that looks once.

    Raises ValidationError unless the power is above the error rate of a comparison.
    """
    if study.monitoring is Monitoring.GROUP_SEQUENTIAL:
        return even_design_size(study.planned_looks, study.alpha, study.power, study.spender, study.tails)
    if study.monitoring is Monitoring.ALWAYS_VALID:
        return always_valid_size(study.alpha, study.power, looks=study.planned_looks, sides=study.tails)
    return None


def looking_power(study: Study, single_look: float, information: float) -> float:
    """Return how often one of the looks finds what a single one at the end finds so often.

    `information` is the share of the units at the end of those that the study's power takes at a single look, to which
    always-valid intervals are tuned.
    """
    if study.monitoring is Monitoring.FIXED or not single_look < _SURE:
        return single_look
    drift = quantile_sum(study.alpha, single_look, study.tails)
    if study.monitoring is Monitoring.GROUP_SEQUENTIAL:
        design = even_design(study.planned_looks, study.alpha, study.spender, study.tails)
        return design_power(design, drift, study.tails)
    if not information > 0:
        return 0.0
    looks, tuned = study.planned_looks, drift / math.sqrt(information)
    return always_valid_power(tuned, information, study.alpha, looks=looks, sides=study.tails)
