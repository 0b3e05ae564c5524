"""The two-proportion z-test."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph.plugin import Flag
from omniforge_statistics.z_test import TwoProportionZTest

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
    found = compare(TEST, compare.rates((0, 1000), (0, 1200)))
    assert np.isnan(found.p_value[0])
    assert found.lower[0] < 0 < found.upper[0]
    assert Flag.NO_VARIANCE in flagged(found)


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
