"""Means, ratios, quantiles and relative effects."""

import math

import numpy as np

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.clusters import design_effect
from omniforge_graph.statistics.covariates import adjust, fill_missing, relative_gradient
from omniforge_graph.statistics.moments import Moments
from omniforge_graph.statistics.permutation import permutation_test
from omniforge_graph.statistics.quantiles import minimum_units, quantile_interval, quantiles_from_bounds, quantiles_of
from omniforge_graph.statistics.ratio import as_ratios, ratio_of
from omniforge_graph.statistics.relative import RELATIVE_INTERVALS, delta_error
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile
from omniforge_graph.statistics.welch import welch_t
from tests.oracles import kit


def solve_welch_t(control, treatment, alternative="two-sided", confidence=0.95, alpha=None):
    chosen, sure = kit.side(alternative), kit.level(confidence, alpha)
    rows = [kit.moments(control), kit.moments(treatment)]
    result = kit.analyze(rows, MetricKind.CONTINUOUS, "welch_t", confidence=sure, alternative=chosen.value)
    found = welch_t(*kit.samples_of(control, treatment).split(0), sure, chosen)
    told = kit.told(result, chosen)
    if told["ci_lower"] is None and told["ci_upper"] is None:
        return told | {"t": None, "df": None}
    return told | {"t": kit.plain(found.statistic), "df": kit.plain(found.degrees), "se": kit.plain(found.error)}


def solve_relative_lift(
    control, treatment, difference="relative", alternative="two-sided", confidence=0.95, method="delta", alpha=None
):
    chosen, name = kit.side(alternative), method.replace("-", "_")
    if difference not in ("relative", "absolute"):
        raise ValidationError("difference must be relative or absolute.", path=("difference",))
    if name not in RELATIVE_INTERVALS:
        raise NotImplementedError(method)
    sure, rows = kit.level(confidence, alpha), [kit.moments(control), kit.moments(treatment)]
    options = {"alternative": chosen.value, "relative": name}
    result = kit.analyze(rows, MetricKind.CONTINUOUS, "welch_t", confidence=sure, **options)
    answer = kit.told(result, chosen)
    before, after = kit.samples_of(control, treatment).split(0)
    if difference == "absolute":
        return answer | {"se": kit.plain(welch_t(before, after).error)}
    (each,) = result.comparisons
    effect = each.relative_effect
    if effect.estimate is None:
        reason = answer["reason"] or "the control's mean is 0, or not known: no baseline"
        return {"effect": None, "p_value": None, "significant": False, "reason": reason}
    told = answer | {"effect": effect.estimate, "diff": effect.estimate}
    told |= {"ci_lower": effect.lower, "ci_upper": effect.upper}
    if name == "delta":  # asked for the test of the relative effect itself
        estimate, error = delta_error(before, after)
        told |= t_test(estimate, error, welch_t(before, after).degrees, chosen, sure)
    elif chosen is not Alternative.TWO_SIDED:
        told["ci_upper" if chosen is Alternative.GREATER else "ci_lower"] = math.inf * chosen_sign(chosen)
    return told


def chosen_sign(alternative):
    return 1 if alternative is Alternative.GREATER else -1


def t_test(estimate, error, degrees, alternative, confidence):
    """Return the test and the interval of an estimate with this error and so many degrees of freedom."""
    # Welch's test of a sample against a mean that is known: the other side has no variance.
    units = degrees + 1
    known = SampleStatistics(np.full_like(units, 2.0), np.zeros_like(units), np.zeros_like(units))
    found = welch_t(known, SampleStatistics(units, estimate, error**2 * units), confidence, alternative)
    return {
        "effect": kit.plain(estimate),
        "se": kit.plain(error),
        "p_value": kit.plain(found.p_value),
        "log10_p_value": kit.plain(found.log10_p_value),
        "ci_lower": kit.plain(found.lower),
        "ci_upper": kit.plain(found.upper),
        "significant": bool(found.p_value < 1 - confidence),
        "reason": "" if found.p_value == found.p_value else "there is no variation, too few units, or no baseline",
    }


def adjusted(adjustment, difference, alternative, confidence, *, at_adjusted=False):
    if difference not in ("relative", "absolute"):
        raise ValidationError("difference must be relative or absolute.", path=("difference",))
    chosen = kit.side(alternative)
    found = welch_t(*adjustment.samples.split(0), confidence, chosen)
    unadjusted = welch_t(*adjustment.unadjusted.split(0), confidence, chosen)
    estimate, error = found.estimate, found.error
    if difference == "relative":
        estimate, error = relative_gradient(adjustment, at_adjusted=at_adjusted)
    theta = adjustment.theta
    return t_test(estimate, error, found.degrees, chosen, confidence) | {
        "theta": float(theta[0]) if theta.shape == (1,) else theta.tolist(),
        "unadjusted_effect": kit.plain(unadjusted.estimate),
        "unadjusted_se": kit.plain(unadjusted.error),
        "variance_reduction": kit.plain(adjustment.variance_reduction()),
    }


