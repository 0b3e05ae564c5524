"""Means, ratios, quantiles and relative effects."""

import math

import numpy as np

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.clusters import design_effect
from omniforge_graph.statistics.covariates import adjust, fill_missing, relative_gradient
from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.permutation import permutation_test
from omniforge_graph.statistics.quantiles import minimum_units, quantile_interval, quantiles_from_bounds, quantiles_of
from omniforge_graph.statistics.ratio import as_ratios, ratio_of
from omniforge_graph.statistics.relative import RELATIVE_INTERVALS, delta_error
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile
from omniforge_graph.statistics.welch import welch_t
from tests.oracles import kit

ALTERNATIVES = {
    "two-sided": Alternative.TWO_SIDED,
    "greater": Alternative.GREATER,
    "larger": Alternative.GREATER,
    "less": Alternative.LESS,
    "smaller": Alternative.LESS,
}


def side(alternative):
    return ALTERNATIVES[alternative.replace("_", "-")]


def summary(arm):
    """Return an arm's numbers for the analyzer; values through the engine's own moments."""
    if "values" not in arm:
        return kit.moments(arm)
    values = np.array(arm["values"], dtype=float)
    found = mean_of(Moments.of_values(values, np.zeros(len(values), dtype=int), 1))
    (n, mean, variance) = (float(each[0]) for each in (found.units, found.mean, found.variance))
    return {"units": int(n), "mean": mean, "variance": None if math.isnan(variance) else variance}


def samples_of(*arms):
    rows = [summary(arm) for arm in arms]
    return SampleStatistics.of(
        *([row[key] if row[key] is not None else math.nan for row in rows] for key in ("units", "mean", "variance"))
    )


def plain(value):
    """Return a number, or None for what is not known."""
    number = float(np.squeeze(value))
    return None if math.isnan(number) else number


def unbounded(answer, alternative):
    """Return an answer of the analyzer, which knows no infinite ends, with the one that a one-sided test has."""
    if answer["p_value"] is None or alternative is Alternative.TWO_SIDED:
        return answer
    end = {"ci_upper": math.inf} if alternative is Alternative.GREATER else {"ci_lower": -math.inf}
    return answer | end


def solve_welch_t(control, treatment, alternative="two-sided", confidence=0.95):
    chosen = side(alternative)
    rows = [summary(control), summary(treatment)]
    answer = kit.told(
        kit.analyze(rows, MetricKind.CONTINUOUS, "welch_t", confidence=confidence, alternative=chosen.value)
    )
    found = welch_t(*samples_of(control, treatment).split(0), confidence, chosen)
    return unbounded(answer, chosen) | {"t": plain(found.statistic), "df": plain(found.degrees)}


def solve_relative_lift(
    control, treatment, difference="relative", alternative="two-sided", confidence=0.95, method="delta"
):
    chosen, name = side(alternative), method.replace("-", "_")
    if difference not in ("relative", "absolute") or name not in RELATIVE_INTERVALS:
        raise NotImplementedError((difference, method))
    rows = [summary(control), summary(treatment)]
    options = {"alternative": chosen.value, "relative": name}
    result = kit.analyze(rows, MetricKind.CONTINUOUS, "welch_t", confidence=confidence, **options)
    answer = unbounded(kit.told(result), chosen)
    before, after = samples_of(control, treatment).split(0)
    if difference == "absolute":
        return answer | {"se": plain(welch_t(before, after).error)}
    (each,) = result.comparisons
    effect = each.relative_effect
    if effect.estimate is None:
        return {"effect": None, "p_value": None, "significant": False, "reason": answer["reason"]}
    told = answer | {"effect": effect.estimate, "diff": effect.estimate}
    told |= {"ci_lower": effect.lower, "ci_upper": effect.upper}
    if name == "delta":  # asked for the test of the relative effect itself
        estimate, error = delta_error(before, after)
        told |= t_test(estimate, error, welch_t(before, after).degrees, chosen, confidence)
    return unbounded(told, chosen)


