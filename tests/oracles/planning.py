"""Sample sizes, power, non-inferiority and multiplicity."""

import math

import numpy as np

from omniforge_graph.statistics.multiplicity import holm
from omniforge_graph.statistics.power import units_for_means, units_for_proportions


def solve_multiple_testing(p_values, method, alpha):
    if method != "holm":
        raise NotImplementedError(method)
    adjusted = holm(np.array(p_values, dtype=float))
    return {"adjusted_p": adjusted.tolist(), "reject": (adjusted < alpha).tolist()}


def solve_sample_size_proportions(baseline, mde_absolute, alpha, power, sides):
    assert sides == 2
    units = units_for_proportions(baseline, baseline + mde_absolute, alpha, power)
    return {"n_per_group": units, "n_per_group_ceil": math.ceil(units)}


def solve_sample_size_means(mde_absolute, sd, alpha, power, sides, allocation_ratio):
    assert sides == 2
    units = units_for_means(mde_absolute, sd, alpha, power, allocation_ratio)
    return {
        "n_control": units,
        "n_treatment": units * allocation_ratio,
        "n_total_ceil": math.ceil(units) + math.ceil(units * allocation_ratio),
    }
