"""Proportions and Bayesian comparisons."""

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.plugin import pearson_chi_square
from omniforge_graph.statistics.samples import SampleStatistics
from tests.oracles import kit

FLAT = 1e8  # a prior so wide that it says nothing


def solve_two_proportion_z(control, treatment, variance, alternative="two-sided"):
    if variance != "pooled" or alternative != "two-sided":
        raise NotImplementedError(variance)
    return kit.told(kit.analyze([kit.counts(control), kit.counts(treatment)], MetricKind.BINARY, "z_test"))


def solve_diff_proportion_ci(control, treatment, method, confidence):
    if method != "newcombe":
        raise NotImplementedError(method)
    return kit.told(
        kit.analyze([kit.counts(control), kit.counts(treatment)], MetricKind.BINARY, "z_test", confidence=confidence)
    )


def solve_chi_square(table, yates):
    if yates:
        raise NotImplementedError("yates")
    rows = [{"units": yes + no, "conversions": yes} for yes, no in table]
    result = kit.analyze(rows, MetricKind.BINARY, "chi_square")
    statistic, degrees = pearson_chi_square(
        SampleStatistics.of_rates(*zip(*((x, x + y) for x, y in table), strict=True))
    )
    return {"chi2": float(statistic), "df": float(degrees), "p_value": result.omnibus_p_value}


def solve_beta_binomial(control, treatment, prior):
    rows = [kit.counts(control), kit.counts(treatment)]
    options = {"prior_alpha": prior["alpha"], "prior_beta": prior["beta"]}
    more, less = (kit.analyze(rows, MetricKind.BINARY, "bayesian", inverse=each, **options) for each in (False, True))
    return {
        "prob_treatment_better": more.comparisons[0].probability_better,
        "expected_loss_choose_treatment": more.comparisons[0].expected_loss,
        "expected_loss_choose_control": less.comparisons[0].expected_loss,
    }


def solve_bayes_normal_effect(control, treatment, difference, prior, inverse=False):
    if difference != "relative":
        raise NotImplementedError(difference)
    options = {"lift_mean": prior["mean"], "lift_standard_deviation": prior["sd"] if prior["proper"] else FLAT}
    rows = [kit.moments(control), kit.moments(treatment)]
    more, less = (
        kit.analyze(rows, MetricKind.CONTINUOUS, "bayesian", inverse=inverse ^ each, **options).comparisons[0]
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
