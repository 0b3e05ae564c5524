"""Sequential designs and the sample ratio."""

import math

import numpy as np
from scipy import special

from omniforge_graph.statistics import always_valid, group_sequential, group_sequential_design
from omniforge_graph.statistics.quantile_sequence import sequential_quantile_p_value
from omniforge_graph.statistics.sample_ratio import sample_ratio
from omniforge_graph.statistics.spending import Spending, SpendingKind

SHAPES = {"classic_obrien_fleming": 0.0, "classic_pocock": 0.5}
KINDS = {
    "obrien_fleming_ld": SpendingKind.OBRIEN_FLEMING,
    "pocock_ld": SpendingKind.POCOCK,
    "kim_demets": SpendingKind.KIM_DEMETS,
    "hwang_shih_decani": SpendingKind.HWANG_SHIH_DECANI,
}


def spending_of(spending):
    if spending["name"] not in KINDS:
        raise NotImplementedError(spending["name"])
    return Spending(KINDS[spending["name"]], spending.get("parameter"))


def design(information, alpha, spending, sides):
    if spending["name"] == "wang_tsiatis":
        return group_sequential_design.wang_tsiatis_boundaries(information, alpha, spending["parameter"], sides)
    if spending["name"] in SHAPES:
        return group_sequential_design.wang_tsiatis_boundaries(information, alpha, SHAPES[spending["name"]], sides)
    return group_sequential.boundaries(information, alpha, spending_of(spending), sides)


def solve_srm(observed, weights):
    found = sample_ratio(observed, weights)
    taking = [(n, e) for n, e in zip(found.observed, found.expected, strict=True) if e > 0]
    return {
        "chi2": sum((n - e) ** 2 / e for n, e in taking),
        "df": len(taking) - 1,
        "p_value": found.p_value,
        "log10_p_value": found.log10_p_value,
        "reason": "mismatch" if found.mismatch else "" if found.p_value is not None else "too few units",
    }


def solve_group_sequential_bounds(information, alpha, spending, sides=2):
    found = design(information, alpha, spending, sides)
    return {
        "z_bounds": found.z.tolist(),
        "nominal_p": found.nominal_p.tolist(),
        "cumulative_alpha": found.cumulative_alpha.tolist(),
    }


def solve_group_sequential_sample_size(information, alpha, power, spending, sides=2):
    found = group_sequential_design.design_size(design(information, alpha, spending, sides), alpha, power, sides)
    return {
        "max_inflation_factor": found.inflation,
        "expected_size_ratio_null": found.expected_without_effect,
        "expected_size_ratio_alt": found.expected_with_effect,
    }


def solve_group_sequential_analysis(information, alpha, spending, z_observed, n_per_group_cumulative=None, sides=1):
    z = np.array(z_observed, dtype=float)
    one_sided = special.log_ndtr(-z) if sides == 1 else math.log(2) + special.log_ndtr(-np.abs(z))
    bounds = design(information, alpha, spending, sides).z
    reached = np.flatnonzero((z if sides == 1 else np.abs(z)) >= bounds[: z.size])
    looks = enumerate(one_sided / math.log(10))
    repeated = [
        float(
            group_sequential.repeated_p_values(
                each, information[:look], information[look], spending_of(spending), sides
            )
        )
        for look, each in looks
    ]
    return {
        "repeated_p_values": repeated,
        "z_bounds": bounds.tolist(),
        "first_reject_look": int(reached[0]) + 1 if reached.size else None,
    }


def solve_asymptotic_confidence_sequence(control, treatment, tuning_n, difference="relative", alpha=0.05):
    (m1, v1, n1), (m2, v2, n2) = (mean_and_variance(arm) for arm in (control, treatment))
    effect, se = m2 - m1, math.sqrt(v1 / n1 + v2 / n2)
    if difference == "relative":
        effect, se = effect / abs(m1), math.sqrt(v2 / n2 / m1**2 + v1 / n1 * m2**2 / m1**4)
    half = se * float(always_valid.always_valid_critical(n1 + n2, tuning_n, alpha))
    p_value, log10_p_value = always_valid.always_valid_p_value(effect / se, n1 + n2, tuning_n, alpha)
    return {
        "effect": effect,
        "se": se,
        "ci_lower": effect - half,
        "ci_upper": effect + half,
        "p_value": float(p_value),
        "log10_p_value": float(log10_p_value),
    }