def solve_cuped(control, treatment, difference="absolute", alternative="two-sided", confidence=0.95, alpha=None):
    arms, sure = (control, treatment), kit.level(confidence, alpha)
    if "post" not in control:
        moments = from_sums(arms, ("post_sum", "pre_sum"), {(0, 1): "post_pre_sum_of_products"})
        return adjusted(adjust(moments), difference, alternative, sure)
    after = [kit.numbers(kit.needed(arm, "post"), "post") for arm in arms]
    before = [covariates(kit.needed(arm, "pre"), each.size) for arm, each in zip(arms, after, strict=True)]
    if before[0].shape[1] != before[1].shape[1]:
        raise ValidationError("pre must hold the same covariates in both arms.", path=("pre",))
    table = np.column_stack([np.concatenate(after), fill_missing(np.concatenate(before))])
    moments = Moments.of_values(table, np.repeat([0, 1], [each.size for each in after]), 2)
    return adjusted(adjust(moments), difference, alternative, sure)


def covariates(values, units):
    """Return covariates as a row for each unit; a list of columns is understood too."""
    found = np.array(values, dtype=float)
    if found.ndim == 2 and len(found) != units:
        found = found.T
    if found.ndim not in (1, 2) or len(found) != units:
        raise ValidationError("pre must have one value for each of post.", path=("pre",))
    return found.reshape(units, -1)


def from_sums(arms, sums, products):
    """Return moments from sums, sums of squares (`<sum>_squares`) and sums of products."""
    q = len(sums)
    n = np.array([kit.whole(kit.needed(arm, "n"), "n") for arm in arms], dtype=float)
    total, raw = np.zeros((len(arms), q)), np.zeros((len(arms), q, q))
    for place, arm in enumerate(arms):
        for i, name in enumerate(sums):
            total[place, i] = kit.number(kit.needed(arm, name), name)
            raw[place, i, i] = kit.number(kit.needed(arm, f"{name}_squares"), f"{name}_squares")
            kit.variance_of(n[place], total[place, i], raw[place, i, i])
        for (i, j), name in products.items():
            raw[place, i, j] = raw[place, j, i] = kit.number(kit.needed(arm, name), name)
    mean = total / np.maximum(n, 1)[:, None]
    centred = raw - total[:, :, None] * mean[:, None, :]
    diagonal = np.arange(q)
    squares = centred[:, diagonal, diagonal]
    centred[:, diagonal, diagonal] = np.where(squares > 1e-12 * raw[:, diagonal, diagonal], squares, 0.0)
    return Moments.of(n, mean, centred / np.maximum(n - 1, 1)[:, None, None])


def solve_cuped_ratio(control, treatment, difference="relative", alternative="two-sided", confidence=0.95, alpha=None):
    names = ["m_post", "d_post", "m_pre", "d_pre"]
    pairs = {(i, j): f"{names[i]}_{names[j]}" for i in range(4) for j in range(i + 1, 4) if (i, j) != (1, 2)} | {
        (1, 2): "m_pre_d_post"
    }
    arms = [
        {"n": kit.needed(arm, "n")}
        | {name: kit.needed(kit.needed(arm, name), "sum") for name in names}
        | {f"{name}_squares": arm[name].get("sum_squares", arm[name]["sum"]) for name in names}
        | kit.needed(arm, "products")
        for arm in (control, treatment)
    ]
    moments = as_ratios(from_sums(arms, names, pairs), [(0, 1), (2, 3)])
    found = adjust(moments, equal_weights=True)
    return adjusted(found, difference, alternative, kit.level(confidence, alpha), at_adjusted=True)


def ratio_samples(arms):
    """Return the ratios of arms, given as each unit's numerator and denominator or as their sums."""
    if "numerator" in arms[0]:
        rows = [[kit.numbers(kit.needed(arm, name), name) for name in ("numerator", "denominator")] for arm in arms]
        if any(above.size != below.size for above, below in rows):
            raise ValidationError("denominator must have one value for each of numerator.", path=("denominator",))
        group = np.repeat([0, 1], [above.size for above, _ in rows])
        return ratio_of(Moments.of_values(np.concatenate([np.column_stack(each) for each in rows]), group, 2))
    flat = [
        {"n": kit.needed(arm, "n")}
        | {f"{part}{end}": kit.needed(kit.needed(arm, part), f"sum{end}") for part in "md" for end in ("", "_squares")}
        | {"products": kit.needed(arm, "m_d_sum_of_products")}
        for arm in arms
    ]
    return ratio_of(from_sums(flat, ("m", "d"), {(0, 1): "products"}))


