"""Intervals of the difference between two proportions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import xlogy

from omniforge_graph.statistics.difference_intervals import (
    DIFFERENCE_INTERVALS,
    constrained_rates,
    miettinen_nurminen_interval,
)
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile

COUNTS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).filter(any).map(lambda pair: (pair[0], sum(pair)))
MODEST = st.tuples(st.integers(0, 500), st.integers(0, 500)).filter(any).map(lambda pair: (pair[0], sum(pair)))


def interval(name, treatment, control, level=0.95):
    one, two = (SampleStatistics.of_rates([x], [n]) for x, n in (control, treatment))
    return [each[0] for each in DIFFERENCE_INTERVALS[name](one, two, level)]


NEWCOMBE = [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 0, 29), (0, 10, 0, 10), (10, 10, 0, 10)]


@pytest.mark.parametrize(
    ("name", "printed"),
    [  # Newcombe (1998), Statistics in Medicine 17:873-890, table II, methods 1, 5, 6, 10 and 11
        ("wald", [(0.0575, 0.3425), (0.2605, 0.9395), (0.0146, 0.1640), (0, 0), (1, 1)]),
        ("mee", [(0.0533, 0.3377), (0.1821, 0.8370), (-0.0313, 0.1926), (-0.2775, 0.2775), (0.6777, 1)]),
        ("miettinen_nurminen", [(0.0528, 0.3382), (0.1700, 0.8406), (-0.0326, 0.1933), (-0.2879, 0.2879), (0.6636, 1)]),
        ("newcombe", [(0.0524, 0.3339), (0.1705, 0.8090), (-0.0381, 0.1926), (-0.2775, 0.2775), (0.6075, 1)]),
        ("newcombe_corrected", [(0.0428, 0.3422), (0.1013, 0.8387), (-0.0667, 0.2037), (-0.3445, 0.3445), (0.5128, 1)]),
    ],
)
def test_the_printed_intervals(name, printed):
    found = [interval(name, (x2, n2), (x1, n1)) for x2, n2, x1, n1 in NEWCOMBE]
    np.testing.assert_allclose(found, printed, atol=5.5e-5)


def test_agresti_and_caffo_reproduce_their_software():
    # R's PropCIs::wald2ci(7, 34, 1, 34, 0.95, "AC") prints 0.01161167 and 0.32172166.
    np.testing.assert_allclose(interval("agresti_caffo", (7, 34), (1, 34)), [0.01161167, 0.32172166], atol=5.1e-9)


@pytest.mark.parametrize("name", DIFFERENCE_INTERVALS)
@given(COUNTS, COUNTS)
def test_swapping_the_sides_negates(name, one, two):
    lower, upper = interval(name, two, one)
    assert -1 <= lower <= upper <= 1
    np.testing.assert_allclose([-upper, -lower], interval(name, one, two), rtol=1e-6, atol=1e-13)


@given(MODEST, MODEST, st.floats(-0.99, 0.99))
def test_constrained_rates_are_the_likeliest(one, two, difference):
    samples = [SampleStatistics.of_rates([x], [n]) for x, n in (one, two)]
    rate, other = (each[0] for each in constrained_rates(*samples, np.array([difference])))
    assert other == pytest.approx(rate + difference, abs=1e-12)

    def likelihood(p):
        q = np.clip(p + difference, 0, 1)
        return sum(xlogy(x, r) + xlogy(n - x, 1 - r) for (x, n), r in ((one, p), (two, q)))

    low, high = max(0.0, -difference), min(1.0, 1 - difference)
    elsewhere = np.linspace(low, high, 201)
    assert likelihood(np.clip(rate, low, high)) >= np.max(likelihood(elsewhere)) - 1e-6


@given(MODEST, MODEST)
def test_miettinen_and_nurminen_invert_their_score_test(one, two):
    samples = [SampleStatistics.of_rates([x], [n]) for x, n in (one, two)]
    for end in (each[0] for each in miettinen_nurminen_interval(*samples, 0.95)):
        if abs(end) > 0.999:
            continue
        rates = [each[0] for each in constrained_rates(*samples, np.array([end]))]
        units = one[1] + two[1]
        variance = sum(p * (1 - p) / n for p, (_, n) in zip(rates, (one, two), strict=True)) * units / (units - 1)
        gap = two[0] / two[1] - one[0] / one[1] - end
        assert gap**2 == pytest.approx(normal_quantile(0.95) ** 2 * variance, rel=1e-5, abs=1e-9)


def test_rare_events_among_a_billion_keep_their_digits():
    lower, upper = interval("miettinen_nurminen", (5, 10**9), (3, 10**9))
    few = interval("miettinen_nurminen", (5, 10**6), (3, 10**6))
    np.testing.assert_allclose([lower * 1e3, upper * 1e3], few, rtol=1e-4)


@pytest.mark.parametrize("name", DIFFERENCE_INTERVALS)
def test_nobody_there_has_no_interval(name):
    assert np.isnan(interval(name, (1, 2), (0, 0))).all()
