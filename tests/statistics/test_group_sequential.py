"""Bounds, nominal levels and repeated p-values of looks at growing data."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.crossing import crossing_probabilities
from omniforge_graph.statistics.group_sequential import (
    boundaries,
    nominal_alpha,
    repeated_log10_p_values,
    repeated_p_values,
)
from omniforge_graph.statistics.spending import Spending, SpendingKind

OBRIEN_FLEMING = Spending()
POCOCK = Spending(SpendingKind.POCOCK)
SPENDINGS = st.sampled_from(
    [OBRIEN_FLEMING, POCOCK, Spending(SpendingKind.KIM_DEMETS, 2.0), Spending(SpendingKind.HWANG_SHIH_DECANI, -4.0)]
)
LOOKS = st.lists(st.integers(1, 100), min_size=1, max_size=8, unique=True).map(
    lambda percents: np.array(sorted(percents)) / 100
)


def log10_p(z, sides=2):
    return (math.log(sides) + special.log_ndtr(-np.asarray(z, dtype=float))) / math.log(10)


def even(looks):
    return np.arange(1, looks + 1) / looks


@pytest.mark.parametrize(
    ("spending", "expected"),
    [
        # Printed by the reference programs of Lan and DeMets' method (five even looks, two-sided .05).
        (OBRIEN_FLEMING, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        (POCOCK, [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_bounds_are_the_published_ones(spending, expected):
    # Their own grids leave an error of one or two units of the last digit.
    np.testing.assert_allclose(boundaries(even(5), 0.05, spending).z, expected, atol=2e-4)


def test_three_looks_agree_with_the_trivariate_normal():
    t = np.array([0.3, 0.45, 1.0])
    found = boundaries(t, 0.1, POCOCK, sides=1)
    covariance = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for looks in (2, 3):
        within = stats.multivariate_normal.cdf(
            found.z[:looks], np.zeros(looks), covariance[:looks, :looks], abseps=1e-8, releps=1e-8, maxpts=10**6
        )
        assert 1 - within == pytest.approx(found.cumulative_alpha[looks - 1], abs=1e-7)


@settings(max_examples=50, deadline=None)
@given(t=LOOKS, alpha=st.floats(1e-4, 0.5), spending=SPENDINGS, sides=st.sampled_from([1, 2]))
def test_what_the_bounds_reject_is_what_was_spent(t, alpha, spending, sides):
    found = boundaries(t, alpha, spending, sides)
    lower = -found.z if sides == 2 else np.full_like(found.z, -np.inf)
    above, below = crossing_probabilities(t, lower, found.z)
    np.testing.assert_allclose(np.cumsum(above + below), found.cumulative_alpha, atol=1e-9)
    np.testing.assert_allclose(found.cumulative_alpha, sides * spending.spent(t, alpha / sides), rtol=1e-14)


@settings(max_examples=50, deadline=None)
@given(t=LOOKS, alpha=st.floats(1e-4, 0.4), spending=SPENDINGS, sides=st.sampled_from([1, 2]))
def test_a_larger_level_lowers_every_bound(t, alpha, spending, sides):
    assert np.all(boundaries(t, 1.2 * alpha, spending, sides).z < boundaries(t, alpha, spending, sides).z)


@settings(max_examples=50, deadline=None)
@given(t=LOOKS, alpha=st.floats(1e-4, 0.5), spending=SPENDINGS)
def test_a_look_is_never_stricter_than_by_itself_allowed_nor_looser_than_the_whole_level(t, alpha, spending):
    found = boundaries(t, alpha, spending)
    increments = np.diff(found.cumulative_alpha, prepend=0)
    assert np.all(found.nominal_p >= increments * (1 - 1e-9))
    assert np.all(found.nominal_p <= found.cumulative_alpha * (1 + 1e-9))


@settings(deadline=None)
@given(looks=st.integers(2, 30), alpha=st.floats(0.001, 0.2))
def test_obrien_and_fleming_start_strict_and_relax(looks, alpha):
    assert np.all(np.diff(boundaries(even(looks), alpha, OBRIEN_FLEMING).z) < 0)


def test_one_look_is_the_ordinary_test():
    found = boundaries([1.0], 0.05, OBRIEN_FLEMING)
    assert found.z[0] == pytest.approx(1.959963984540054, rel=1e-12)
    assert found.nominal_p[0] == pytest.approx(0.05, rel=1e-12)


@pytest.mark.parametrize("looks", [5, 10, 30, 100])
@pytest.mark.parametrize("spending", [OBRIEN_FLEMING, POCOCK])
def test_simulated_looks_keep_their_level(looks, spending):
    paths, generator = 40_000, np.random.default_rng(looks)
    bounds, sums, rejected = boundaries(even(looks), 0.05, spending).z, np.zeros(paths), np.zeros(paths, dtype=bool)
    for look in range(looks):
        sums += generator.standard_normal(paths)
        rejected |= np.abs(sums) >= bounds[look] * math.sqrt(look + 1)
    assert rejected.mean() == pytest.approx(0.05, abs=3.3 * math.sqrt(0.05 * 0.95 / paths))


def test_running_over_spends_the_rest_once():
    found = boundaries([0.5, 1.1, 1.3], 0.05, OBRIEN_FLEMING)
    np.testing.assert_allclose(found.z[:2], boundaries([0.5, 1.1], 0.05, OBRIEN_FLEMING).z, rtol=1e-12)
    assert found.cumulative_alpha[1] == pytest.approx(0.05, rel=1e-12)
    assert found.z[2] == np.inf
    assert found.nominal_p[2] == 0


def test_the_earliest_looks_have_bounds_however_little_they_spend():
    found = boundaries([1e-9, 1e-6, 0.001, 0.01, 0.02, 1.0], 0.05, OBRIEN_FLEMING)
    assert np.all(np.isfinite(found.z))
    assert np.all(np.diff(found.z) < 0)
    # 2.2414 is the normal quantile of .0125: the first look's bound is next to that over the root of its information.
    assert found.z[3] == pytest.approx(2.2414 / math.sqrt(0.01), rel=0.01)
    assert found.z[5] == pytest.approx(1.959964, abs=1e-5)


def test_looks_next_to_each_other_stay_sound():
    close = boundaries([0.5, 0.5 + 1e-12, 1.0], 0.05, POCOCK)
    apart = boundaries([0.5, 1.0], 0.05, POCOCK)
    assert close.z[0] == apart.z[0]
    assert close.z[1] > apart.z[0]
    assert close.z[2] == pytest.approx(apart.z[1], abs=1e-3)


@pytest.mark.parametrize("information", [[], [[0.5]], [0.0, 0.5], [0.5, 0.5], [0.6, 0.5], [0.5, math.nan], [math.inf]])
def test_information_that_does_not_increase_is_refused(information):
    with pytest.raises(ValidationError, match="information") as refused:
        boundaries(information, 0.05, OBRIEN_FLEMING)
    assert refused.value.path == ("information",)


@pytest.mark.parametrize(("alpha", "sides", "field"), [(0, 2, "alpha"), (1, 2, "alpha"), (0.05, 3, "sides")])
def test_levels_and_sides_out_of_range_are_refused(alpha, sides, field):
    with pytest.raises(ValidationError, match=field) as refused:
        boundaries([0.5, 1], alpha, OBRIEN_FLEMING, sides)
    assert refused.value.path == (field,)


def test_nominal_alpha_is_that_of_the_last_look():
    found = boundaries([0.25, 0.5, 0.8], 0.05, OBRIEN_FLEMING)
    nominal, spent = nominal_alpha([0.25, 0.5], 0.8, 0.05, OBRIEN_FLEMING)
    assert nominal == found.nominal_p[-1]
    assert spent == found.cumulative_alpha[-1]


@settings(max_examples=30, deadline=None)
@given(t=LOOKS, alpha=st.floats(1e-6, 0.5), spending=SPENDINGS, sides=st.sampled_from([1, 2]))
def test_a_statistic_on_the_bound_has_the_level_as_its_repeated_p_value(t, alpha, spending, sides):
    z = boundaries(t, alpha, spending, sides).z[-1]
    assume(z < 6.4)
    *past, now = t.tolist()
    assert repeated_p_values(log10_p(z, sides), past, now, spending, sides) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("spending", [OBRIEN_FLEMING, POCOCK])
@pytest.mark.parametrize("sides", [1, 2])
def test_many_p_values_at_once_agree_with_one_at_a_time(spending, sides):
    levels = np.array([0.3, 0.1, 0.05, 0.02, 0.01, 0.001, 1e-4, 1e-6])
    z = [boundaries(even(6), each, spending, sides).z[-1] for each in levels]
    found = repeated_p_values(log10_p(z, sides), even(6)[:-1], 1.0, spending, sides)
    np.testing.assert_allclose(found, levels, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(t=LOOKS, spending=SPENDINGS)
def test_repeated_p_values_rise_with_the_ordinary_ones_and_are_never_below(t, spending):
    ordinary = np.linspace(-40, 0, 81)
    *past, now = t.tolist()
    found = repeated_log10_p_values(ordinary, past, now, spending)
    assert np.all(np.diff(found) >= -1e-9)
    assert np.all(found >= ordinary - 1e-9)
    assert np.all(found <= 0)


def test_first_look_has_a_closed_form():
    tail = special.ndtr(-3.0)
    expected = 4 * special.ndtr(math.sqrt(0.4) * special.ndtri(tail / 2))
    assert repeated_p_values(log10_p(3.0), [], 0.4, OBRIEN_FLEMING) == pytest.approx(expected, rel=1e-9)


def test_a_look_at_everything_alone_repeats_the_ordinary_p_value():
    ordinary = np.array([-400.0, -30.0, -1.3, 0.0])
    np.testing.assert_allclose(
        repeated_log10_p_values(ordinary, [], 1.0, OBRIEN_FLEMING), ordinary, rtol=1e-9, atol=1e-12
    )


def test_no_p_value_remains_once_everything_is_spent():
    found = repeated_p_values([-10.0, -300.0], [0.5, 1.0], 1.2, OBRIEN_FLEMING)
    np.testing.assert_array_equal(found, 1.0)


def test_what_is_not_computable_stays_so_and_shapes_are_kept():
    found = repeated_log10_p_values([[math.nan, -3.0, 0.0], [-np.inf, -1.0, -2.0]], [0.5], 1.0, OBRIEN_FLEMING)
    assert np.isnan(found[0, 0])
    assert np.all(found[~np.isnan(found)] <= 0)
    assert found[0, 2] == 0
    assert found[1, 0] < -1e12
