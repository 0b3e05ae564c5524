"""Sequential designs and the sample ratio."""

import math

from omniforge_graph.statistics.sample_ratio import sample_ratio


def solve_srm(observed, weights):
    found = sample_ratio(observed, weights)
    p_value = found.p_value
    return {
        "p_value": p_value,
        "log10_p_value": math.log10(p_value) if p_value else None,
        "reason": "mismatch" if found.mismatch else "",
    }
