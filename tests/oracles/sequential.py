"""Sequential designs and the sample ratio."""

import math

import numpy as np
from scipy import special

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics import always_valid, group_sequential, group_sequential_design
from omniforge_graph.statistics.proportions import chi_square_log10_p_value
from omniforge_graph.statistics.quantile_sequence import sequential_quantile_p_value
from omniforge_graph.statistics.relative import delta_error
from omniforge_graph.statistics.sample_ratio import sample_ratio
from omniforge_graph.statistics.spending import Spending, SpendingKind
from omniforge_graph.statistics.tails import chi_square_p_value
from omniforge_graph.statistics.welch import welch_t
from tests.oracles import kit

SHAPES = {"classic_obrien_fleming": 0.0, "classic_pocock": 0.5}
KINDS = {
    "obrien_fleming_ld": SpendingKind.OBRIEN_FLEMING,
    "pocock_ld": SpendingKind.POCOCK,
    "kim_demets": SpendingKind.KIM_DEMETS,
    "hwang_shih_decani": SpendingKind.HWANG_SHIH_DECANI,
}


def spending_of(spending):
    name, parameter = kit.needed(spending, "name"), spending.get("parameter")
    if name not in KINDS:
        raise NotImplementedError(name)
    if KINDS[name] in (SpendingKind.OBRIEN_FLEMING, SpendingKind.POCOCK):
        parameter = None  # they have none
    return Spending(KINDS[name], None if parameter is None else kit.number(parameter, "parameter"))


def design(information, alpha, spending, sides):
    t, name = fractions(information), kit.needed(spending, "name")
    if name == "wang_tsiatis" or name in SHAPES:
        shape = SHAPES[name] if name in SHAPES else kit.number(kit.needed(spending, "parameter"), "parameter")
        return group_sequential_design.wang_tsiatis_boundaries(t, alpha, shape, sides)
    return group_sequential.boundaries(t, alpha, spending_of(spending), sides)


def fractions(information):
    """Return information as fractions: what begins at 1 or above is in units, and ends at what was planned."""
    t = kit.numbers(information, "information")
    return t / t[-1] if t.size > 1 and t[0] >= 1 and t[-1] > 0 else t


def solve_srm(observed, weights):
    if not np.any(kit.numbers(weights, "weights") > 0):
        raise ValidationError("weights must not all be 0.", path=("weights",))
    found = sample_ratio(observed, weights)
    taking = [(n, e) for n, e in zip(found.observed, found.expected, strict=True) if e > 0]
    degrees = len(taking) - 1
    told = {"df": degrees, "p_value": found.p_value, "log10_p_value": found.log10_p_value}
    reason = "mismatch" if found.mismatch else ""
    if sum(found.observed) == 0 or degrees < 1:
        return told | {"chi2": None, "p_value": None, "reason": "too few units, or a single arm that takes traffic"}
    statistic = np.array(math.fsum((n - e) ** 2 / e for n, e in taking))
    if found.p_value is None:  # the engine does not judge so few, but Pearson's test has an answer
        told["p_value"] = float(chi_square_p_value(statistic, np.array(degrees)))
        told["log10_p_value"] = float(chi_square_log10_p_value(statistic, np.array(degrees)))
        reason = "too few units to tell"
    return told | {"chi2": float(statistic), "reason": reason}


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
    bounds, z = design(information, alpha, spending, sides).z, kit.numbers(z_observed, "z_observed")
    if z.size > bounds.size:
        raise ValidationError("z_observed must not have more looks than information.", path=("z_observed",))
    reached = np.flatnonzero((z if sides == 1 else np.abs(z)) >= bounds[: z.size])
    told = {"z_bounds": bounds.tolist(), "first_reject_look": int(reached[0]) + 1 if reached.size else None}
    if spending["name"] not in KINDS:  # repeated p-values ask for a design at every level
        return told
    one_sided = special.log_ndtr(-z) if sides == 1 else math.log(2) + special.log_ndtr(-np.abs(z))
    looks, chosen = fractions(information), spending_of(spending)
    repeated = [
        float(group_sequential.repeated_p_values(each, looks[:look], looks[look], chosen, sides))
        for look, each in enumerate(one_sided / math.log(10))
    ]
    return told | {"repeated_p_values": repeated}


def solve_asymptotic_confidence_sequence(control, treatment, tuning_n=5000, difference="relative", alpha=0.05):
    if difference not in ("relative", "absolute"):
        raise ValidationError("difference must be relative or absolute.", path=("difference",))
    tuned, level = kit.number(tuning_n, "tuning_n", 0), kit.number(alpha, "alpha", 0, 1)
    before, after = kit.samples_of(control, treatment).split(0)
    found, units = welch_t(before, after), before.units + after.units
    effect, error = (found.estimate, found.error) if difference == "absolute" else delta_error(before, after)
    if not (np.isfinite(effect) & (error > 0)).all():
        return {"effect": None, "p_value": None, "reason": "there is no variation, too few units, or no baseline"}
    half = error * always_valid.always_valid_critical(units, tuned, level)
    p_value, log10_p_value = always_valid.always_valid_p_value(effect / error, units, tuned, level)
    return {
        "effect": kit.plain(effect),
        "se": kit.plain(error),
        "ci_lower": kit.plain(effect - half),
        "ci_upper": kit.plain(effect + half),
        "p_value": kit.plain(p_value),
        "log10_p_value": kit.plain(log10_p_value),
    }


