"""The two-proportion z-test."""

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph.plugin import Alternative, Flag
from omniforge_graph.statistics.fisher import fisher_exact
from omniforge_statistics.z_test import TwoProportionZTest, ZTestOptions

TEST = TwoProportionZTest()
COUNTS = st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)).map(lambda pair: (pair[0], sum(pair)))


def flagged(found):
    return {flag for flag, mask in found.flags.items() if mask.any()}


def test_the_example_of_statsmodels(compare):
    found = compare(TEST, compare.rates((5, 83), (12, 99)))
    assert found.p_value[0] == pytest.approx(0.159, abs=5e-4)
    assert found.estimate[0] == pytest.approx(12 / 99 - 5 / 83, rel=1e-14)


def test_the_interval_is_newcombes(compare):
    found = compare(TEST, compare.rates((48, 80), (56, 70)))
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [0.0524, 0.3339], atol=5.1e-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=COUNTS, two=COUNTS)
def test_swapping_the_variants_negates_and_keeps_p(compare, one, two):
    forward, backward = compare(TEST, compare.rates(one, two)), compare(TEST, compare.rates(two, one))
    np.testing.assert_array_equal(forward.estimate, -backward.estimate)
    np.testing.assert_array_equal(forward.lower, -backward.upper)
    np.testing.assert_allclose(forward.p_value, backward.p_value, rtol=1e-9)


def test_counts_of_a_billion(compare):
    found = compare(TEST, compare.rates((100_000_000, 10**9), (100_050_000, 10**9)))
    z = 5e-5 / np.sqrt(0.100025 * 0.899975 * 2e-9)
    assert found.p_value[0] == pytest.approx(1.9426e-4, rel=1e-4)
    assert z == pytest.approx(3.72637, rel=1e-5)


def test_the_logarithm_survives_an_underflow(compare):
    found = compare(TEST, compare.rates((100_000, 10**6), (150_000, 10**6)))
    assert found.p_value[0] == 0
    assert found.log10_p_value[0] == pytest.approx(-2483.81, abs=0.005)


def test_without_conversions_there_is_an_interval_but_no_p_value(compare):
    for small_counts in ("fisher_exact", "normal"):
        found = compare(TEST, compare.rates((0, 1000), (0, 1200)), small_counts=small_counts)
        assert np.isnan(found.p_value[0])
        assert found.lower[0] < 0 < found.upper[0]
        assert flagged(found) == {Flag.NO_VARIANCE}


def test_small_expected_counts_are_flagged(compare):
    assert flagged(compare(TEST, compare.rates((1, 20), (4, 20)))) == {Flag.SMALL_COUNTS}
    assert flagged(compare(TEST, compare.rates((8, 40), (12, 40)))) == set()


def test_no_units_are_flagged_and_nothing_else(compare):
    found = compare(TEST, compare.rates((5, 50), (0, 0)))
    assert np.isnan([found.estimate, found.lower, found.upper, found.p_value]).all()
    assert flagged(found) == {Flag.NO_UNITS}


def test_another_control(compare):
    found = compare(TEST, compare.rates((10, 100), (20, 100), (40, 100)), control=1)
    np.testing.assert_allclose(found.estimate, [-0.1, 0.2], rtol=1e-14)


# ---------------------------------------------------------------- options


def test_one_side_halves_the_p_value_and_opens_the_interval(compare):
    sample = compare.rates((200, 4000), (243, 4100))
    both, greater, less = (
        compare(TEST, sample, alternative=Alternative(each)) for each in ("two_sided", "greater", "less")
    )
    assert greater.p_value[0] == pytest.approx(both.p_value[0] / 2, rel=1e-12)
    assert less.p_value[0] == pytest.approx(1 - both.p_value[0] / 2, rel=1e-12)
    wider = compare(TEST, sample, level=0.9)
    assert (greater.lower[0], greater.upper[0]) == (wider.lower[0], np.inf)
    assert (less.lower[0], less.upper[0]) == (-np.inf, wider.upper[0])


def test_the_unpooled_test_agrees_with_walds_interval(compare):
    for control, treatment in (((100, 1000), (127, 1000)), ((100, 1000), (129, 1000))):
        found = compare(TEST, compare.rates(control, treatment), variance="unpooled", interval="wald")
        assert (found.p_value[0] < 0.05) == (found.lower[0] > 0)


def test_the_score_interval_agrees_with_the_pooled_test(compare):
    treated = np.arange(100, 160)
    found = compare(TEST, compare.rates(*[(100, 1000)] + [(x, 1000) for x in treated]), interval="mee")
    np.testing.assert_array_equal(found.p_value < 0.05, found.lower > 0)


def test_yates_correction_makes_it_cautious(compare):
    sample = compare.rates((15, 100), (28, 100))
    found = compare(TEST, sample, continuity_correction=True)
    assert found.p_value[0] == pytest.approx(0.03888156407321714, rel=1e-9)  # R: prop.test(c(15, 28), c(100, 100))
    assert found.p_value[0] > compare(TEST, sample).p_value[0]


@pytest.mark.parametrize("alternative", ["two_sided", "greater", "less"])
def test_small_counts_are_judged_by_fishers_test(compare, alternative):
    sample = compare.rates((1, 20), (4, 20), (400, 2000))
    found = compare(TEST, sample, alternative=Alternative(alternative))
    control, treatment = compare.rates((1, 20)), compare.rates((4, 20))
    assert found.p_value[0] == fisher_exact(control, treatment, Alternative(alternative))[0][0]
    rough = compare(TEST, sample, alternative=Alternative(alternative), small_counts="normal")
    assert rough.p_value[0] != found.p_value[0]
    assert flagged(rough) == {Flag.APPROXIMATE}


@pytest.mark.parametrize(
    "options", [{"variance": "both"}, {"interval": "exact"}, {"alternative": "two-sided"}, {"small_counts": "wish"}]
)
def test_unknown_choices_are_refused(options):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, ZTestOptions)
