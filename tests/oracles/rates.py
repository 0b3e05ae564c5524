"""Proportions and Bayesian comparisons."""

import math

import numpy as np

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin import (
    Beta,
    beta_difference_interval,
    chi_square_log10_p_value,
    compare_betas,
    normal_quantile,
    pearson_chi_square,
    thompson_weights,
    two_proportion_z,
)
from omniforge_graph.statistics.best import best_of_betas
from omniforge_graph.statistics.difference_intervals import DIFFERENCE_INTERVALS
from omniforge_graph.statistics.rate_intervals import RATE_INTERVALS
from tests.oracles import kit

INTERVALS = {
    "newcomb": "newcombe",
    "wilson": "newcombe",
    "newcombe_cc": "newcombe_corrected",
    "newcombe_continuity": "newcombe_corrected",
    "mn": "miettinen_nurminen",
    "score": "miettinen_nurminen",
    "ac": "agresti_caffo",
}
LIMITS = {
    "beta": "clopper_pearson",
    "exact": "clopper_pearson",
    "normal": "wald",
    "jeffrey": "jeffreys",
    "wilson_cc": "wilson_corrected",
    "wilson_continuity": "wilson_corrected",
}


def named(word, names, offered):
    word = word.replace("-", "_").lower()
    if names.get(word, word) not in offered:
        raise NotImplementedError(word)
    return names.get(word, word)


def corrected(yates=False, continuity_correction=False, correction=False, correct=False):
    return bool(yates or continuity_correction or correction or correct)


def solve_two_proportion_z(
    control, treatment, variance="pooled", alternative="two-sided", confidence=0.95, alpha=None, **options
):
    if variance not in ("pooled", "unpooled"):
        raise ValidationError("variance must be pooled or unpooled.", path=("variance",))
    if unknown := set(options) - {"yates", "continuity_correction", "correction", "correct"}:
        raise NotImplementedError(unknown)
    chosen, pooled, moved = kit.side(alternative), variance == "pooled", corrected(**options)
    result = kit.analyze(
        [kit.counts(control), kit.counts(treatment)],
        MetricKind.BINARY,
        "z_test",
        confidence=kit.level(confidence, alpha),
        variance=variance,
        alternative=chosen.value,
        continuity_correction=moved,
        small_counts="normal",
        interval="newcombe" if pooled else "wald",
    )
    z = two_proportion_z(*kit.rates_of(control, treatment).split(0), pooled=pooled, correction=moved)
    return kit.told(result, chosen) | {"z": kit.plain(z)}


def solve_fisher_exact(control, treatment, alternative="two-sided"):
    chosen, rows = kit.side(alternative), [kit.counts(control), kit.counts(treatment)]
    return kit.told(kit.analyze(rows, MetricKind.BINARY, "fisher_exact", alternative=chosen.value), chosen)


def solve_diff_proportion_ci(control, treatment, method="newcombe", confidence=0.95, alpha=None):
    interval = DIFFERENCE_INTERVALS[named(method, INTERVALS, DIFFERENCE_INTERVALS)]
    before, after = kit.rates_of(control, treatment).split(0)
    lower, upper = interval(before, after, kit.level(confidence, alpha))
    difference = kit.plain(after.mean - before.mean)
    return {"diff": difference, "effect": difference, "ci_lower": kit.plain(lower), "ci_upper": kit.plain(upper)}


def solve_proportion_ci(x, n, method="wilson", confidence=0.95, alpha=None):
    name, chosen = named(method, LIMITS, RATE_INTERVALS), kit.level(confidence, alpha)
    sample = kit.rates_of({"x": x, "n": n})
    lower, upper = RATE_INTERVALS[name](sample, chosen)
    if name == "jeffreys" and n > 0:  # the credible interval as it is: peers do not move its ends to 0 and 1
        lower, upper = Beta(sample.conversions + 0.5, sample.units - sample.conversions + 0.5).interval(chosen)
    return {"estimate": kit.plain(sample.mean), "ci_lower": kit.plain(lower), "ci_upper": kit.plain(upper)}


def solve_chi_square(table, yates=False, **options):
    if unknown := set(options) - {"correction", "continuity_correction", "correct"}:
        raise NotImplementedError(unknown)
    moved, cells = corrected(yates, **options), [kit.numbers(each, "table") for each in table]
    if len(cells) == 2 and len({each.size for each in cells}) == 1:  # outcomes down, groups across
        cells = cells if cells[0].size == 2 else list(np.transpose(cells))
    if {each.size for each in cells} != {2}:
        if len({each.size for each in cells}) == 1 and len(cells) > 1 and cells[0].size > 2:
            raise NotImplementedError("more than two outcomes")
        raise ValidationError("table must have two counts for each of at least two groups.", path=("table",))
    if min(each.min() for each in cells) < 0 or len(cells) < 2:
        raise ValidationError("table must have counts from 0 up for at least two groups.", path=("table",))
    arms = [{"x": yes, "n": yes + no} for yes, no in cells]
    sample = kit.rates_of(*arms)
    result = kit.analyze([kit.counts(arm) for arm in arms], MetricKind.BINARY, "chi_square", yates=moved)
    statistic, degrees = pearson_chi_square(sample, correction=moved)
    return {
        "chi2": kit.plain(statistic),
        "df": float(degrees),
        "p_value": result.omnibus_p_value,
        "log10_p_value": kit.plain(chi_square_log10_p_value(statistic, degrees)),
        "reason": kit.reasons(result),
    }