def mean_and_variance(arm):
    if "values" in arm:
        return float(np.mean(arm["values"])), float(np.var(arm["values"], ddof=1)), len(arm["values"])
    n, mean = arm["n"], arm["mean"] if "mean" in arm else arm["sum"] / arm["n"]
    if "var" in arm:
        return mean, arm["var"], n
    if arm["type"] == "proportion":
        return mean, mean * (1 - mean), n
    return mean, (arm["sum_squares"] - n * mean**2) / (n - 1), n


def solve_asymptotic_confidence_sequence_stream(values, t_opt, alpha, at):
    rho = always_valid.mixture_rho(t_opt, alpha)
    seen = [np.array(values[:n], dtype=float) for n in at]
    mean = [each.mean() for each in seen]
    half = [each.std(ddof=1) * float(always_valid.mixture_boundary(each.size, alpha, rho)) / each.size for each in seen]
    return {
        "rho2": 1 / rho,
        "at": at,
        "mean": mean,
        "ci_lower": [m - h for m, h in zip(mean, half, strict=True)],
        "ci_upper": [m + h for m, h in zip(mean, half, strict=True)],
    }


def solve_msprt(control, treatment, sigma=None, tau=None, theta0=0, distribution="normal"):
    pairs = min(len(control["values"]), len(treatment["values"]))
    x, y = (np.array(arm["values"][:pairs], dtype=float) for arm in (control, treatment))
    if distribution == "normal":
        variance = 2 * sigma**2
    elif distribution in {"bernoulli", "binomial"}:
        rates = [np.cumsum(each) / np.arange(1, pairs + 1) for each in (x, y)]
        variance = sum(each * (1 - each) for each in rates)
    else:
        raise NotImplementedError(distribution)
    log_ratio, p_value = always_valid.mixture_sprt(x, y, variance, tau, theta0)
    return {"lambda": np.exp(log_ratio).tolist(), "p_value": p_value.tolist()}


def solve_normal_mixture_boundary(v, alpha, v_opt, alpha_opt=0.05, one_sided=False, s=None):
    rho = always_valid.mixture_rho(v_opt, alpha_opt, one_sided=one_sided)
    found = {"boundary": always_valid.mixture_boundary(v, alpha, rho, one_sided=one_sided).tolist()}
    if s is not None:
        found["log_mixture_at_s"] = always_valid.log_mixture(s, v, rho, one_sided=one_sided).tolist()
    return found


def solve_anytime_valid_regression(y, trt, g, alpha):
    y, treated = np.array(y, dtype=float), np.array(trt) == 1
    arms, units = (y[~treated], y[treated]), len(y)
    degrees = units - 2
    estimate = arms[1].mean() - arms[0].mean()
    residual = sum(np.sum((arm - arm.mean()) ** 2) for arm in arms) / degrees
    se = math.sqrt(residual * sum(1 / arm.size for arm in arms))
    half = se * always_valid.regression_critical(alpha, degrees, units, g)
    return {
        "estimate": estimate,
        "se": se,
        "t": estimate / se,
        "p_value": float(always_valid.regression_p_value(estimate / se, degrees, units, g)),
        "ci_lower": estimate - half,
        "ci_upper": estimate + half,
    }


def solve_quantile_sequential_p(control, treatment, quantile, t_opt, alpha_opt=0.05):
    p_value, log10_p_value = sequential_quantile_p_value(
        control["values"], treatment["values"], quantile, t_opt, alpha_opt
    )
    return {"p_value": p_value, "log10_p_value": log10_p_value}