def t_test(estimate, error, degrees, alternative, confidence):
    """Return the test and the interval of an estimate with this error and so many degrees of freedom."""
    # Welch's test of a sample against a mean that is known: the other side has no variance.
    units = degrees + 1
    known = SampleStatistics(np.full_like(units, 2.0), np.zeros_like(units), np.zeros_like(units))
    found = welch_t(known, SampleStatistics(units, estimate, error**2 * units), confidence, alternative)
    return {
        "effect": plain(estimate),
        "se": plain(error),
        "p_value": plain(found.p_value),
        "log10_p_value": plain(found.log10_p_value),
        "ci_lower": plain(found.lower),
        "ci_upper": plain(found.upper),
        "significant": bool(found.p_value < 1 - confidence),
        "reason": "" if found.p_value == found.p_value else "there is no variation, or no baseline",
    }


def adjusted(adjustment, difference, alternative, confidence, *, at_adjusted=False):
    before, after = adjustment.samples.split(0)
    found = welch_t(before, after, confidence, side(alternative))
    plain_test = welch_t(*adjustment.unadjusted.split(0), confidence, side(alternative))
    estimate, error = (
        (found.estimate, found.error)
        if difference == "absolute"
        else relative_gradient(adjustment, at_adjusted=at_adjusted)
    )
    theta = adjustment.theta
    return t_test(estimate, error, found.degrees, side(alternative), confidence) | {
        "theta": float(theta[0]) if theta.shape == (1,) else theta.tolist(),
        "unadjusted_effect": plain(plain_test.estimate),
        "unadjusted_se": plain(plain_test.error),
        "variance_reduction": plain(adjustment.variance_reduction()),
    }


def solve_cuped(control, treatment, difference="absolute", alternative="two-sided", confidence=0.95):
    arms = (control, treatment)
    if "post" in control:
        before = [np.array(arm["pre"], dtype=float).reshape(len(arm["pre"]), -1) for arm in arms]
        before = [each if len(each) == len(arm["post"]) else each.T for each, arm in zip(before, arms, strict=True)]
        after = np.concatenate([arm["post"] for arm in arms])
        table = np.column_stack([after, fill_missing(np.concatenate(before))])
        moments = Moments.of_values(table, np.repeat([0, 1], [len(arm["post"]) for arm in arms]), 2)
    else:
        names = ("post", "pre")
        moments = from_sums(arms, [f"{each}_sum" for each in names], {(0, 1): "post_pre_sum_of_products"})
    return adjusted(adjust(moments), difference, alternative, confidence)


def from_sums(arms, sums, products):
    """Return moments from sums, sums of squares (`<sum>_squares`) and sums of products."""
    q = len(sums)
    n = np.array([arm["n"] for arm in arms], dtype=float)
    mean = np.array([[arm[name] for name in sums] for arm in arms]) / n[:, None]
    raw = np.zeros((len(arms), q, q))
    for place, arm in enumerate(arms):
        for i, name in enumerate(sums):
            raw[place, i, i] = arm[f"{name}_squares"]
        for (i, j), name in products.items():
            raw[place, i, j] = raw[place, j, i] = arm[name]
    covariance = raw - n[:, None, None] * mean[:, :, None] * mean[:, None, :]
    return Moments.of(n, mean, covariance / (n - 1)[:, None, None])


def solve_cuped_ratio(control, treatment, difference="relative", alternative="two-sided", confidence=0.95):
    names = ["m_post", "d_post", "m_pre", "d_pre"]
    pairs = {(i, j): f"{names[i]}_{names[j]}" for i in range(4) for j in range(i + 1, 4) if (i, j) != (1, 2)} | {
        (1, 2): "m_pre_d_post"
    }
    arms = [
        {"n": arm["n"]}
        | {name: arm[name]["sum"] for name in names}
        | {f"{name}_squares": arm[name]["sum_squares"] for name in names}
        | arm["products"]
        for arm in (control, treatment)
    ]
    moments = as_ratios(from_sums(arms, names, pairs), [(0, 1), (2, 3)])
    return adjusted(adjust(moments, equal_weights=True), difference, alternative, confidence, at_adjusted=True)


