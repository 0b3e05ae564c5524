"""The Bayesian comparison."""

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.plugin import ComparisonDesign, Flag, Metric, MetricKind, SampleStatistics
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


def test_a_variance_that_is_not_known_says_so(compare):
    samples = SampleStatistics(np.array([50.0, 60.0]), np.array([1.0, 2.0]), np.array([np.nan, 1.0]))
    found = compare(TEST, samples, kind=CONTINUOUS)
    assert np.isnan(found.probability_better[0])
    assert [flag for flag, mask in found.flags.items() if mask.any()] == [Flag.NO_STANDARD_ERROR]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VARIANTS, two=VARIANTS)
def test_a_flat_prior_gives_the_normal_tail_and_its_loss(compare, one, two):
    found = compare(TEST, compare.means(one, two), kind=CONTINUOUS, prior="improper")
    error = np.sqrt(one[2] / one[0] + two[2] / two[0])
    z = (two[1] - one[1]) / error
    assert found.probability_better[0] == pytest.approx(special.ndtr(z), rel=1e-9)
    assert found.upper[0] - found.lower[0] == pytest.approx(2 * 1.959963984540054 * error, rel=1e-6)
    other = compare(TEST, compare.means(one, two), kind=CONTINUOUS, prior="improper", lower_is_better=True)
    assert other.expected_loss[0] - found.expected_loss[0] == pytest.approx(two[1] - one[1], abs=1e-9 * (error + 2e3))


def test_many_units_agree_with_welch(compare):
    sample = compare.means((10**6, 10, 9), (10**6, 10.01, 8))
    bayes, welch = (
        compare(TEST, sample, kind=CONTINUOUS, prior="improper"),
        compare(WelchTTest(), sample, kind=CONTINUOUS),
    )
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
    [{"prior_alpha": 0.1}, {"prior_beta": 0}, {"lift_standard_deviation": 0}, {"prior": "flat"}, {"scale": "log"}],
)
def test_options_have_bounds(options):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, BayesianOptions)


def test_by_default_lifts_are_believed_to_be_small(compare):
    sample = compare.means((25, 100, 2500), (25, 110, 2500))
    default, told = (
        compare(TEST, sample, kind=CONTINUOUS),
        compare(
            TEST, sample, kind=CONTINUOUS, prior="proper", lift_mean=0, lift_standard_deviation=0.1, scale="relative"
        ),
    )
    np.testing.assert_array_equal(default.estimate, told.estimate)
    flat = compare(TEST, sample, kind=CONTINUOUS, prior="improper")
    assert 0 < default.estimate[0] < flat.estimate[0]
    assert default.upper[0] - default.lower[0] < flat.upper[0] - flat.lower[0]


def test_on_the_absolute_scale_the_prior_is_that_of_the_lift_times_the_baseline(compare):
    # Baseline 100, so lifts of .1 are effects of 10; the difference of 10 has variance 200.
    sample = compare.means((25, 100, 2500), (25, 110, 2500))
    found = compare(TEST, sample, kind=CONTINUOUS, scale="absolute")
    weight = 100 / (100 + 200)
    assert found.estimate[0] == pytest.approx(10 * weight, rel=1e-12)
    assert found.relative_estimate[0] == pytest.approx(0.1 * weight, rel=1e-12)
    assert found.probability_better[0] == pytest.approx(special.ndtr(10 * weight / np.sqrt(weight * 200)), rel=1e-12)


def test_the_improper_prior_on_the_relative_scale_has_the_delta_methods_error(compare):
    found = compare(
        TEST, compare.means((25, 100, 2500), (25, 110, 2500)), kind=CONTINUOUS, prior="improper", scale="relative"
    )
    half = 1.959963984540054 * np.sqrt((100 + 100 * 1.21) / 1e4)
    np.testing.assert_allclose([found.relative_lower[0], found.relative_upper[0]], [0.1 - half, 0.1 + half], rtol=1e-9)


# ---------------------------------------------------------------- the best of several


@pytest.mark.parametrize("options", [{}, {"prior": "improper"}, {"scale": "absolute"}])
@pytest.mark.parametrize("lower_is_better", [False, True])
@pytest.mark.parametrize("control", [0, 1])
def test_of_two_the_treatment_is_best_when_it_is_better(compare, options, lower_is_better, control):
    for sample, kind in (
        (compare.rates((20, 200), (30, 200)), MetricKind.BINARY),
        (compare.means((25, 100, 2500), (30, 110, 2000)), CONTINUOUS),
    ):
        found = compare(TEST, sample, kind=kind, control=control, lower_is_better=lower_is_better, **options)
        assert found.probability_best[1 - control] == pytest.approx(found.probability_better[0], rel=1e-12)
        assert found.probability_best.sum() == pytest.approx(1, rel=1e-12)


def test_the_best_of_several_rates_by_direction(compare):
    sample = compare.rates((100, 2000), (110, 2000), (121, 2000))
    most, least = (compare(TEST, sample, lower_is_better=each).probability_best for each in (False, True))
    assert np.argmax(most) == 2
    assert np.argmax(least) == 0
    mirrored = compare.rates((1900, 2000), (1890, 2000), (1879, 2000))
    np.testing.assert_allclose(least, compare(TEST, mirrored).probability_best, rtol=1e-9)


def test_a_control_elsewhere_keeps_the_variants_in_order(compare):
    sample = compare.means((300, 10, 9), (300, 10.4, 9), (300, 9.8, 9))
    first = compare(TEST, sample, kind=CONTINUOUS, prior="improper").probability_best
    second = compare(TEST, sample, kind=CONTINUOUS, prior="improper", control=1).probability_best
    np.testing.assert_allclose(first, second, rtol=1e-9)
    proper = compare(TEST, sample, kind=CONTINUOUS, control=1).probability_best
    assert np.argmax(proper) == 1
    assert proper[2] < proper[0]


def test_nobody_is_best_while_a_variant_is_empty(compare):
    assert np.isnan(compare(TEST, compare.rates((1, 9), (2, 9), (0, 0))).probability_best).all()
    sample = compare.means((9, 1, 1), (9, 2, 1), (0, 0, 0))
    for options in ({}, {"prior": "improper"}):
        assert np.isnan(compare(TEST, sample, kind=CONTINUOUS, **options).probability_best).all()


# ---------------------------------------------------------------- posterior densities


@pytest.mark.parametrize("options", [{}, {"prior": "improper"}, {"scale": "absolute"}])
@pytest.mark.parametrize("kind", [MetricKind.BINARY, CONTINUOUS])
def test_the_density_is_that_of_the_effect(compare, options, kind):
    if kind is MetricKind.BINARY:
        sample = compare.rates((200, 2000), (260, 2000), (0, 0))
    else:
        sample = compare.means((250, 100, 2500), (250, 110, 2500), (0, 0, 0))
    found = compare(TEST, sample, kind=kind, **options)
    design = ComparisonDesign(Metric("metric", kind))
    curve = TEST.posterior_density(sample, design, BayesianOptions(**options))
    values, densities = curve.values[0], curve.densities[0]
    step = values[1] - values[0]
    assert densities.sum() * step == pytest.approx(1, abs=0.002)
    assert (values * densities).sum() * step == pytest.approx(found.estimate[0], rel=0.005)
    inside = (values > found.lower[0]) & (values < found.upper[0])
    assert densities[inside].sum() * step == pytest.approx(0.95, abs=0.02)
    assert np.isnan(curve.densities[1]).all()
