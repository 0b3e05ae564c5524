"""Welch's t-test."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from omniforge_graph.plugin import Alternative, Flag, MetricKind, SampleStatistics, samples_of_values
from omniforge_statistics.welch_t import WelchTTest

TEST = WelchTTest()
CONTINUOUS = MetricKind.CONTINUOUS
VARIANTS = st.tuples(st.integers(2, 10**6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
# Cushny & Peebles (1905), as in R's sleep: extra hours under two drugs.
FIRST = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
SECOND = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def test_the_sleep_data(compare):
    # R's t.test(extra ~ group, data = sleep): p-value = 0.07939, -3.3654832 to 0.2054832
    found = compare(TEST, compare.values(SECOND, FIRST), kind=CONTINUOUS)
    assert found.p_value[0] == pytest.approx(0.07939, abs=5e-6)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [-3.3654832, 0.2054832], atol=5e-8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VARIANTS, two=VARIANTS)
def test_swapping_the_variants_negates_and_keeps_p(compare, one, two):
    forward, backward = (compare(TEST, compare.means(*each), kind=CONTINUOUS) for each in ((one, two), (two, one)))
    np.testing.assert_array_equal(forward.estimate, -backward.estimate)
    np.testing.assert_allclose(forward.lower, -backward.upper, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(forward.log10_p_value, backward.log10_p_value, rtol=1e-9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VARIANTS, two=VARIANTS, power=st.integers(-10, 10))
def test_the_unit_of_measurement_does_not_matter(compare, one, two, power):
    assume(abs(one[1]) > 1e-3)
    unit = 2.0**power
    scaled = [(n, m * unit, v * unit**2) for n, m, v in (one, two)]
    here, there = (compare(TEST, compare.means(*each), kind=CONTINUOUS) for each in ((one, two), scaled))
    np.testing.assert_array_equal(here.p_value, there.p_value)
    np.testing.assert_allclose(here.lower * unit, there.lower, rtol=1e-12)
    np.testing.assert_allclose(here.relative_upper, there.relative_upper, rtol=1e-12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VARIANTS, two=VARIANTS)
def test_p_and_both_intervals_tell_one_story(compare, one, two):
    found = compare(TEST, compare.means(one, two), kind=CONTINUOUS)
    assume(abs(found.p_value[0] - 0.05) > 1e-9)
    significant = found.p_value[0] < 0.05
    assert (found.lower[0] > 0 or found.upper[0] < 0) == significant
    if np.isfinite(found.relative_lower[0]):
        assert (found.relative_lower[0] > 0 or found.relative_upper[0] < 0) == significant


def test_an_offset_of_a_billion_changes_nothing(compare):
    one, two = np.array([4.5, 7.25, 13, 16.125, 5.5, 9]), np.array([8.5, 11.25, 17, 20.125, 9.5, 14])
    here, there = (compare(TEST, compare.values(one + shift, two + shift), kind=CONTINUOUS) for shift in (0.0, 1e9))
    # A mean at 1e9 is rounded to 1.2e-7, against a standard error of about 2.6.
    np.testing.assert_allclose(there.p_value, here.p_value, rtol=1e-6)


def test_the_logarithm_survives_an_underflow(compare):
    found = compare(TEST, compare.means((10**6, 0.1, 0.09), (10**6, 0.15, 0.1275)), kind=CONTINUOUS)
    assert found.p_value[0] == 0
    # As a standard normal of z = .05 / sqrt(.2175e-6) = 107.2: ln p = -z^2/2 - ln(z sqrt(pi/2)).
    z = 0.05 / np.sqrt(0.2175e-6)
    normal = (-(z**2) / 2 - np.log(z * np.sqrt(np.pi / 2))) / np.log(10)
    assert found.log10_p_value[0] == pytest.approx(normal, rel=0.005)


def test_one_variance_is_enough(compare):
    found = compare(TEST, compare.means((8, 3, 0), (7, 3.3, 0.11)), kind=CONTINUOUS)
    assert 0 < found.p_value[0] < 1
    assert not any(mask.any() for mask in found.flags.values())


@pytest.mark.parametrize(
    ("one", "two", "flag"),
    [
        ((0, np.nan, np.nan), (9, 1, 1), Flag.NO_UNITS),
        ((9, 1, 1), (1, 2, np.nan), Flag.TOO_FEW_UNITS),
        ((9, 5, 0), (9, 5, 0), Flag.NO_VARIANCE),
        ((9, 5, 0), (9, 6, 0), Flag.NO_VARIANCE),
    ],
)
def test_what_cannot_be_judged_says_why(compare, one, two, flag):
    found = compare(TEST, compare.means(one, two), kind=CONTINUOUS)
    assert np.isnan([found.lower, found.upper, found.p_value]).all()
    assert [each for each, mask in found.flags.items() if mask.any()] == [flag]


def test_a_variance_that_is_not_known_says_so(compare):
    samples = SampleStatistics(np.array([50.0, 60.0]), np.array([1.0, 2.0]), np.array([np.nan, 1.0]))
    found = compare(TEST, samples, kind=CONTINUOUS)
    assert np.isnan(found.p_value[0])
    assert [each for each, mask in found.flags.items() if mask.any()] == [Flag.NO_STANDARD_ERROR]


@pytest.mark.parametrize(("alternative", "p"), [("greater", 0.9603029), ("less", 0.0396971)])
def test_one_sided_questions_on_the_sleep_data(compare, alternative, p):
    found = compare(TEST, compare.values(SECOND, FIRST), kind=CONTINUOUS, alternative=Alternative(alternative))
    assert found.p_value[0] == pytest.approx(p, abs=5e-7)
    open_end = found.upper if alternative == "greater" else found.lower
    relative = found.relative_upper if alternative == "greater" else found.relative_lower
    assert np.isinf([open_end[0], relative[0]]).all()


def test_the_relative_interval_can_be_chosen(compare):
    samples = compare.means((200, 5, 4), (210, 5.6, 5))
    found = {each: compare(TEST, samples, kind=CONTINUOUS, relative=each) for each in ("fieller", "delta", "log_ratio")}
    delta = found["delta"]
    middle = (delta.relative_lower + delta.relative_upper) / 2
    np.testing.assert_allclose(middle, delta.relative_estimate)
    assert len({float(each.relative_lower[0]) for each in found.values()}) == 3
    assert len({float(each.p_value[0]) for each in found.values()}) == 1


def test_skewed_values_are_flagged_where_units_are_few(compare):
    generator = np.random.default_rng(1)
    values = np.concatenate([generator.lognormal(0, 1.5, 900), generator.lognormal(0, 1.5, 100)])
    known = samples_of_values(values, np.repeat([0, 1], [900, 100]), 2)
    assert compare(TEST, known, kind=CONTINUOUS).flags[Flag.SKEWED].tolist() == [True]
    tame = samples_of_values(generator.normal(size=1000), np.repeat([0, 1], 500), 2)
    assert compare(TEST, tame, kind=CONTINUOUS).flags[Flag.SKEWED].tolist() == [False]
