"""The engine as the oracle files ask for it: ``solve(method, inputs)``, through the analyzer as users meet it.

`NotImplementedError` means that the engine does not offer it.
"""

import math

import numpy as np

from omniforge_graph.domain.inference import holm, sample_ratio
from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.domain.power import units_for_means, units_for_proportions
from omniforge_graph.domain.statistics import SampleStatistics
from omniforge_graph.plugin import pearson_chi_square
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.samples import read_variants

FLAT = 1e8  # a prior so wide that it says nothing


def solve(method, inputs):
    solver = globals().get(f"solve_{method}")
    if solver is None:
        raise NotImplementedError(method)
    return solver(**inputs)


def analyze(rows, kind, test, *, confidence=0.95, inverse=False, **options):
    metric = Metric("metric", kind, Direction.LOWER_IS_BETTER if inverse else Direction.HIGHER_IS_BETTER)
    arms, samples = read_variants([{"name": f"v{n}", **row} for n, row in enumerate(rows)], metric)
    plan = AnalysisPlan(test=test, options=options, confidence_level=confidence)
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


def solve_two_proportion_z(control, treatment, variance, alternative="two-sided"):
    if variance != "pooled" or alternative != "two-sided":
        raise NotImplementedError(variance)
    return told(analyze([counts(control), counts(treatment)], MetricKind.BINARY, "z_test"))


def solve_diff_proportion_ci(control, treatment, method, confidence):
    if method != "newcombe":
        raise NotImplementedError(method)
    return told(analyze([counts(control), counts(treatment)], MetricKind.BINARY, "z_test", confidence=confidence))


def solve_chi_square(table, yates):
    if yates:
        raise NotImplementedError("yates")
    rows = [{"units": yes + no, "conversions": yes} for yes, no in table]
    result = analyze(rows, MetricKind.BINARY, "chi_square")
    statistic, degrees = pearson_chi_square(
        SampleStatistics.of_rates(*zip(*((x, x + y) for x, y in table), strict=True))
    )
    return {"chi2": float(statistic), "df": float(degrees), "p_value": result.omnibus_p_value}


def solve_beta_binomial(control, treatment, prior):
    rows = [counts(control), counts(treatment)]
    options = {"prior_alpha": prior["alpha"], "prior_beta": prior["beta"]}
    more, less = (analyze(rows, MetricKind.BINARY, "bayesian", inverse=each, **options) for each in (False, True))
    return {
        "prob_treatment_better": more.comparisons[0].probability_better,
        "expected_loss_choose_treatment": more.comparisons[0].expected_loss,
        "expected_loss_choose_control": less.comparisons[0].expected_loss,
    }


def solve_bayes_normal_effect(control, treatment, difference, prior, inverse=False):
    if difference != "relative":
        raise NotImplementedError(difference)
    options = {"lift_mean": prior["mean"], "lift_standard_deviation": prior["sd"] if prior["proper"] else FLAT}
    rows = [moments(control), moments(treatment)]
    more, less = (
        analyze(rows, MetricKind.CONTINUOUS, "bayesian", inverse=inverse ^ each, **options).comparisons[0]
        for each in (False, True)
    )
    baseline = abs(rows[0]["mean"])
    return {
        "effect": more.relative_effect.estimate,
        "ci_lower": more.relative_effect.lower,
        "ci_upper": more.relative_effect.upper,
        "prob_treatment_better": more.probability_better,
        "risk_treatment": more.expected_loss / baseline,
        "risk_control": less.expected_loss / baseline,
    }


def solve_welch_t(control, treatment, alternative="two-sided"):
    if alternative != "two-sided":
        raise NotImplementedError(alternative)
    return told(analyze([moments(control), moments(treatment)], MetricKind.CONTINUOUS, "welch_t"))


def solve_relative_lift(control, treatment, difference="delta"):
    result = told(analyze([moments(control), moments(treatment)], MetricKind.CONTINUOUS, "welch_t"))
    if difference == "absolute":
        return result
    if control["sum"] != 0:
        raise NotImplementedError("the delta method; Fieller's interval is used instead")
    return result


def solve_srm(observed, weights):
    found = sample_ratio(observed, weights)
    p_value = found.p_value
    return {
        "p_value": p_value,
        "log10_p_value": math.log10(p_value) if p_value else None,
        "reason": "mismatch" if found.mismatch else "",
    }


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
