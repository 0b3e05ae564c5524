"""Sample sizes, power, non-inferiority and multiplicity."""

import math
from dataclasses import replace

import numpy as np

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.single_look import SingleLook
from omniforge_graph.domain.study import Study
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics import multiplicity
from omniforge_graph.statistics.noninferiority import non_inferiority
from omniforge_graph.statistics.noninferiority_size import mean_separation, rate_separation
from omniforge_graph.statistics.power import units_by_baseline_variance
from tests.oracles import kit

SHORT = {
    "bonf": "bonferroni",
    "bh": "benjamini_hochberg",
    "fdr": "benjamini_hochberg",
    "fdr_bh": "benjamini_hochberg",
    "by": "benjamini_yekutieli",
    "fdr_by": "benjamini_yekutieli",
}


def solve_multiple_testing(p_values, method="holm", alpha=0.05):
    name = SHORT.get(method.lower().replace("-", "_"), method.lower().replace("-", "_"))
    if name not in multiplicity.ADJUSTMENTS:
        raise NotImplementedError(method)
    given, level = kit.numbers(p_values, "p_values"), kit.number(alpha, "alpha", 0, 1)
    if given.size == 0 or not np.all((given >= 0) & (given <= 1)):
        raise ValidationError("p_values must lie from 0 to 1 (no NaN), at least one.", path=("p_values",))
    adjusted = multiplicity.ADJUSTMENTS[name](given)
    reject = adjusted <= level
    return {"adjusted_p": adjusted.tolist(), "reject": reject.tolist(), "n_rejected": int(reject.sum())}


def solve_sample_size_proportions(
    baseline=None,
    mde_absolute=None,
    alpha=0.05,
    power=0.8,
    sides=2,
    allocation_ratio=1,
    mde_relative=None,
    p1=None,
    p2=None,
):
    control, change = rate_and_change(baseline, mde_absolute, mde_relative, p1, p2)
    return sized(single_look(rate(control, alpha, sides, power), allocation_ratio), change)


def solve_sample_size_proportions_evan_miller(
    baseline=None, mde_absolute=None, alpha=0.05, power=0.8, sides=2, mde_relative=None, p1=None, p2=None
):
    control, change = rate_and_change(baseline, mde_absolute, mde_relative, p1, p2)
    study = rate(control, alpha, sides, power)
    units = finite(units_by_baseline_variance(control, control + change, study.alpha, power, sides))
    return {"n_per_group": units, "n_per_group_rounded": round(units)}


def solve_power_proportions(
    p1, p2, n_per_group=None, alpha=0.05, sides=2, allocation_ratio=1, n1=None, n2=None, strict=True
):
    control, ratio = units_of(n1, n2, n_per_group, allocation_ratio)
    change = rate_and_change(p1, None, None, None, p2, same=True)[1]
    if sides == 2 and not strict:  # one tail of the two-sided test, as R does unless told to be strict
        alpha, sides = kit.number(alpha, "alpha", 0, 1) / 2, 1
    return {"power": single_look(rate(p1, alpha, sides), ratio).power(change, control)}


def solve_sample_size_means(
    mde_absolute=None, sd=None, alpha=0.05, power=0.8, sides=2, allocation_ratio=1, mde_relative=None, baseline=None
):
    change = absolute_change(mde_absolute, mde_relative, baseline)
    return sized(single_look(mean(sd, alpha, sides, power), allocation_ratio), change)


def solve_power_means(
    delta, sd=1, alpha=0.05, sides=2, n1=None, n2=None, n_per_group=None, allocation_ratio=1, strict=True
):
    control, ratio = units_of(n1, n2, n_per_group, allocation_ratio)
    if min(control, control * ratio) < 2:
        raise ValidationError("n1 must be at least 2, as must the other group's.", path=("n1",))
    if sides == 2 and not strict:
        alpha, sides = kit.number(alpha, "alpha", 0, 1) / 2, 1
    return {"power": single_look(mean(sd, alpha, sides), ratio).power(kit.number(delta, "delta"), control)}


def solve_mde_proportions(baseline, n_per_group, alpha=0.05, power=0.8, sides=2, allocation_ratio=1):
    units, ratio = units_of(None, None, n_per_group, allocation_ratio)
    change = found(single_look(rate(baseline, alpha, sides, power), ratio).detectable(units))
    return {"mde_absolute": change, "mde_relative": change / baseline if baseline else None}


def solve_mde_means(sd, n_per_group, alpha=0.05, power=0.8, sides=2, allocation_ratio=1, baseline=None):
    units, ratio = units_of(None, None, n_per_group, allocation_ratio)
    change = found(single_look(mean(sd, alpha, sides, power), ratio).detectable(units))
    return {"mde_absolute": change, "mde_relative": change / abs(baseline) if baseline else None}


def rate_and_change(baseline, absolute, relative, p1, p2, *, same=False):
    """Return the control's rate and the treatment's distance from it, both of which must be possible."""
    control = kit.number(p1 if baseline is None else baseline, "baseline", -1e-300, 1 + 1e-15)
    change = kit.number(p2, "p2") - control if p2 is not None else absolute_change(absolute, relative, control)
    if not -1e-12 <= control + change <= 1 + 1e-12 or (change == 0 and not same):
        raise ValidationError("baseline and effect must lead from one rate to another.", path=("mde_absolute",))
    return control, min(max(control + change, 0.0), 1.0) - control


