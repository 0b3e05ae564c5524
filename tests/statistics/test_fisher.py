"""Fisher's exact test: against R's printed examples, exact fractions, SciPy, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.fisher import exact_where, fisher_exact
from omniforge_graph.statistics.samples import SampleStatistics

SIDES = {Alternative.TWO_SIDED: "two-sided", Alternative.GREATER: "greater", Alternative.LESS: "less"}
BILLION = 10**9
ARMS = st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(any).map(lambda pair: (pair[0], sum(pair)))
HUGE = st.tuples(st.integers(0, BILLION), st.integers(0, BILLION)).filter(any).map(lambda pair: (pair[0], sum(pair)))


def arm(x, n):
    return SampleStatistics.of_rates(np.atleast_1d(x), np.atleast_1d(n))


def p_value(control, treatment, alternative=Alternative.TWO_SIDED):
    return fisher_exact(arm(*control), arm(*treatment), alternative)[0][0]


def test_the_lady_tasting_tea():
    # R's example of fisher.test, alternative "greater": p-value = 0.2429, that is 17/70.
    assert p_value((1, 4), (3, 4), Alternative.GREATER) == pytest.approx(17 / 70, rel=1e-13)
    assert p_value((1, 4), (3, 4)) == pytest.approx(34 / 70, rel=1e-13)


def test_the_convictions_of_twins():
    # R's example, alternative "less": 2 of 17 dizygotic and 10 of 13 monozygotic twins, p-value = 0.0004652.
    assert p_value((10, 13), (2, 17), Alternative.LESS) == pytest.approx(0.0004652, abs=5e-8)
    assert p_value((10, 13), (2, 17)) == pytest.approx(0.0005367, abs=5e-8)


@given(ARMS, ARMS, st.sampled_from(Alternative))
def test_small_tables_agree_with_scipy(one, two, alternative):
    table = [[two[0], two[1] - two[0]], [one[0], one[1] - one[0]]]
    expected = stats.fisher_exact(table, SIDES[alternative])[1]
    assert p_value(one, two, alternative) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [((45_000, 90_000), (45_700, 90_000)), ((6, 8_889), (16, 7_849)), ((5_000, 10_000), (5_150, 10_000))],
)
def test_large_tables_agree_with_whole_numbers(control, treatment):
    """The tail in integer arithmetic: binomial coefficients without any rounding."""
    (x1, n1), (x2, n2) = control, treatment
    marked, units = x1 + x2, n1 + n2
    upwards = x2 * n1 > x1 * n2
    whole, shift = math.comb(units, n2), 200
    edge = (math.comb(marked, x2) * math.comb(units - marked, n2 - x2) << shift) // whole
    total, term, x = 1.0, 1.0, x2
    while term > 1e-18 * total:
        up, down = (marked - x) * (n2 - x), x * (units - marked - n2 + x)
        if upwards:
            term, x = term * up / ((x + 1) * (units - marked - n2 + x + 1)), x + 1
        else:
            term, x = term * down / ((marked - x + 1) * (n2 - x + 1)), x - 1
        total += term
    found = p_value(control, treatment, Alternative.GREATER if upwards else Alternative.LESS)
    assert found == pytest.approx(edge / 2**shift * total, rel=3e-9)


@given(HUGE, HUGE)
def test_any_counts_give_probabilities_that_fit_together(one, two):
    both, greater, less = (p_value(one, two, each) for each in SIDES)
    assert min(both, greater, less) >= 0
    assert max(both, greater, less) <= 1
    assert greater + less >= 1 - 1e-9  # both hold the table seen
    assert both >= min(greater, less) * (1 - 1e-6)


@given(HUGE, HUGE)
def test_swapping_sides_and_outcomes_changes_nothing(one, two):
    forward = fisher_exact(arm(*one), arm(*two))[1]
    np.testing.assert_allclose(forward, fisher_exact(arm(*two), arm(*one))[1], rtol=1e-6, atol=1e-6)
    failures = fisher_exact(*(arm(n - x, n) for x, n in (one, two)))[1]
    np.testing.assert_allclose(forward, failures, rtol=1e-6, atol=1e-6)


def test_a_billion_units_come_near_the_normal_test():
    p, log10_p = fisher_exact(arm(100_000_000, BILLION), arm(100_050_000, BILLION))
    assert p[0] == pytest.approx(1.9426e-4, rel=1e-3)
    assert log10_p[0] == pytest.approx(math.log10(p[0]), abs=1e-12)


def test_the_logarithm_survives_an_underflow():
    # All of 1,000 convert where 1 of 250 did: about the probability of 1,000 conversions at that rate.
    p, log10_p = fisher_exact(arm(4_000_000, BILLION), arm(1000, 1000))
    assert p[0] == 0
    assert log10_p[0] == pytest.approx(1000 * math.log10(4_001_000 / (BILLION + 1000)), abs=0.2)


def test_nothing_to_tell_apart_and_nobody_there():
    p, log10_p = fisher_exact(arm([0, 5, 0], [9, 5, 0]), arm([0, 7, 1], [8, 7, 2]))
    np.testing.assert_array_equal(p, [1, 1, np.nan])
    np.testing.assert_array_equal(log10_p, [0, 0, np.nan])


def test_only_what_is_masked_becomes_exact():
    control, treatment = arm([1, 1], [20, 20]), arm([4, 4], [20, 20])
    rough = np.array([0.5, 0.5]), np.log10([0.5, 0.5])
    p, log10_p = exact_where(np.array([True, False]), rough, control, treatment)
    assert p.tolist() == [p_value((1, 20), (4, 20)), 0.5]
    assert log10_p[1] == rough[1][1]
    assert exact_where(np.array([False, False]), rough, control, treatment) is rough