def solve_asymptotic_confidence_sequence_stream(values, t_opt, alpha, at=None):
    stream, level = kit.numbers(values), kit.number(alpha, "alpha", 0, 1)
    moments = range(1, stream.size + 1) if at is None else at
    places = [kit.whole(each, "at", 1) for each in moments]
    if not places or max(places) > stream.size:
        raise ValidationError(f"at must be places from 1 to {stream.size}.", path=("at",))
    rho = always_valid.mixture_rho(kit.number(t_opt, "t_opt", 0), level)
    seen = [kit.samples_of({"values": stream[:n]}) for n in places]
    mean, deviation = [each.mean[0] for each in seen], [math.sqrt(each.variance[0]) for each in seen]
    reach = always_valid.mixture_boundary(places, level, rho) / np.array(places)
    half = [each * width for each, width in zip(deviation, reach.tolist(), strict=True)]
    return {
        "rho2": 1 / rho,
        "at": places,
        "mean": [float(each) for each in mean],
        "ci_lower": [float(m - h) for m, h in zip(mean, half, strict=True)],
        "ci_upper": [float(m + h) for m, h in zip(mean, half, strict=True)],
        "reason": "one value has no variance" if min(places) == 1 else "",
    }


def solve_msprt(control, treatment, tau, sigma=None, theta0=0, distribution="normal"):
    x, y = (kit.numbers(kit.needed(arm, "values")) for arm in (control, treatment))
    if x.size != y.size or x.size == 0:
        raise ValidationError("values must be pairs: as many in one arm as in the other, and some.", path=("values",))
    if distribution == "normal":
        variance = 2 * kit.number(sigma, "sigma", 0) ** 2
    elif distribution in {"bernoulli", "binomial"}:
        if not np.isin([x, y], (0, 1)).all():
            raise ValidationError("values must be 0 or 1.", path=("values",))
        rates = [np.cumsum(each) / np.arange(1, x.size + 1) for each in (x, y)]
        variance = sum(each * (1 - each) for each in rates)
    else:
        raise NotImplementedError(distribution)
    spread, null = kit.number(tau, "tau", 0), kit.number(theta0, "theta0")
    log_ratio, p_value = always_valid.mixture_sprt(x, y, variance, spread, null)
    with np.errstate(over="ignore"):
        return {"lambda": np.exp(log_ratio).tolist(), "p_value": p_value.tolist()}


def solve_normal_mixture_boundary(v, alpha, v_opt, alpha_opt=0.05, one_sided=False, s=None):
    largest = 0.5 if one_sided else 1
    level, tuned = kit.number(alpha, "alpha", 0, 1), kit.number(alpha_opt, "alpha_opt", 0, largest)
    variances = kit.numbers(np.atleast_1d(v), "v")
    if np.any(variances < 0):
        raise ValidationError("v must not be negative.", path=("v",))
    rho = always_valid.mixture_rho(kit.number(v_opt, "v_opt", 0), tuned, one_sided=one_sided)
    found = {"boundary": shaped(always_valid.mixture_boundary(variances, level, rho, one_sided=one_sided), v)}
    if s is not None:
        sums = kit.numbers(np.atleast_1d(s), "s")
        found["log_mixture_at_s"] = shaped(always_valid.log_mixture(sums, variances, rho, one_sided=one_sided), v)
    return found


def shaped(values, like):
    """Return a list, or a number where a number was asked about."""
    return values.tolist() if np.ndim(like) else float(values[0])


def solve_anytime_valid_regression(y, trt, g, alpha):
    outcome, treated = kit.numbers(y, "y"), kit.numbers(trt, "trt")
    if outcome.size != treated.size or not np.isin(treated, (0, 1)).all():
        raise ValidationError("trt must be 0 or 1 for each of y.", path=("trt",))
    level, precision = kit.number(alpha, "alpha", 0, 1), kit.number(g, "g", 0)
    arms, units = (outcome[treated == 0], outcome[treated == 1]), outcome.size
    degrees = units - 2
    if degrees < 1 or min(arm.size for arm in arms) == 0:
        return {"estimate": None, "p_value": None, "reason": "too few units"}
    estimate = arms[1].mean() - arms[0].mean()
    residual = sum(np.sum((arm - arm.mean()) ** 2) for arm in arms) / degrees
    if residual == 0:
        return {"estimate": estimate, "p_value": None, "reason": "there is no variation"}
    se = math.sqrt(residual * sum(1 / arm.size for arm in arms))
    half = se * always_valid.regression_critical(level, degrees, units, precision)
    return {
        "estimate": estimate,
        "se": se,
        "t": estimate / se,
        "p_value": float(always_valid.regression_p_value(estimate / se, degrees, units, precision)),
        "ci_lower": estimate - half,
        "ci_upper": estimate + half,
    }


def solve_quantile_sequential_p(control, treatment, quantile, t_opt, alpha_opt=0.05):
    p_value, log10_p_value = sequential_quantile_p_value(
        *(kit.numbers(kit.needed(arm, "values")) for arm in (control, treatment)),
        kit.number(quantile, "quantile", 0, 1),
        kit.number(t_opt, "t_opt", 0),
        kit.number(alpha_opt, "alpha_opt", 0, 1),
    )
    return {"p_value": p_value, "log10_p_value": log10_p_value}