def solve_ratio_delta(control, treatment, difference="absolute", alternative="two-sided", confidence=0.95, alpha=None):
    if difference not in ("relative", "absolute"):
        raise ValidationError("difference must be relative or absolute.", path=("difference",))
    chosen, sure, ratios = kit.side(alternative), kit.level(confidence, alpha), ratio_samples((control, treatment))
    before, after = ratios.split(0)
    found = welch_t(before, after, sure, chosen)
    estimate, error = (found.estimate, found.error) if difference == "absolute" else delta_error(before, after)
    with np.errstate(all="ignore"):
        z = estimate / error
    p_value, log10_p_value = chosen.normal_p_value(z)
    half = normal_quantile(chosen.level(sure)) * error
    lower, upper = chosen.bounds(estimate - half, estimate + half)
    errors = np.sqrt(ratios.squared_standard_error)
    return t_test(estimate, error, found.degrees, chosen, sure) | {
        "control_ratio": kit.plain(ratios.mean[0]),
        "treatment_ratio": kit.plain(ratios.mean[1]),
        "control_se": kit.plain(errors[0]),
        "treatment_se": kit.plain(errors[1]),
        "z": kit.plain(z),
        "df": kit.plain(found.degrees),
        "p_value_z": kit.plain(p_value),
        "log10_p_value_z": kit.plain(log10_p_value),
        "ci_lower_z": kit.plain(lower),
        "ci_upper_z": kit.plain(upper),
        "reason": "" if np.isfinite(z).all() else "no variation, too few units, or a denominator of zero in total",
    }


def solve_quantile_metric(
    control,
    treatment,
    quantile=None,
    difference="absolute",
    alternative="two-sided",
    confidence=0.95,
    alpha=None,
):
    if difference not in ("relative", "absolute"):
        raise ValidationError("difference must be relative or absolute.", path=("difference",))
    arms, chosen, sure = (control, treatment), kit.side(alternative), kit.level(confidence, alpha)
    share = kit.number(quantile, "quantile", 0, 1)
    if "values" in control:
        values = [kit.numbers(kit.needed(arm, "values")) for arm in arms]
        group = np.repeat([0, 1], [each.size for each in values])
        samples = quantiles_of(np.concatenate(values), group, 2, share).samples
    else:
        samples = bounded_quantiles(arms, share)
        if min(samples.units) <= minimum_units(share):
            return {"effect": None, "p_value": None, "reason": "too few units for this quantile"}
    before, after = samples.split(0)
    found = welch_t(before, after, sure, chosen)
    estimate, error = (found.estimate, found.error) if difference == "absolute" else delta_error(before, after)
    return t_test(estimate, error, found.degrees, chosen, sure) | {
        "control_var_of_quantile": kit.plain(samples.squared_standard_error[0]),
        "treatment_var_of_quantile": kit.plain(samples.squared_standard_error[1]),
    }


def bounded_quantiles(arms, quantile):
    """Return quantiles given with the order statistics around them; of clusters, if their sums are given."""
    columns = []
    for arm in arms:
        n = kit.whole(kit.needed(arm, "n"), "n")
        q, low, high = (kit.number(kit.needed(arm, name), name) for name in ("q", "q_lower", "q_upper"))
        if not low <= q <= high:
            raise ValidationError("q must lie between q_lower and q_upper.", path=("q",))
        columns.append((n, q, low, high, kit.whole(arm.get("n_star", n), "n_star")))
    samples = quantiles_from_bounds(*zip(*columns, strict=True))
    if "n_clusters" not in arms[0]:
        return samples
    sums = ("main_sum", "denominator_sum")
    clusters = [arm | {"n": kit.needed(arm, "n_clusters")} for arm in arms]
    shares = ratio_of(from_sums(clusters, sums, {(0, 1): "main_denominator_sum_product"}))
    inflation = shares.squared_standard_error * samples.units / (quantile * (1 - quantile))
    return SampleStatistics(samples.units, samples.mean, samples.variance * inflation)


def solve_quantile_ci(values, quantile, confidence=0.95, alpha=None):
    estimate, lower, upper = quantile_interval(
        kit.numbers(values), kit.number(quantile, "quantile", 0, 1), kit.level(confidence, alpha)
    )
    return {"quantile": estimate, "effect": estimate, "ci_lower": lower, "ci_upper": upper}


def solve_permutation(control, treatment, alternative="two-sided", resamples=9_999, seed=0):
    arms = [kit.numbers(kit.needed(arm, "values")) for arm in (control, treatment)]
    if min(each.size for each in arms) < 2:
        return {"effect": None, "p_value": None, "reason": "too few units: two are needed in each arm"}
    found = permutation_test(*arms, kit.side(alternative), resamples=resamples, seed=seed)
    return {"effect": arms[1].mean() - arms[0].mean(), "p_value": found.p_value}


def solve_design_effect(sums, counts, squares):
    found = design_effect(sums, counts, squares, np.zeros(len(sums), dtype=int), 1)
    return {"design_effect": kit.plain(found.effect), "effective_n": kit.plain(found.effective)}