def posteriors(arms, prior):
    sample = kit.rates_of(*arms)
    a, b = (kit.number(kit.needed(prior, name), name, 0) for name in ("alpha", "beta"))
    return Beta(a + sample.conversions, b + sample.units - sample.conversions)


def solve_beta_binomial(control, treatment, prior, confidence=0.95, inverse=False):
    chosen, both = kit.level(confidence), posteriors((control, treatment), prior)
    before, after = (Beta(both.a[place : place + 1], both.b[place : place + 1]) for place in (0, 1))
    found = compare_betas(before, after)
    lower, upper = beta_difference_interval(before, after, chosen)
    difference = kit.plain(after.mean - before.mean)
    losses = [kit.plain(each) for each in (found.loss, found.gain)]
    treatment_loss, control_loss = losses[::-1] if inverse else losses
    told = {
        "prob_treatment_better": kit.plain(found.less if inverse else found.greater),
        "expected_loss_choose_treatment": treatment_loss,
        "expected_loss_choose_control": control_loss,
        "diff": difference,
        "effect": difference,
        "ci_lower": kit.plain(lower),
        "ci_upper": kit.plain(upper),
    }
    for name, posterior in (("control", before), ("treatment", after)):
        ends = posterior.interval(chosen)
        told[f"posterior_mean_{name}"] = kit.plain(posterior.mean)
        told[f"{name}_ci_lower"], told[f"{name}_ci_upper"] = (kit.plain(each) for each in ends)
    return told


def solve_beta_binomial_multi(variants, prior, inverse=False):
    if len(variants) < 2:
        raise ValidationError("variants must be at least two.", path=("variants",))
    posterior = posteriors(variants, prior)
    best = best_of_betas(posterior.mirrored if inverse else posterior)
    return {"prob_best": best.probability.tolist(), "expected_loss": best.expected_loss.tolist()}


def solve_bayes_normal_effect(
    control, treatment, difference="relative", prior=None, inverse=False, confidence=0.95, alpha=None
):
    if difference not in ("relative", "absolute"):
        raise NotImplementedError(difference)
    options = {"prior": "improper", "scale": difference}
    if prior is not None and prior.get("proper", True):
        deviation = (
            prior["sd"] if "sd" in prior else math.sqrt(kit.number(kit.needed(prior, "variance"), "variance", 0))
        )
        options |= {
            "prior": "proper",
            "lift_mean": kit.number(prior.get("mean", 0), "mean"),
            "lift_standard_deviation": kit.number(deviation, "sd", 0),
        }
    rows, chosen = [kit.moments(control), kit.moments(treatment)], kit.level(confidence, alpha)
    more, less = (
        kit.analyze(rows, MetricKind.CONTINUOUS, "bayesian", inverse=inverse ^ each, confidence=chosen, **options)
        for each in (False, True)
    )
    reason = kit.reasons(more)
    more, less = more.comparisons[0], less.comparisons[0]
    effect = more.relative_effect if difference == "relative" else more.absolute_effect
    if effect.estimate is None or effect.lower is None:
        return {"effect": None, "p_value": None, "reason": reason}
    baseline = abs(rows[0]["mean"]) if difference == "relative" else 1.0
    return {
        "effect": effect.estimate,
        "ci_lower": effect.lower,
        "ci_upper": effect.upper,
        "posterior_sd": (effect.upper - effect.lower) / (2 * normal_quantile(chosen)),
        "prob_treatment_better": more.probability_better,
        "risk_treatment": more.expected_loss / baseline,
        "risk_control": less.expected_loss / baseline,
        "reason": reason,
    }


def solve_thompson_sampling(arms, min_weight=0.0, inverse=False, higher_is_better=True):
    if len(arms) < 2:
        raise ValidationError("arms must be at least two.", path=("arms",))
    sample, higher = kit.samples_of(*arms), higher_is_better and not inverse
    found = thompson_weights(sample, min_weight, higher_is_better=higher)
    known = np.all((sample.units > 1) & (sample.variance > 0))
    return {
        "prob_best": found.probability_best.tolist(),
        "weights": found.weights.tolist(),
        "reason": "" if known else "some arm has too few units, or no variation: all are taken as equal",
    }