def solve_ratio_delta(control, treatment, alternative="two-sided", confidence=0.95):
    arms = (control, treatment)
    rows = [np.column_stack([arm["numerator"], arm["denominator"]]).astype(float) for arm in arms]
    group = np.repeat([0, 1], [len(each) for each in rows])
    ratios = ratio_of(Moments.of_values(np.concatenate(rows), group, 2))
    before, after = ratios.split(0)
    found = welch_t(before, after, confidence, side(alternative))
    z = found.estimate / found.error
    p_value, _ = side(alternative).normal_p_value(z)
    half = normal_quantile(side(alternative).level(confidence)) * found.error
    lower, upper = side(alternative).bounds(found.estimate - half, found.estimate + half)
    errors = np.sqrt(ratios.squared_standard_error)
    return {
        "control_ratio": plain(ratios.mean[0]),
        "treatment_ratio": plain(ratios.mean[1]),
        "control_se": plain(errors[0]),
        "treatment_se": plain(errors[1]),
        "effect": plain(found.estimate),
        "se": plain(found.error),
        "z": plain(z),
        "t": plain(found.statistic),
        "df": plain(found.degrees),
        "p_value": plain(found.p_value),
        "p_value_z": plain(p_value),
        "ci_lower": plain(found.lower),
        "ci_upper": plain(found.upper),
        "ci_lower_z": plain(lower),
        "ci_upper_z": plain(upper),
        "reason": "" if np.isfinite(z).all() else "no variation, or a denominator of zero in total",
    }


def solve_quantile_metric(
    control, treatment, quantile=None, difference="absolute", alternative="two-sided", confidence=0.95
):
    if "values" in control:
        group = np.repeat([0, 1], [len(arm["values"]) for arm in (control, treatment)])
        samples = quantiles_of(control["values"] + treatment["values"], group, 2, quantile).samples
    else:
        arms = (control, treatment)
        keys = ("n", "q", "q_lower", "q_upper", "n_star")
        samples = quantiles_from_bounds(*([arm.get(key, arm["n"]) for arm in arms] for key in keys))
        if min(samples.units) <= minimum_units(quantile):
            return {"effect": None, "p_value": None, "reason": "too few units for this quantile"}
    before, after = samples.split(0)
    found = welch_t(before, after, confidence, side(alternative))
    estimate, error = (found.estimate, found.error) if difference == "absolute" else delta_error(before, after)
    return t_test(estimate, error, found.degrees, side(alternative), confidence) | {
        "control_var_of_quantile": plain(samples.squared_standard_error[0]),
        "treatment_var_of_quantile": plain(samples.squared_standard_error[1]),
    }


def solve_quantile_ci(values, quantile, confidence=0.95):
    estimate, lower, upper = quantile_interval(values, quantile, confidence)
    return {"quantile": estimate, "effect": estimate, "ci_lower": lower, "ci_upper": upper}


def solve_permutation(control, treatment, alternative="two-sided", resamples=9_999, seed=0):
    arms = [np.array(arm["values"], dtype=float) for arm in (control, treatment)]
    if not all(np.all(np.isfinite(arm)) for arm in arms):
        raise ValidationError("values must be finite: no NaN.", path=("values",))
    found = permutation_test(*arms, side(alternative), resamples=resamples, seed=seed)
    return {"effect": arms[1].mean() - arms[0].mean(), "p_value": found.p_value}


def solve_design_effect(sums, counts, squares):
    found = design_effect(sums, counts, squares, np.zeros(len(sums), dtype=int), 1)
    return {"design_effect": plain(found.effect), "effective_n": plain(found.effective)}
