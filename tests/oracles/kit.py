"""The engine as the oracle files ask for it, through the analyzer as users meet it."""

import numpy as np

from omniforge_graph.domain.metric import Direction, Metric
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.samples import read_variants


def analyze(rows, kind, test, *, confidence=0.95, inverse=False, **options):
    metric = Metric("metric", kind, Direction.LOWER_IS_BETTER if inverse else Direction.HIGHER_IS_BETTER)
    arms, samples = read_variants([{"name": f"v{n}", **row} for n, row in enumerate(rows)], metric)
    plan = AnalysisPlan(test=test, options=options, confidence_level=confidence, monitoring=Monitoring.FIXED)
    return ExperimentAnalyzer(installed_plugins()).judge(arms, metric, plan, samples)


def told(result):
    (each,) = result.comparisons
    return {
        "diff": each.absolute_effect.estimate,
        "effect": each.absolute_effect.estimate,
        "ci_lower": each.absolute_effect.lower,
        "ci_upper": each.absolute_effect.upper,
        "p_value": each.p_value,
        "log10_p_value": each.log10_p_value,
        "significant": each.is_significant,
        "reason": " ".join(notice.message for notice in result.notices),
    }


def counts(arm):
    return {"units": arm["n"], "conversions": arm["x"]}


def moments(arm):
    """Return an arm's mean and variance, whichever way the oracle gives them."""
    if "values" in arm:
        values = np.array(arm["values"])
        return {
            "units": len(values),
            "mean": values.mean(),
            "variance": values.var(ddof=1) if len(values) > 1 else None,
        }
    if "mean" in arm:
        return {"units": arm["n"], "mean": arm["mean"], "variance": arm["var"]}
    n, mean = arm["n"], arm["sum"] / arm["n"]
    if arm["type"] == "proportion":
        return {"units": n, "mean": mean, "variance": mean * (1 - mean)}
    return {"units": n, "mean": mean, "variance": (arm["sum_squares"] - n * mean**2) / (n - 1)}
