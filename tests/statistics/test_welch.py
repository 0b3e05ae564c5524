"""Welch's t-test as a method on arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.welch import too_skewed, welch_t

ARMS = st.tuples(st.integers(2, 10**5), st.floats(-1e3, 1e3), st.floats(1e-3, 1e4))


def of(*arms):
    return SampleStatistics.of(*zip(*arms, strict=True)).split(0)


@settings(deadline=None)
@given(one=ARMS, two=ARMS, alternative=st.sampled_from(Alternative))
def test_it_is_scipys(one, two, alternative):
    found = welch_t(*of(one, two), 0.9, alternative)
    theirs = stats.ttest_ind_from_stats(
        two[1], two[2] ** 0.5, two[0], one[1], one[2] ** 0.5, one[0], False, alternative.value.replace("_", "-")
    )
    assert found.statistic[0] == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-12)
    assert found.p_value[0] == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-300)


@settings(deadline=None)
@given(one=ARMS, two=ARMS)
def test_one_sided_p_values_add_up_and_bounds_meet_the_two_sided(one, two):
    greater, less = (welch_t(*of(one, two), 0.975, each) for each in (Alternative.GREATER, Alternative.LESS))
    both = welch_t(*of(one, two), 0.95)
    assert greater.p_value[0] + less.p_value[0] == pytest.approx(1, rel=1e-12)
    assert (greater.upper[0], less.lower[0]) == (np.inf, -np.inf)
    np.testing.assert_allclose([greater.lower[0], less.upper[0]], [both.lower[0], both.upper[0]], rtol=1e-9, atol=1e-9)


def test_the_logarithm_of_one_tail_outlives_it():
    found = welch_t(*of((10**6, 0, 1), (10**6, 0.1, 1)), 0.95, Alternative.GREATER)
    both = welch_t(*of((10**6, 0, 1), (10**6, 0.1, 1)))
    assert found.p_value[0] == 0
    assert found.log10_p_value[0] == pytest.approx(both.log10_p_value[0] - np.log10(2), rel=1e-12)
    other = welch_t(*of((10**6, 0, 1), (10**6, 0.1, 1)), 0.95, Alternative.LESS)
    assert other.p_value[0] == 1
    assert other.log10_p_value[0] == 0


def test_skewness_asks_for_355_times_its_square():
    known = SampleStatistics(np.full(3, 1000.0), np.ones(3), np.ones(3), np.array([1.67, 1.68, np.nan]))
    assert too_skewed(known).tolist() == [False, True, False]
    assert too_skewed(SampleStatistics.of([5], [1], [1])).tolist() == [False]
