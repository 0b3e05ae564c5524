"""Units watched once, in many slices, or all the time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.sample_ratio import (
    log_bayes_factor,
    sample_ratio,
    sample_ratio_p_values,
    sequential_sample_ratio,
    sequential_sample_ratio_log10_p,
)

COUNTS = st.lists(st.integers(0, 10**6), min_size=2, max_size=6)


@given(counts=st.lists(st.integers(100, 10**4), min_size=2, max_size=7))
def test_p_value_is_that_of_pearson(counts):
    found = sample_ratio(counts, [1] * len(counts))
    assert found.p_value == pytest.approx(stats.chisquare(counts).pvalue, rel=1e-9, abs=1e-300)
    if found.p_value > 1e-250:
        assert found.log10_p_value == pytest.approx(math.log10(found.p_value), rel=1e-9, abs=1e-12)


def test_logarithm_outlives_the_p_value():
    # With three and five variants the tail of x / 2 is exp(-x) and exp(-x) (1 + x).
    for counts in ([30_000, 10_000, 20_000], [30_000, 10_000, 20_000, 20_000, 20_000]):
        found = sample_ratio(counts, [1] * len(counts))
        x = 10_000 / 2
        expected = -x + (math.log1p(x) if len(counts) == 5 else 0)
        assert found.p_value == 0
        assert found.log10_p_value == pytest.approx(expected / math.log(10), rel=1e-12)
        assert found.mismatch


def test_slices_are_judged_together():
    counts = np.array([[[500, 500, 0], [600, 400, 0]], [[3, 4, 0], [5000, 5000, 1]]])
    p_value, log10_p = sample_ratio_p_values(counts, [0.5, 0.5, 0.0])
    assert p_value.shape == log10_p.shape == (2, 2)
    assert p_value[0, 0] == 1
    assert p_value[0, 1] == pytest.approx(sample_ratio([600, 400], [1, 1]).p_value, rel=1e-12)
    assert np.isnan(p_value[1, 0])
    assert p_value[1, 1] == 0
    assert log10_p[1, 1] == -np.inf


def test_a_unit_where_none_should_be_has_no_logarithm():
    found = sample_ratio([5000, 5000, 1], [0.5, 0.5, 0])
    assert (found.p_value, found.log10_p_value, found.mismatch) == (0, None, True)


def test_a_single_variant_with_traffic_has_no_ratio():
    p_value, log10_p = sample_ratio_p_values([[100, 0], [50, 0]], [1, 0])
    assert np.all(np.isnan(p_value))
    assert np.all(np.isnan(log10_p))


@pytest.mark.parametrize(
    ("observed", "shares", "field"),
    [
        ([100, -1], [1, 1], "observed"),
        ([100, 1.5], [1, 1], "observed"),
        ([100, math.nan], [1, 1], "observed"),
        ([100, 100], [1, -1], "shares"),
        ([100, 100], [1, math.inf], "shares"),
        ([100, 100], [1, 1, 1], "shares"),
    ],
)
def test_what_cannot_be_counts_or_shares_is_refused(observed, shares, field):
    for judge in (sample_ratio, sequential_sample_ratio):
        with pytest.raises(ValidationError, match=field) as refused:
            judge(observed, shares)
        assert refused.value.path == (field,)


@given(counts=COUNTS, concentration=st.floats(1, 1e4), data=st.data())
def test_bayes_factor_is_that_of_the_definition(counts, concentration, data):
    weights = np.array(data.draw(st.lists(st.floats(0.1, 1), min_size=len(counts), max_size=len(counts))))
    shares = weights / weights.sum()
    prior, n = concentration * shares, np.array(counts, dtype=float)
    marginal = np.sum(special.gammaln(prior + n) - special.gammaln(prior))
    marginal -= special.gammaln(concentration + n.sum()) - special.gammaln(concentration)
    expected = marginal - np.sum(n * np.log(shares))
    # The definition subtracts numbers of this size from each other.
    lost = 1e-14 * (1 + special.gammaln(concentration + n.sum() + 2) + np.sum(n) * 3)
    assert log_bayes_factor(n, shares, prior) == pytest.approx(expected, abs=10 * lost)


@settings(deadline=None)
@given(counts=st.lists(st.integers(0, 10**9), min_size=3, max_size=3), which=st.integers(0, 2))
def test_bayes_factor_grows_by_the_prediction_of_each_unit(counts, which):
    shares, n = np.array([0.2, 0.3, 0.5]), np.array(counts, dtype=float)
    prior, more = 300 * shares, n + np.eye(3)[which]
    predicted = (prior + n)[which] / (300 + n.sum()) / shares[which]
    before, after = (log_bayes_factor(each, shares, prior) for each in (n, more))
    assert after - before == pytest.approx(math.log(predicted), abs=1e-8 + 1e-14 * abs(before))


def test_small_differences_of_large_counts_keep_their_digits():
    n, excess = 10**9, 10**5
    found = log_bayes_factor([n + excess, n - excess], np.array([0.5, 0.5]), np.array([150.0, 150.0]))
    # Stirling's approximation of the definition, to second order in the prior's parameters.
    shift = excess / (2 * n + 300)
    divergence = (2 * n + 300) * ((0.5 + shift) * math.log1p(2 * shift) + (0.5 - shift) * math.log1p(-2 * shift))
    remainder = 0.5 * math.log(300 / (2 * n + 300)) - 1 / 1200
    assert found == pytest.approx(divergence + remainder, abs=1e-5)


def test_counts_as_planned_never_alarm():
    found = sequential_sample_ratio([500_000, 500_000], [0.5, 0.5])
    assert (found.p_value, found.mismatch) == (1, False)
    assert found.expected == (500_000, 500_000)


def test_the_smallest_p_value_of_a_path_stands():
    path = [[600, 400], [5100, 5000], [50_000, 50_000]]
    found = sequential_sample_ratio(path, [1, 1])
    assert found.log10_p_value == pytest.approx(float(sequential_sample_ratio_log10_p(path[0], [1, 1])), rel=1e-12)
    assert found.observed == (50_000, 50_000)
    assert found.mismatch
    assert not sequential_sample_ratio(path[1:], [1, 1]).mismatch


def test_watching_finds_the_stray_unit():
    found = sequential_sample_ratio([[10, 10, 0], [20, 20, 1]], [1, 1, 0])
    assert (found.p_value, found.log10_p_value, found.mismatch) == (0, None, True)


def test_nothing_observed_tells_nothing():
    found = sequential_sample_ratio([0, 0], [0.9, 0.1])
    assert (found.p_value, found.mismatch) == (1, False)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.25, 0.25, 0.25, 0.25]])
def test_thirty_daily_checks_alarm_at_most_once_in_a_thousand(shares):
    sims = 20_000
    daily = np.random.default_rng(len(shares)).multinomial(1000, shares, size=(sims, 30))
    alarms = np.any(sequential_sample_ratio_log10_p(daily.cumsum(axis=1), shares) < -3, axis=1)
    assert alarms.mean() <= 0.001


def test_a_real_mismatch_is_found():
    daily = np.random.default_rng(1).multinomial(1000, [0.53, 0.47], size=(500, 30))
    alarms = np.any(sequential_sample_ratio_log10_p(daily.cumsum(axis=1), [1, 1]) < -3, axis=1)
    assert alarms.mean() > 0.99