def absolute_change(absolute, relative, baseline):
    if absolute is not None:
        return kit.number(absolute, "mde_absolute")
    return kit.number(relative, "mde_relative") * abs(kit.number(baseline, "baseline"))


def units_of(n1, n2, n_per_group, ratio):
    """Return the control's units and the treatment's for each of them."""
    control = kit.number(n1 if n1 is not None else n_per_group, "n_per_group", 0)
    return control, kit.number(n2, "n2", 0) / control if n2 is not None else kit.number(ratio, "allocation_ratio", 0)


def rate(baseline, alpha, sides, power=0.8):
    sure = {"power": kit.number(power, "power", 0, 1), "confidence_level": kit.level(None, alpha)}
    return Study(kind=MetricKind.BINARY, baseline=kit.number(baseline, "baseline"), sides=sides, **sure)


def mean(deviation, alpha, sides, power=0.8):
    sure = {"power": kit.number(power, "power", 0, 1), "confidence_level": kit.level(None, alpha)}
    spread = kit.number(deviation, "sd", 0)
    return Study(kind=MetricKind.CONTINUOUS, baseline=0, standard_deviation=spread, sides=sides, **sure)


def single_look(study, ratio):
    return SingleLook(replace(study, shares=(1, kit.number(ratio, "allocation_ratio", 0))), ratio)


def found(change):
    if math.isnan(change):
        raise ValidationError("n_per_group is too small: no effect is found so often.", path=("n_per_group",))
    return change


def finite(units):
    if not math.isfinite(units):
        raise ValidationError("the effect is too small for any number of units.", path=("mde_absolute",))
    return units


def sized(look, effect):
    units = finite(look.units(effect))
    return {"n_per_group": units, "n_per_group_ceil": math.ceil(units)} | arms(units, look.ratio)


def solve_non_inferiority_means(
    control, treatment, margin_absolute=None, higher_is_better=True, alpha=0.05, margin_relative=None
):
    samples = kit.samples_of(control, treatment).split(0)
    return told(judged(*samples, margin_absolute, margin_relative, higher_is_better, alpha), alpha)


def solve_non_inferiority_proportions(
    control, treatment, margin_absolute=None, higher_is_better=True, alpha=0.05, margin_relative=None
):
    samples = kit.rates_of(control, treatment).split(0)
    score, unpooled = (
        judged(*samples, margin_absolute, margin_relative, higher_is_better, alpha, rates=True, score=each)
        for each in (True, False)
    )
    return told(score, alpha) | {
        "z_farrington_manning": kit.plain(score.statistic),
        "p_value_farrington_manning": kit.plain(score.p_value),
        "z_unpooled": kit.plain(unpooled.statistic),
        "p_value_unpooled": kit.plain(unpooled.p_value),
    }


def solve_non_inferiority_sample_size(
    kind, margin_absolute=None, alpha=0.025, power=0.8, true_diff=0, margin_relative=None, **given
):
    ratio = kit.number(given.get("allocation_ratio", 1), "allocation_ratio", 0)
    sure = kit.number(alpha, "alpha", 0, 1), kit.number(power, "power", 0, 1)
    higher, change = given.get("higher_is_better", True), kit.number(true_diff, "true_diff")
    relative, name = margin_absolute is None, "margin_relative" if margin_absolute is None else "margin_absolute"
    margin = kit.number(margin_relative if relative else margin_absolute, name, 0)
    if kind == "means":
        spread, sign = kit.number(kit.needed(given, "sd"), "sd", 0), 1 if higher else -1
        size = margin * abs(kit.number(given.get("baseline"), "baseline")) if relative else margin
        factor = 1 - sign * margin if relative else 1.0
        separation = mean_separation(size, sign * change, spread, ratio, factor)
    elif kind in ("proportions", "rates"):
        names = ("baseline", "p_control", "p1", "control_rate", "p")
        control = kit.number(next((given[name] for name in names if name in given), None), "baseline", 0, 1)
        treatment = kit.number(given.get("p2", given.get("p_treatment", control + change)), "p2", 0, 1)
        separation = rate_separation(
            control, treatment, margin, relative=relative, higher_is_better=higher, ratio=ratio
        )
    else:
        raise NotImplementedError(kind)
    units = finite(separation.units(*sure))
    return {"n_per_group": units} | arms(units, ratio)


def arms(control, ratio):
    return {
        "n_control": control,
        "n_treatment": control * ratio,
        "n_total_ceil": math.ceil(control) + math.ceil(control * ratio),
    }


def judged(control, treatment, absolute, relative, higher_is_better, alpha, **options):
    margin = kit.number(absolute if absolute is not None else relative, "margin", 0)
    options |= {"relative": absolute is None, "higher_is_better": higher_is_better, "alpha": alpha}
    return non_inferiority(control, treatment, margin, **options)


def told(outcome, alpha):
    p_value = kit.plain(outcome.p_value)
    return {
        "diff": kit.plain(outcome.estimate),
        "z": kit.plain(outcome.statistic),
        "p_value": p_value,
        "log10_p_value": kit.plain(outcome.log10_p_value),
        "ci_bound": kit.plain(outcome.bound),
        "non_inferior": p_value is not None and p_value < alpha,
        "reason": "" if p_value is not None else "too few units, or no variation",
    }
