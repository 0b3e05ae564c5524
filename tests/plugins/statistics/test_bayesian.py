"""The Bayesian comparison."""

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.plugin import Flag, MetricKind
from omniforge_statistics.bayesian import BayesianOptions, BayesianTest
from omniforge_statistics.welch_t import WelchTTest

TEST = BayesianTest()
CONTINUOUS = MetricKind.CONTINUOUS
COUNTS = st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)).map(lambda pair: (pair[0], sum(pair)))
VARIANTS = st.tuples(st.integers(2, 10**6), st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))


# ---------------------------------------------------------------- rates


def test_a_textbook_comparison_of_rates(compare):
    found = compare(TEST, compare.rates((20, 200), (30, 200)))
    # Evan Miller's closed form for Beta(21, 181) and Beta(31, 171).
    i = np.arange(31)
    exact = np.exp(
        special.betaln(21 + i, 352) - np.log(171 + i) - special.betaln(1 + i, 171) - special.betaln(21, 181)
    ).sum()
    assert found.probability_better[0] == pytest.approx(exact, rel=1e-10)
    assert found.estimate[0] == pytest.approx(31 / 202 - 21 / 202, rel=1e-12)
    assert found.relative_estimate[0] == pytest.approx(31 / 21 - 1, rel=1e-12)
    assert found.relative_lower[0] < 0 < found.relative_estimate[0] < found.relative_upper[0]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(one=COUNTS, two=COUNTS)
def test_the_probabilities_of_both_directions_make_one(compare, one, two):
    more, less = (compare(TEST, compare.rates(one, two), lower_is_better=each) for each in (False, True))
    assert more.probability_better[0] + less.probability_better[0] == pytest.approx(1, abs=1e-9)
    assert less.expected_loss[0] - more.expected_loss[0] == pytest.approx(more.estimate[0], abs=1e-9)
    assert more.lower[0] <= more.estimate[0] <= more.upper[0]


def test_the_prior_is_an_option(compare):
    sample = compare.rates((0, 50), (3, 50))
    flat, jeffreys = compare(TEST, sample), compare(TEST, sample, prior_alpha=0.5, prior_beta=0.5)
    assert flat.estimate[0] == pytest.approx(3 / 52, rel=1e-12)
    assert jeffreys.estimate[0] == pytest.approx(3 / 51, rel=1e-12)


def test_a_strong_prior_holds_both_rates_together(compare):
    found = compare(TEST, compare.rates((10, 100), (20, 100)), prior_alpha=1e9, prior_beta=1e9)
    assert found.probability_better[0] == pytest.approx(0.5, abs=0.001)


def test_no_units_say_nothing(compare):
    found = compare(TEST, compare.rates((0, 0), (1, 2)))
    assert np.isnan([found.estimate, found.probability_better, found.expected_loss, found.relative_upper]).all()
    assert found.flags[Flag.NO_UNITS].all()


# ---------------------------------------------------------------- means


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VARIANTS, two=VARIANTS)
def test_a_flat_prior_gives_the_normal_tail_and_its_loss(compare, one, two):
    found = compare(TEST, compare.means(one, two), kind=CONTINUOUS)
    error = np.sqrt(one[2] / one[0] + two[2] / two[0])
    z = (two[1] - one[1]) / error
    assert found.probability_better[0] == pytest.approx(special.ndtr(z), rel=1e-9)
    assert found.upper[0] - found.lower[0] == pytest.approx(2 * 1.959963984540054 * error, rel=1e-6)
    other = compare(TEST, compare.means(one, two), kind=CONTINUOUS, lower_is_better=True)
    assert other.expected_loss[0] - found.expected_loss[0] == pytest.approx(two[1] - one[1], abs=1e-9 * (error + 2e3))


def test_many_units_agree_with_welch(compare):
    sample = compare.means((10**6, 10, 9), (10**6, 10.01, 8))
    bayes, welch = (compare(test, sample, kind=CONTINUOUS) for test in (TEST, WelchTTest()))
    assert 2 * (1 - bayes.probability_better[0]) == pytest.approx(welch.p_value[0], rel=1e-4)
    np.testing.assert_allclose(bayes.lower, welch.lower, rtol=1e-4)


def test_a_prior_weighs_lifts_by_their_precision(compare):
    # Control 100, treatment 110, each mean known to 10: lift .1 with variance (100 + 100 * 1.21) / 1e4 = .0221.
    found = compare(TEST, compare.means((25, 100, 2500), (25, 110, 2500)), kind=CONTINUOUS, lift_standard_deviation=0.1)
    weight = 0.01 / (0.01 + 0.0221)
    assert found.relative_estimate[0] == pytest.approx(0.1 * weight, rel=1e-12)
    assert found.estimate[0] == pytest.approx(10 * weight, rel=1e-12)
    error = np.sqrt(weight * 0.0221)
    assert found.probability_better[0] == pytest.approx(special.ndtr(0.1 * weight / error), rel=1e-12)


def test_a_narrow_prior_shrinks_to_its_mean_and_a_wide_one_lets_go(compare):
    sample = compare.means((25, 100, 2500), (25, 110, 2500))
    narrow, wide = (
        compare(TEST, sample, kind=CONTINUOUS, lift_mean=0.02, lift_standard_deviation=each) for each in (1e-6, 1e6)
    )
    assert narrow.relative_estimate[0] == pytest.approx(0.02, rel=1e-6)
    assert wide.relative_estimate[0] == pytest.approx(0.1, rel=1e-6)


def test_a_lift_on_a_negative_baseline_keeps_its_direction(compare):
    found = compare(TEST, compare.means((500, -10, 20), (510, -5, 22)), kind=CONTINUOUS, lift_standard_deviation=1)
    assert found.relative_estimate[0] == pytest.approx(0.5, rel=0.01)
    assert found.estimate[0] == pytest.approx(5, rel=0.01)
    assert found.probability_better[0] > 0.999


@pytest.mark.parametrize("mean", [0, 1e-300])
def test_a_prior_on_lifts_needs_a_baseline(compare, mean):
    found = compare(TEST, compare.means((9, mean, 1), (9, 1, 1)), kind=CONTINUOUS, lift_standard_deviation=0.1)
    assert np.isnan([found.estimate, found.probability_better, found.expected_loss]).all()
    assert found.flags[Flag.NO_BASELINE].all()


@pytest.mark.parametrize(
    "options",
    [{"prior_alpha": 0.1}, {"prior_beta": 0}, {"lift_standard_deviation": 0}, {"lift_standard_deviation": -1}],
)
def test_options_have_bounds(options):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, BayesianOptions)
