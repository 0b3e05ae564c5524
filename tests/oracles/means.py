"""Means, ratios, quantiles and relative effects."""

from omniforge_graph.domain.metric import MetricKind
from tests.oracles import kit


def solve_welch_t(control, treatment, alternative="two-sided"):
    if alternative != "two-sided":
        raise NotImplementedError(alternative)
    return kit.told(kit.analyze([kit.moments(control), kit.moments(treatment)], MetricKind.CONTINUOUS, "welch_t"))


def solve_relative_lift(control, treatment, difference="delta"):
    result = kit.told(kit.analyze([kit.moments(control), kit.moments(treatment)], MetricKind.CONTINUOUS, "welch_t"))
    if difference == "absolute":
        return result
    if control["sum"] != 0:
        raise NotImplementedError("the delta method; Fieller's interval is used instead")
    return result
