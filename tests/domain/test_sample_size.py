"""Planning an experiment's size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.sample_size import plan_sample_size
from omniforge_graph.errors import ValidationError

BINARY, CONTINUOUS = MetricKind.BINARY, MetricKind.CONTINUOUS


def test_a_rate_as_r_computes_it():
    plan = plan_sample_size(BINARY, 0.5, 0.25, power=0.9)
    assert (plan.units_per_variant, plan.total_units, plan.days) == (77, 154, None)


def test_a_mean_as_r_computes_it():
    assert plan_sample_size(CONTINUOUS, 0, 1, standard_deviation=1, power=0.9).units_per_variant == 23


def test_a_relative_effect_is_a_share_of_the_baseline():
    absolute = plan_sample_size(BINARY, 0.1, 0.02)
    assert plan_sample_size(BINARY, 0.1, 0.2, relative=True).units_per_variant == absolute.units_per_variant == 3841
    below = plan_sample_size(CONTINUOUS, -10, 0.1, relative=True, standard_deviation=5)
    assert below.units_per_variant == plan_sample_size(CONTINUOUS, 10, 1, standard_deviation=5).units_per_variant


def test_a_decrease_is_a_negative_effect():
    assert plan_sample_size(BINARY, 0.1, -0.02).units_per_variant == 3213


def test_days_are_counted_for_all_variants_and_rounded_up():
    assert plan_sample_size(BINARY, 0.5, 0.25, power=0.9, daily_units=100).days == 2
    assert plan_sample_size(BINARY, 0.5, 0.25, power=0.9, daily_units=154).days == 1


def test_treatments_share_the_error_rate():
    three = plan_sample_size(BINARY, 0.1, 0.02, variants=3, confidence_level=0.95)
    assert three.units_per_variant == plan_sample_size(BINARY, 0.1, 0.02, confidence_level=0.975).units_per_variant
    assert three.total_units == 3 * three.units_per_variant
    assert any("alpha 0.025" in each for each in three.assumptions)


def test_assumptions_are_told():
    told = " ".join(plan_sample_size(CONTINUOUS, 10, 1, standard_deviation=5, daily_units=50).assumptions)
    for part in ("from 10 to 11", "0.95", "0.8", "standard deviation of 5", "50 units"):
        assert part in told


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"baseline": -0.1}, "baseline"),
        ({"baseline": 1.1}, "baseline"),
        ({"baseline": float("nan")}, "baseline"),
        ({"baseline": 0, "relative": True}, "baseline"),
        ({"minimum_detectable_effect": 0}, "minimumDetectableEffect"),
        ({"minimum_detectable_effect": float("inf")}, "minimumDetectableEffect"),
        ({"minimum_detectable_effect": 0.95}, "minimumDetectableEffect"),
        ({"minimum_detectable_effect": -0.2}, "minimumDetectableEffect"),
        ({"minimum_detectable_effect": 1e-9}, "minimumDetectableEffect"),
        ({"kind": CONTINUOUS}, "standardDeviation"),
        ({"kind": CONTINUOUS, "standard_deviation": 0}, "standardDeviation"),
        ({"kind": CONTINUOUS, "standard_deviation": float("inf")}, "standardDeviation"),
        ({"power": 0}, "power"),
        ({"power": 1}, "power"),
        ({"confidence_level": 0.5}, "confidenceLevel"),
        ({"confidence_level": float("nan")}, "confidenceLevel"),
        ({"variants": 1}, "variants"),
        ({"variants": 101}, "variants"),
        ({"daily_units": 0}, "dailyUnits"),
        ({"daily_units": 1e-300}, "dailyUnits"),
    ],
)
def test_what_is_out_of_range_is_named(changes, field):
    given_ = {"kind": BINARY, "baseline": 0.1, "minimum_detectable_effect": 0.02} | changes
    with pytest.raises(ValidationError) as caught:
        plan_sample_size(**given_)
    assert caught.value.path == (field,)
    assert field in caught.value.message


@given(
    kind=st.sampled_from(MetricKind),
    baseline=st.floats(),
    effect=st.floats(),
    relative=st.booleans(),
    deviation=st.none() | st.floats(),
    power=st.floats(0, 1),
    variants=st.integers(0, 200),
    daily=st.none() | st.floats(),
)
def test_any_numbers_give_a_plan_or_a_named_field(kind, baseline, effect, relative, deviation, power, variants, daily):
    try:
        plan = plan_sample_size(
            kind,
            baseline,
            effect,
            relative=relative,
            standard_deviation=deviation,
            power=power,
            variants=variants,
            daily_units=daily,
        )
    except ValidationError as problem:
        if problem.field is None:
            raise
    else:
        assert plan.units_per_variant >= 2
        assert plan.total_units == plan.units_per_variant * variants < 2**31
