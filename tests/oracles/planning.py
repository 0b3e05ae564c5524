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
from omniforge_graph.statistics.noninferiority_size import rate_separation, units_for_non_inferior_means
from omniforge_graph.statistics.power import units_by_baseline_variance
from omniforge_graph.statistics.samples import SampleStatistics
from tests.oracles import kit

SHORT = {"bh": "benjamini_hochberg", "fdr": "benjamini_hochberg", "by": "benjamini_yekutieli"}


def solve_multiple_testing(p_values, method, alpha=0.05):
    name = SHORT.get(method, method)
    if name not in multiplicity.ADJUSTMENTS:
        raise NotImplementedError(method)
    given = np.array(p_values, dtype=float)
    if not np.all((given >= 0) & (given <= 1)):
        raise ValidationError("p_values must lie from 0 to 1 (no NaN).", path=("p_values",))
    adjusted = multiplicity.ADJUSTMENTS[name](given)
    reject = adjusted <= alpha
    return {"adjusted_p": adjusted.tolist(), "reject": reject.tolist(), "n_rejected": int(reject.sum())}


def solve_sample_size_proportions(
    baseline, mde_absolute=None, alpha=0.05, power=0.8, sides=2, allocation_ratio=1, mde_relative=None
):
    look = single_look(rate(baseline, alpha, sides, power), allocation_ratio)
    change = mde_absolute if mde_absolute is not None else mde_relative * baseline
    return sized(look, rate(baseline + change, alpha, sides).baseline - baseline)


def solve_sample_size_proportions_evan_miller(baseline, mde_absolute, alpha=0.05, power=0.8, sides=2):
    study = rate(baseline, alpha, sides, power)
    treatment = rate(baseline + mde_absolute, alpha, sides).baseline
    units = units_by_baseline_variance(baseline, treatment, study.alpha, power, sides)
    return {"n_per_group": units, "n_per_group_rounded": round(units)}


def solve_power_proportions(n_per_group, p1, p2, alpha=0.05, sides=2, allocation_ratio=1):
    look = single_look(rate(p1, alpha, sides), allocation_ratio)
    return {"power": look.power(rate(p2, alpha, sides).baseline - p1, n_per_group)}


def solve_sample_size_means(mde_absolute, sd, alpha=0.05, power=0.8, sides=2, allocation_ratio=1):
    return sized(single_look(mean(sd, alpha, sides, power), allocation_ratio), mde_absolute)


def solve_power_means(delta, sd, alpha=0.05, sides=2, n1=None, n2=None, n_per_group=None, allocation_ratio=1):
    control = n1 if n1 is not None else n_per_group
    ratio = n2 / control if n2 is not None else allocation_ratio
    return {"power": single_look(mean(sd, alpha, sides), ratio).power(delta, control)}


def solve_mde_proportions(baseline, n_per_group, alpha=0.05, power=0.8, sides=2, allocation_ratio=1):
    change = single_look(rate(baseline, alpha, sides, power), allocation_ratio).detectable(n_per_group)
    return {"mde_absolute": change, "mde_relative": change / baseline}


def solve_mde_means(sd, n_per_group, alpha=0.05, power=0.8, sides=2, allocation_ratio=1, baseline=None):
    change = single_look(mean(sd, alpha, sides, power), allocation_ratio).detectable(n_per_group)
    return {"mde_absolute": change, "mde_relative": change / abs(baseline) if baseline else None}


def rate(baseline, alpha, sides, power=0.8):
    return Study(kind=MetricKind.BINARY, baseline=baseline, power=power, confidence_level=1 - alpha, sides=sides)


def mean(deviation, alpha, sides, power=0.8):
    given = {"power": power, "confidence_level": 1 - alpha, "sides": sides}
    return Study(kind=MetricKind.CONTINUOUS, baseline=0, standard_deviation=deviation, **given)


def single_look(study, ratio):
    return SingleLook(replace(study, shares=(1, ratio)), ratio)


def sized(look, effect):
    units = look.units(effect)
    if not math.isfinite(units):
        raise ValidationError("minimumDetectableEffect is too small for any number of units.")
    return {"n_per_group": units, "n_per_group_ceil": math.ceil(units)} | arms(units, look.ratio)


def solve_non_inferiority_means(
    control, treatment, margin_absolute=None, higher_is_better=True, alpha=0.05, margin_relative=None
):
    found = judged(moments(control), moments(treatment), margin_absolute, margin_relative, higher_is_better, alpha)
    return told(found, alpha)


def solve_non_inferiority_proportions(
    control, treatment, margin_absolute=None, higher_is_better=True, alpha=0.05, margin_relative=None
):
    samples = [SampleStatistics.of_rates([each["x"]], [each["n"]]) for each in (control, treatment)]
    score, unpooled = (
        judged(*samples, margin_absolute, margin_relative, higher_is_better, alpha, rates=True, score=each)
        for each in (True, False)
    )
    return told(score, alpha) | {
        "z_farrington_manning": float(score.statistic[0]),
        "p_value_farrington_manning": float(score.p_value[0]),
        "z_unpooled": float(unpooled.statistic[0]),
        "p_value_unpooled": float(unpooled.p_value[0]),
    }


def solve_non_inferiority_sample_size(kind, margin_absolute, alpha=0.025, power=0.8, true_diff=0, **given):
    ratio = given.get("allocation_ratio", 1)
    if kind == "means":
        units = units_for_non_inferior_means(margin_absolute, true_diff, given["sd"], alpha, power, ratio)
    else:
        higher = given.get("higher_is_better", True)
        control = next(given[name] for name in ("baseline", "p_control", "p1", "control_rate") if name in given)
        treatment = given.get("p2", given.get("p_treatment", control + true_diff))
        separation = rate_separation(control, treatment, margin_absolute, higher_is_better=higher, ratio=ratio)
        units = separation.units(alpha, power)
    return {"n_per_group": units} | arms(units, ratio)


def arms(control, ratio):
    return {
        "n_control": control,
        "n_treatment": control * ratio,
        "n_total_ceil": math.ceil(control) + math.ceil(control * ratio),
    }


def moments(arm):
    row = kit.moments(arm)
    return SampleStatistics.of([row["units"]], [row["mean"]], [row["variance"]])


def judged(control, treatment, absolute, relative, higher_is_better, alpha, **options):
    margin = absolute if absolute is not None else relative
    options |= {"relative": absolute is None, "higher_is_better": higher_is_better, "alpha": alpha}
    return non_inferiority(control, treatment, margin, **options)


def told(found, alpha):
    p_value = float(found.p_value[0])
    return {
        "diff": float(found.estimate[0]),
        "z": float(found.statistic[0]),
        "p_value": p_value,
        "log10_p_value": float(found.log10_p_value[0]),
        "ci_bound": float(found.bound[0]),
        "non_inferior": p_value < alpha,
        "reason": "" if math.isfinite(p_value) else "too few units, or no variation",
    }
