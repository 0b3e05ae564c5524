"""Planning an experiment's size."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.metric import Direction, MetricKind
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.domain.sample_size import effects_by_day, plan_sample_size
from omniforge_graph.domain.study import Distribution, RatioSpread, Study
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.spending import SpendingKind

RATE = Study(kind=MetricKind.BINARY, baseline=0.1)
COST = Study(kind=MetricKind.CONTINUOUS, baseline=10, standard_deviation=5)
SPREAD = RatioSpread(3, 4, 2, 0.7)


def units(study, effect=None, **given):
    return plan_sample_size(study, effect, **given).units_per_variant


def test_a_rate_as_r_computes_it():
    plan = plan_sample_size(replace(RATE, baseline=0.5, power=0.9), 0.25)
    assert (plan.units_per_variant, plan.total_units, plan.days) == (77, 154, None)
    assert (plan.power, plan.inflation, plan.expected_units) == (0.9, 1.0, None)


def test_a_mean_as_r_computes_it():
    assert units(Study(kind=MetricKind.CONTINUOUS, baseline=0, standard_deviation=1, power=0.9), 1) == 23


def test_a_relative_effect_is_a_share_of_the_baseline():
    assert units(replace(RATE, relative=True), 0.2) == units(RATE, 0.02) == 3841
    below = replace(COST, baseline=-10, relative=True)
    assert units(below, 0.1) == units(COST, 1)


def test_a_decrease_is_a_negative_effect():
    assert units(RATE, -0.02) == 3213


def test_days_are_counted_for_all_variants_and_rounded_up():
    half = replace(RATE, baseline=0.5, power=0.9)
    assert plan_sample_size(replace(half, daily_units=100), 0.25).days == 2
    assert plan_sample_size(replace(half, daily_units=154), 0.25).days == 1


def test_treatments_share_the_error_rate():
    three = plan_sample_size(replace(RATE, variants=3), 0.02)
    assert three.units_per_variant == units(replace(RATE, confidence_level=0.975), 0.02)
    assert three.total_units == 3 * three.units_per_variant
    assert any("alpha 0.025" in each for each in three.assumptions)


def test_one_side_needs_as_many_units_as_two_at_twice_the_error_rate():
    assert units(replace(RATE, sides=1), 0.02) == units(replace(RATE, confidence_level=0.9), 0.02)


def test_a_covariate_saves_what_it_explains():
    adjusted = replace(COST, covariate_correlation=0.6)
    assert units(adjusted, 0.2) == pytest.approx(0.64 * units(COST, 0.2), abs=1)


def test_unequal_shares_take_more_in_all_and_follow_the_shares():
    equal, unequal = (plan_sample_size(replace(COST, shares=each), 0.2) for each in (None, (80, 20)))
    assert unequal.variant_units[0] == pytest.approx(4 * unequal.variant_units[1], abs=4)
    # 1/n1 + 1/n2 must stay the same: 4 N = N' (1/.8 + 1/.2)^-1 ...
    assert unequal.total_units / equal.total_units == pytest.approx((1 / 0.8 + 1 / 0.2) / 4, rel=1e-3)
    assert unequal.units_per_variant == unequal.variant_units[1]
    assert plan_sample_size(replace(COST, shares=(1, 4)), 0.2).total_units == unequal.total_units


def test_the_smallest_treatment_decides():
    plan = plan_sample_size(replace(COST, variants=3, shares=(40, 40, 20)), 0.2)
    pair = plan_sample_size(replace(COST, shares=(40, 20), confidence_level=0.975), 0.2)
    assert plan.variant_units[0] == pytest.approx(pair.variant_units[0], abs=1)


def test_a_ratio_is_planned_by_its_linearised_value():
    # The variance of 4 and 2 x 2 correlated by 0.7 is 9.6, over the square of the mean denominator, 3.
    direct = Study(kind=MetricKind.RATIO, baseline=2, standard_deviation=(9.6 / 9) ** 0.5)
    assert units(replace(direct, standard_deviation=None, spread=SPREAD), 0.1) == units(direct, 0.1)


def test_quantiles_are_planned_by_the_density_around_them():
    median = Study(kind=MetricKind.QUANTILE, quantile=0.5, baseline=10, density=0.0797884560802865)
    normal = replace(median, density=None, standard_deviation=5)
    assert units(normal, 0.5) == units(median, 0.5)
    # The median of normal values needs pi / 2 times the units of their mean.
    assert units(normal, 0.1) / units(COST, 0.1) == pytest.approx(1.5707963, rel=1e-4)
    # The logarithms of values with a small spread are spread like the values themselves.
    log = replace(normal, distribution=Distribution.LOGNORMAL, standard_deviation=0.5)
    assert units(log, 0.5) == units(normal, 0.5)


def test_looking_early_costs_the_design_s_inflation():
    fixed, early = (plan_sample_size(replace(RATE, monitoring=each), 0.02) for each in list(Monitoring)[:2])
    assert early.inflation == pytest.approx(1.0378, abs=1e-3)  # 10 looks of O'Brien and Fleming's kind
    assert early.total_units == pytest.approx(fixed.total_units * early.inflation, abs=2)
    assert early.expected_units < fixed.total_units < early.total_units
    pocock = plan_sample_size(replace(RATE, monitoring=Monitoring.GROUP_SEQUENTIAL, spending=SpendingKind.POCOCK), 0.02)
    assert pocock.inflation == pytest.approx(1.25, abs=0.01)


def test_no_end_costs_more():
    always = plan_sample_size(replace(RATE, monitoring=Monitoring.ALWAYS_VALID), 0.02)
    assert always.inflation == pytest.approx(1.7, abs=0.01)
    assert always.expected_units < always.total_units


SEVERAL = [
    RATE,
    COST,
    replace(RATE, sides=1, shares=(70, 30)),
    replace(COST, variants=3, direction=Direction.LOWER_IS_BETTER, covariate_correlation=-0.5),
    replace(RATE, monitoring=Monitoring.GROUP_SEQUENTIAL, looks=4),
    replace(RATE, monitoring=Monitoring.ALWAYS_VALID, looks=8),
    Study(kind=MetricKind.RATIO, baseline=2, spread=SPREAD, relative=True),
]


@pytest.mark.parametrize("study", SEVERAL)
def test_units_power_and_effect_are_one_relation(study):
    effect = -0.05 if study.direction is Direction.LOWER_IS_BETTER else 0.05
    planned = plan_sample_size(study, effect)
    back = plan_sample_size(study, total_units=planned.total_units)
    assert back.effect == pytest.approx(planned.effect, rel=2e-3)
    assert abs(back.effect) <= abs(planned.effect) * (1 + 1e-9), "whole units are at least enough"
    again = plan_sample_size(study, effect, total_units=planned.total_units)
    assert again.power == pytest.approx(study.power, abs=2e-3)
    assert again.total_units == pytest.approx(planned.total_units, abs=study.variants), "whole units of each"
    less = plan_sample_size(study, effect, total_units=planned.total_units // 2)
    assert less.power < again.power - 0.1


def test_days_bring_units():
    study = replace(RATE, daily_units=100)
    assert plan_sample_size(study, days=14) == plan_sample_size(study, total_units=1400)


def test_more_days_find_smaller_effects():
    study = replace(COST, daily_units=50)
    found = effects_by_day(study, (7, 14, 28))
    assert [(each.days, each.total_units) for each in found] == [(7, 350), (14, 700), (28, 1400)]
    assert found[0].effect > found[1].effect > found[2].effect
    assert found[2].effect == plan_sample_size(study, days=28).effect
    assert found[2].relative_effect == found[2].effect / 10
    assert effects_by_day(replace(RATE, baseline=0.9999, daily_units=2), (1, 2, 7)) == ()


# ---------------------------------------------------------------- non-inferiority


def test_a_margin_takes_the_units_of_the_formula():
    # (z_.05 + z_.2)^2 * 2 * 25 / 0.25
    assert units(replace(COST, margin=0.5)) == 1237
    assert units(replace(COST, margin=0.5), 0.5) == 310
    worse = replace(COST, margin=0.5, direction=Direction.LOWER_IS_BETTER)
    assert units(worse, -0.5) == 310


def test_a_relative_margin_counts_the_control_s_uncertainty():
    # The control's variance weighs (1 - M)^2 where higher is better, (1 + M)^2 where lower is.
    higher, lower = (
        units(replace(COST, margin=0.05, relative=True, direction=each))
        for each in (Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER)
    )
    assert higher / 1237 == pytest.approx((0.95**2 + 1) / 2, rel=1e-3)
    assert lower / 1237 == pytest.approx((1.05**2 + 1) / 2, rel=1e-3)


def test_each_treatment_has_to_be_shown_on_its_own():
    assert units(replace(COST, margin=0.5, variants=4)) == 1237


@pytest.mark.parametrize("monitoring", Monitoring)
def test_the_power_to_show_non_inferiority(monitoring):
    study = replace(RATE, margin=0.02, monitoring=monitoring)
    planned = plan_sample_size(study, -0.001)
    assert plan_sample_size(study, -0.001, total_units=planned.total_units).power == pytest.approx(0.8, abs=2e-3)


# ---------------------------------------------------------------- words and refusals


def test_assumptions_are_told():
    told = " ".join(plan_sample_size(replace(COST, daily_units=50, covariate_correlation=0.5), 1).assumptions)
    for part in ("from 10 to 11", "0.95", "0.8", "standard deviation of 5", "50 units", "25%"):
        assert part in told


@pytest.mark.parametrize(
    ("study", "parts"),
    [
        (replace(COST, margin=0.5, variants=3), ("not be worse by 0.5", "one-sided", "each on its own")),
        (replace(RATE, margin=0.1, relative=True), ("worse by 0.1 of it",)),
        (replace(RATE, monitoring=Monitoring.GROUP_SEQUENTIAL), ("10 even looks", "O'Brien and Fleming")),
        (replace(RATE, monitoring=Monitoring.ALWAYS_VALID, sides=1), ("at any time", "one-sided")),
        (replace(RATE, shares=(80, 20)), ("shares 80 : 20",)),
        (Study(kind=MetricKind.RATIO, baseline=2, spread=SPREAD), ("control's ratio", "correlated by 0.7")),
        (Study(kind=MetricKind.QUANTILE, baseline=2, quantile=0.9, density=0.2), ("0.9 quantile", "holds 0.2")),
        (
            Study(
                kind=MetricKind.QUANTILE,
                baseline=2,
                quantile=0.9,
                standard_deviation=0.5,
                distribution=Distribution.LOGNORMAL,
            ),
            ("lognormal",),
        ),
        (Study(kind=MetricKind.QUANTILE, baseline=2, quantile=0.9, standard_deviation=0.5), ("Values are normal",)),
    ],
)
def test_what_is_special_is_told(study, parts):
    told = " ".join(plan_sample_size(study, None if study.margin else 0.05).assumptions)
    for part in parts:
        assert part in told


QUANTILE = {"kind": MetricKind.QUANTILE, "standard_deviation": 1, "quantile": 0.9}
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"baseline": -0.1}, "baseline"),
        ({"baseline": 1.1}, "baseline"),
        ({"baseline": NAN}, "baseline"),
        ({"baseline": 0, "relative": True}, "baseline"),
        (QUANTILE | {"baseline": -1, "distribution": Distribution.LOGNORMAL}, "baseline"),
        (QUANTILE | {"quantile": None}, "quantile"),
        (QUANTILE | {"quantile": 1}, "quantile"),
        (QUANTILE | {"density": 0}, "density"),
        (QUANTILE | {"covariate_correlation": 0.5}, "covariateCorrelation"),
        ({"quantile": 0.5}, "quantile"),
        ({"density": 0.5}, "density"),
        ({"spread": SPREAD}, "spread"),
        ({"kind": MetricKind.CONTINUOUS}, "standardDeviation"),
        ({"kind": MetricKind.RATIO}, "standardDeviation"),
        ({"kind": MetricKind.CONTINUOUS, "standard_deviation": 0}, "standardDeviation"),
        ({"kind": MetricKind.CONTINUOUS, "standard_deviation": INFINITE}, "standardDeviation"),
        ({"covariate_correlation": 1}, "covariateCorrelation"),
        ({"margin": 0}, "margin"),
        ({"margin": 1}, "margin"),
        ({"sides": 3}, "sides"),
        ({"power": 0}, "power"),
        ({"power": 1}, "power"),
        ({"confidence_level": 0.5}, "confidenceLevel"),
        ({"confidence_level": NAN}, "confidenceLevel"),
        ({"variants": 1}, "variants"),
        ({"variants": 101}, "variants"),
        ({"shares": (1, 2, 3)}, "shares"),
        ({"shares": (1, 0)}, "shares"),
        ({"shares": (1, NAN)}, "shares"),
        ({"shares": (1, 1e-9)}, "shares"),
        ({"daily_units": 0}, "dailyUnits"),
        ({"looks": 5}, "looks"),
        ({"looks": 0, "monitoring": Monitoring.ALWAYS_VALID}, "looks"),
        ({"looks": 201, "monitoring": Monitoring.GROUP_SEQUENTIAL}, "looks"),
        ({"spending": SpendingKind.KIM_DEMETS, "spending_parameter": -1}, "spendingParameter"),
    ],
)
def test_a_study_that_cannot_be_is_refused(changes, field):
    with pytest.raises(ValidationError) as caught:
        Study(**{"kind": MetricKind.BINARY, "baseline": 0.1} | changes)
    assert caught.value.path[0] == field
    assert field in caught.value.message.replace("covariates", "covariateCorrelation")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"denominator_mean": 0}, "denominatorMean"),
        ({"numerator_deviation": -1}, "numeratorDeviation"),
        ({"denominator_deviation": NAN}, "denominatorDeviation"),
        ({"correlation": 1.1}, "correlation"),
    ],
)
def test_a_spread_that_cannot_be_is_refused(changes, field):
    with pytest.raises(ValidationError, match=field) as caught:
        replace(SPREAD, **changes)
    assert caught.value.path == ("spread", field)


@pytest.mark.parametrize(
    ("changes", "effect", "given", "field"),
    [
        ({}, None, {}, "minimumDetectableEffect"),
        ({}, 0, {}, "minimumDetectableEffect"),
        ({}, INFINITE, {}, "minimumDetectableEffect"),
        ({}, 0.95, {}, "minimumDetectableEffect"),
        ({}, -0.2, {}, "minimumDetectableEffect"),
        ({}, 1e-9, {}, "minimumDetectableEffect"),
        ({"margin": 0.02}, -0.02, {}, "minimumDetectableEffect"),
        ({"margin": 1e-9}, None, {}, "margin"),
        ({"daily_units": 1e-300}, 0.02, {}, "dailyUnits"),
        ({}, None, {"days": 3}, "dailyUnits"),
        ({"daily_units": 9}, None, {"days": 3, "total_units": 9}, "days"),
        ({"daily_units": 9}, None, {"days": NAN}, "days"),
        ({}, None, {"total_units": 3}, "totalUnits"),
        ({}, None, {"total_units": 2**31}, "totalUnits"),
        ({"baseline": 0.999}, None, {"total_units": 10}, "totalUnits"),
        ({"monitoring": Monitoring.GROUP_SEQUENTIAL, "power": 0.01}, 0.02, {}, "power"),
        ({"monitoring": Monitoring.ALWAYS_VALID, "power": 0.01}, 0.02, {}, "power"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes, effect, given, field):
    with pytest.raises(ValidationError) as caught:
        plan_sample_size(replace(RATE, **changes), effect, **given)
    assert caught.value.path == (field,)
    assert field in caught.value.message


@given(
    kind=st.sampled_from(MetricKind),
    baseline=st.floats(),
    effect=st.none() | st.floats(),
    relative=st.booleans(),
    deviation=st.none() | st.floats(),
    quantile=st.none() | st.just(0.9),
    margin=st.none() | st.floats(),
    power=st.floats(0, 1),
    variants=st.integers(0, 200),
    daily=st.none() | st.floats(),
    total=st.none() | st.integers(),
)
@settings(deadline=None)
def test_any_numbers_give_a_plan_or_a_named_field(
    kind, baseline, effect, relative, deviation, quantile, margin, power, variants, daily, total
):
    try:
        study = Study(
            kind=kind,
            baseline=baseline,
            relative=relative,
            standard_deviation=deviation,
            quantile=quantile,
            margin=margin,
            power=power,
            variants=variants,
            daily_units=daily,
        )
        plan = plan_sample_size(study, effect, total_units=total)
    except ValidationError as problem:
        if not problem.path:
            raise
    else:
        assert plan.units_per_variant >= 2
        assert plan.total_units == plan.units_per_variant * variants < 2**31
        assert 0 <= plan.power <= 1
        assert abs(plan.effect) < INFINITE
