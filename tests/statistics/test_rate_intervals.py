"""Intervals of one proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from omniforge_graph.statistics.rate_intervals import RATE_INTERVALS
from omniforge_graph.statistics.samples import SampleStatistics

COUNTS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).filter(any).map(lambda pair: (pair[0], sum(pair)))


def limits(name, x, n, level=0.95):
    return [each[0] for each in RATE_INTERVALS[name](SampleStatistics.of_rates([x], [n]), level)]


@pytest.mark.parametrize(
    ("name", "printed"),
    [  # Newcombe (1998), Statistics in Medicine 17:857-872, table I: 81/263, 15/148, 0/20, 1/29
        ("wald", [(0.2522, 0.3638), (0.0527, 0.1500), (0, 0), (0, 0.1009)]),
        ("wilson", [(0.2553, 0.3662), (0.0624, 0.1605), (0, 0.1611), (0.0061, 0.1718)]),
        ("wilson_corrected", [(0.2535, 0.3682), (0.0598, 0.1644), (0, 0.2005), (0.0018, 0.1963)]),
        ("clopper_pearson", [(0.2527, 0.3676), (0.0578, 0.1617), (0, 0.1684), (0.0009, 0.1776)]),
    ],
)
def test_the_printed_intervals(name, printed):
    found = [limits(name, x, n) for x, n in ((81, 263), (15, 148), (0, 20), (1, 29))]
    np.testing.assert_allclose(found, printed, atol=5.1e-5)


@pytest.mark.parametrize("name", RATE_INTERVALS)
@given(COUNTS)
def test_counting_failures_mirrors_the_limits(name, counts):
    x, n = counts
    low, high = limits(name, x, n)
    slack = 1e-12
    assert -slack <= low <= x / n + slack or name == "agresti_coull"  # its centre is Wilson's, not the estimate
    assert low <= high <= 1
    np.testing.assert_allclose([1 - high, 1 - low], limits(name, n - x, n), atol=1e-9)


def test_clopper_and_pearson_invert_the_binomial_tests():
    low, high = limits("clopper_pearson", 7, 50, 0.9)
    assert stats.binom.sf(6, 50, low) == pytest.approx(0.05, rel=1e-9)
    assert stats.binom.cdf(7, 50, high) == pytest.approx(0.05, rel=1e-9)


def test_jeffreys_is_the_middle_of_its_posterior():
    assert limits("jeffreys", 7, 50) == pytest.approx(stats.beta.ppf([0.025, 0.975], 7.5, 43.5), rel=1e-9)
    assert limits("jeffreys", 0, 50)[0] == 0
    assert limits("jeffreys", 50, 50)[1] == 1


def test_agresti_and_coull_share_wilsons_centre():
    wilson, other = limits("wilson", 81, 263), limits("agresti_coull", 81, 263)
    assert sum(wilson) == pytest.approx(sum(other), rel=1e-12)
    assert other[0] < wilson[0]


@pytest.mark.parametrize("name", RATE_INTERVALS)
def test_nobody_there_has_no_interval(name):
    assert np.isnan(limits(name, 0, 0)).all()
