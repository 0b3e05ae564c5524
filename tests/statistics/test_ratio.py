"""Ratios of means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.ratio import as_ratios, ratio_of
from omniforge_graph.statistics.welch import welch_t

ROWS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=30)


def of(rows):
    return Moments.of_values(np.array(rows, dtype=float), np.zeros(len(rows), int), 1)


@settings(deadline=None)
@given(rows=ROWS)
def test_the_variance_is_that_of_the_linearised_values(rows):
    m, d = np.array(rows, dtype=float).T
    found = ratio_of(of(rows))
    if d.sum() == 0:
        assert np.isnan([found.mean[0], found.variance[0]]).all()
        return
    ratio = m.sum() / d.sum()
    linear = (m - ratio * d) / d.mean()
    assert found.mean[0] == pytest.approx(ratio, rel=1e-12)
    scale = (m / d.mean()).var() + ratio**2 * (d / d.mean()).var()
    assert found.variance[0] == pytest.approx(linear.var(ddof=1), rel=1e-9, abs=1e-11 * scale)


def test_units_without_a_denominator_count():
    with_them, without = ratio_of(of([(1, 2), (3, 4), (0, 0), (0, 0)])), ratio_of(of([(1, 2), (3, 4)]))
    assert with_them.mean[0] == pytest.approx(without.mean[0])
    assert with_them.units[0] == 4


def test_an_exact_ratio_has_no_variance():
    assert ratio_of(of([(0.3 * n, 0.1 * n) for n in range(1, 50)])).variance[0] == 0


def test_a_denominator_of_one_is_a_mean_to_the_last_bit():
    rows = np.column_stack([np.random.default_rng(1).gamma(2, 1, 99), np.ones(99)])
    found, plain = ratio_of(of(rows)), mean_of(of(rows))
    np.testing.assert_array_equal([found.mean, found.variance], [plain.mean, plain.variance])


def test_plain_variables_pass_through():
    moments = Moments.of_values(np.random.default_rng(2).normal(5, 1, (60, 3)), np.arange(60) % 2, 2)
    found = as_ratios(moments, [(0, 1), 2])
    np.testing.assert_array_equal(found.mean[:, 1], moments.mean[:, 2])
    np.testing.assert_array_equal(found.covariance[:, 1, 1], moments.covariance[:, 2, 2])
    np.testing.assert_array_equal(found.third[:, 1], moments.third[:, 2])


def test_requests_of_the_same_units_do_not_feign_an_effect():
    """No effect, requests of a unit alike: 4,000 experiments of 200 units, about 5 % of them 'significant'."""
    generator, trials, units = np.random.default_rng(8), 4000, 100
    rate = generator.beta(1, 4, (trials, 2, units))
    requests = generator.poisson(5, rate.shape)
    rows = np.stack([generator.binomial(requests, rate), requests], axis=-1).reshape(-1, 2).astype(float)
    found = ratio_of(Moments.of_values(rows, np.repeat(np.arange(2 * trials), units), (trials, 2)))
    false = np.mean(welch_t(*found.split(0)).p_value < 0.05)
    assert abs(false - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / trials) + 0.003
