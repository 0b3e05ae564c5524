"""Proportions and Bayesian comparisons."""

import numpy as np

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.plugin import (
    Beta,
    chi_square_log10_p_value,
    normal_quantile,
    pearson_chi_square,
    thompson_weights,
)
from omniforge_graph.statistics.best import best_of_betas
from omniforge_graph.statistics.rate_intervals import RATE_INTERVALS
from omniforge_graph.statistics.samples import SampleStatistics
from tests.oracles import kit

ALTERNATIVES = {"two-sided": "two_sided", "greater": "greater", "larger": "greater", "less": "less", "smaller": "less"}
INTERVALS = {"newcomb": "newcombe", "mn": "miettinen_nurminen", "score": "miettinen_nurminen"}
LIMITS = {"beta": "clopper_pearson", "exact": "clopper_pearson", "normal": "wald", "jeffrey": "jeffreys"}


def named(word, names):
    word = word.replace("-", "_").lower()
    return names.get(word, word)


def solve_two_proportion_z(control, treatment, variance="pooled", alternative="two-sided", **options):
    unknown = set(options) - {"yates", "continuity_correction", "confidence", "alpha"}
    if unknown:
        raise NotImplementedError(unknown)
    confidence = options.get("confidence", 1 - options.get("alpha", 0.05))
    result = kit.analyze(
        [kit.counts(control), kit.counts(treatment)],
        MetricKind.BINARY,
        "z_test",
        confidence=confidence,
        variance=variance,
        alternative=ALTERNATIVES.get(alternative, alternative),
        continuity_correction=bool(options.get("yates") or options.get("continuity_correction")),
        small_counts="normal",
    )
    return kit.told(result)


def solve_fisher_exact(control, treatment, alternative="two-sided"):
    rows = [kit.counts(control), kit.counts(treatment)]
    alternative = ALTERNATIVES.get(alternative, alternative)
    return kit.told(kit.analyze(rows, MetricKind.BINARY, "fisher_exact", alternative=alternative))


def solve_diff_proportion_ci(control, treatment, method, confidence=0.95):
    result = kit.analyze(
        [kit.counts(control), kit.counts(treatment)],
        MetricKind.BINARY,
        "z_test",
        confidence=confidence,
        interval=named(method, INTERVALS),
    )
    return kit.told(result)


def solve_proportion_ci(x, n, method, confidence=0.95):
    sample = SampleStatistics.of_rates([x], [n])
    lower, upper = RATE_INTERVALS[named(method, LIMITS)](sample, confidence)
    return {"estimate": float(sample.mean[0]), "ci_lower": float(lower[0]), "ci_upper": float(upper[0])}


def solve_chi_square(table, yates=False):
    rows = [{"units": yes + no, "conversions": yes} for yes, no in table]
    result = kit.analyze(rows, MetricKind.BINARY, "chi_square", yates=yates)
    sample = SampleStatistics.of_rates(*zip(*((x, x + y) for x, y in table), strict=True))
    statistic, degrees = pearson_chi_square(sample, correction=yates)
    return {
        "chi2": float(statistic),
        "df": float(degrees),
        "p_value": result.omnibus_p_value,
        "log10_p_value": float(chi_square_log10_p_value(statistic, degrees)),
        "reason": " ".join(notice.message for notice in result.notices),
    }


def solve_beta_binomial(control, treatment, prior, confidence=0.95):
    rows = [kit.counts(control), kit.counts(treatment)]
    options = {"prior_alpha": prior["alpha"], "prior_beta": prior["beta"]}
    more, less = (
        kit.analyze(rows, MetricKind.BINARY, "bayesian", inverse=each, confidence=confidence, **options)
        for each in (False, True)
    )
    told = {
        "prob_treatment_better": more.comparisons[0].probability_better,
        "expected_loss_choose_treatment": more.comparisons[0].expected_loss,
        "expected_loss_choose_control": less.comparisons[0].expected_loss,
        "diff": more.comparisons[0].absolute_effect.estimate,
        "effect": more.comparisons[0].absolute_effect.estimate,
        "ci_lower": more.comparisons[0].absolute_effect.lower,
        "ci_upper": more.comparisons[0].absolute_effect.upper,
        "reason": " ".join(notice.message for notice in more.notices),
    }
    for name, row in (("control", control), ("treatment", treatment)):
        posterior = Beta(np.array(prior["alpha"] + row["x"]), np.array(prior["beta"] + row["n"] - row["x"]))
        lower, upper = posterior.interval(confidence)
        told[f"posterior_mean_{name}"] = float(posterior.mean)
        told[f"{name}_ci_lower"], told[f"{name}_ci_upper"] = float(lower), float(upper)
    return told


def solve_beta_binomial_multi(variants, prior):
    x, n = (np.array([each[key] for each in variants], dtype=float) for key in "xn")
    best = best_of_betas(Beta(prior["alpha"] + x, prior["beta"] + n - x))
    return {"prob_best": best.probability.tolist(), "expected_loss": best.expected_loss.tolist()}


def solve_bayes_normal_effect(control, treatment, difference="relative", prior=None, inverse=False, confidence=0.95):
    prior = prior or {"proper": False}
    options = {"prior": "improper", "scale": difference}
    if prior["proper"]:
        options |= {"prior": "proper", "lift_mean": prior["mean"], "lift_standard_deviation": prior["sd"]}
    rows = [kit.moments(control), kit.moments(treatment)]
    more, less = (
        kit.analyze(rows, MetricKind.CONTINUOUS, "bayesian", inverse=inverse ^ each, confidence=confidence, **options)
        for each in (False, True)
    )
    reason = " ".join(notice.message for notice in more.notices)
    more, less = more.comparisons[0], less.comparisons[0]
    effect = more.relative_effect if difference == "relative" else more.absolute_effect
    if effect.estimate is None:
        return {"effect": None, "p_value": None, "reason": reason}
    baseline = abs(rows[0]["mean"]) if difference == "relative" else 1.0
    return {
        "effect": effect.estimate,
        "ci_lower": effect.lower,
        "ci_upper": effect.upper,
        "posterior_sd": (effect.upper - effect.lower) / (2 * normal_quantile(confidence)),
        "prob_treatment_better": more.probability_better,
        "risk_treatment": more.expected_loss / baseline,
        "risk_control": less.expected_loss / baseline,
        "reason": reason,
    }


def solve_thompson_sampling(arms, min_weight=0.0, inverse=False):
    sample = SampleStatistics.of(*([each[key] for each in arms] for key in ("n", "mean", "var")))
    found = thompson_weights(sample, min_weight, higher_is_better=not inverse)
    return {"prob_best": found.probability_best.tolist(), "weights": found.weights.tolist()}
