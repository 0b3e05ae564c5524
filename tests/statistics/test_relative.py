"""Relative intervals, several comparisons, the sample ratio."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from omniforge_graph.statistics.multiplicity import holm
from omniforge_graph.statistics.relative import delta_error, delta_interval, fieller_interval, log_ratio_interval
from omniforge_graph.statistics.sample_ratio import sample_ratio
from omniforge_graph.statistics.samples import SampleStatistics

Z = 1.959963984540054
MEANS = st.tuples(st.integers(2, 10_000), st.floats(-100, 100), st.floats(0.01, 100))
POSITIVE = st.tuples(st.integers(100, 10_000), st.floats(10, 100), st.floats(0.01, 100))
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def sample(units, mean, variance):
    return SampleStatistics.of([units], [mean], [variance])


def fieller(control, treatment, critical=Z):
    return tuple(each[0] for each in fieller_interval(sample(*control), sample(*treatment), critical))


# ---------------------------------------------------------------- Fieller


@given(control=MEANS, treatment=MEANS)
def test_each_end_solves_fiellers_equation(control, treatment):
    """(m2 - (1 + r) m1)^2 = q^2 (s2^2 + (1 + r)^2 s1^2), or the control's mean cannot be told from zero."""
    (n1, m1, v1), (n2, m2, v2) = control, treatment
    _, *ends = fieller(control, treatment)
    if m1**2 <= Z**2 * v1 / n1:
        assert ends == [-np.inf, np.inf]
        return
    assume(m1**2 > 1.001 * Z**2 * v1 / n1)
    for end in ends:
        ratio = 1 + end if m1 > 0 else 1 - end
        scale = m2**2 + ratio**2 * m1**2 + Z**2 * (v2 / n2 + ratio**2 * v1 / n1)
        assert (m2 - ratio * m1) ** 2 == pytest.approx(Z**2 * (v2 / n2 + ratio**2 * v1 / n1), abs=1e-8 * scale)


@given(control=MEANS, treatment=MEANS)
def test_a_bounded_interval_excludes_zero_exactly_when_the_difference_does(control, treatment):
    (n1, m1, v1), (n2, m2, v2) = control, treatment
    _, lower, upper = fieller(control, treatment)
    assume(np.isfinite(lower))
    z = abs(m2 - m1) / np.sqrt(v1 / n1 + v2 / n2)
    assume(abs(z - Z) > 1e-6)
    assert (lower > 0 or upper < 0) == (z > Z)


@given(control=MEANS, treatment=MEANS, power=st.integers(-20, 20))
def test_relative_effects_do_not_depend_on_the_unit(control, treatment, power):
    assume(abs(control[1]) > 1e-3)
    unit = 2.0**power
    scaled = [(n, m * unit, v * unit**2) for n, m, v in (control, treatment)]
    np.testing.assert_allclose(fieller(*scaled), fieller(control, treatment), rtol=1e-12, atol=1e-300)


def test_from_minus_ten_to_minus_five_is_an_increase_by_half():
    estimate, lower, upper = fieller((500, -10, 20), (510, -5, 22))
    assert estimate == 0.5
    assert 0 < lower < 0.5 < upper < 1


def test_a_control_of_zero_has_no_relative_effect_and_no_bounds():
    estimate, lower, upper = fieller((100, 0, 2.5), (100, 0.1, 2.6))
    assert np.isnan(estimate)
    assert (lower, upper) == (-np.inf, np.inf)


def test_a_single_unit_gives_no_interval():
    assert np.isnan(fieller((1, 5, np.nan), (10, 6, 1))[1:]).all()


def test_fieller_covers_as_often_as_it_says():
    """1 % against 1.5 % of 2,000 units each, where a plain difference divided by the control covers 89 %."""
    generator, trials = np.random.default_rng(7), 20_000
    one, two = (
        SampleStatistics.of_rates(generator.binomial(2000, p, trials), np.full(trials, 2000)) for p in (0.01, 0.015)
    )
    _, lower, upper = fieller_interval(one, two, Z)
    coverage = np.mean((lower <= 0.5) & (upper >= 0.5))
    assert abs(coverage - 0.953) < 3.3 * np.sqrt(0.05 * 0.95 / trials)


@given(control=MEANS, treatment=MEANS, shared=st.floats(0, 10))
def test_what_both_means_share_counts_with_the_effect(control, treatment, shared):
    """(m2 - (1 + r) m1)^2 = q^2 (s2^2 + (1 + r)^2 s1^2 + r^2 s), with s the variance they share."""
    (n1, m1, v1), (n2, m2, v2) = control, treatment
    one, two = (replace(sample(*each), shared_variance=np.array([shared])) for each in (control, treatment))
    _, *ends = (each[0] for each in fieller_interval(one, two, Z))
    if m1**2 <= Z**2 * (v1 / n1 + shared):
        assert ends == [-np.inf, np.inf]
        return
    assume(m1**2 > 1.001 * Z**2 * (v1 / n1 + shared))
    for end in ends:
        ratio = 1 + end if m1 > 0 else 1 - end
        variance = v2 / n2 + ratio**2 * v1 / n1 + (ratio - 1) ** 2 * shared
        scale = m2**2 + ratio**2 * m1**2 + Z**2 * variance
        assert (m2 - ratio * m1) ** 2 == pytest.approx(Z**2 * variance, abs=1e-8 * scale)


# ---------------------------------------------------------------- delta method and log ratio


def test_the_delta_method_is_its_formula():
    control, treatment = sample(500, -10, 20), sample(510, -5, 22)
    estimate, error = (each[0] for each in delta_error(control, treatment))
    assert estimate == 0.5
    assert error == pytest.approx(np.sqrt(22 / 510 / 100 + 20 / 500 * 25 / 1e4), rel=1e-14)
    _, lower, upper = (each[0] for each in delta_interval(control, treatment, Z))
    np.testing.assert_allclose([lower, upper], [0.5 - Z * error, 0.5 + Z * error])


@given(control=POSITIVE, treatment=POSITIVE)
def test_log_ratios_turn_round_with_the_variants(control, treatment):
    _, lower, upper = (each[0] for each in log_ratio_interval(sample(*control), sample(*treatment), Z))
    _, low, high = (each[0] for each in log_ratio_interval(sample(*treatment), sample(*control), Z))
    np.testing.assert_allclose([(1 + lower) * (1 + high), (1 + upper) * (1 + low)], 1, rtol=1e-9)
    assert -1 < lower < upper


@given(control=POSITIVE, treatment=POSITIVE)
def test_precise_means_make_all_three_agree(control, treatment):
    precise = [(10**10, mean, variance) for _, mean, variance in (control, treatment)]
    ends = [
        [each[0] for each in method(sample(*precise[0]), sample(*precise[1]), Z)]
        for method in (fieller_interval, delta_interval, log_ratio_interval)
    ]
    width = ends[0][2] - ends[0][1]
    np.testing.assert_allclose(ends[1], ends[0], atol=0.01 * width)
    np.testing.assert_allclose(ends[2], ends[0], atol=0.01 * width)


def test_what_means_share_cancels_without_an_effect():
    one, two = (replace(sample(100, 5, 4), shared_variance=np.array([0.5])) for _ in range(2))
    for method in (delta_interval, log_ratio_interval):
        np.testing.assert_array_equal(method(one, two, Z), method(sample(100, 5, 4), sample(100, 5, 4), Z))


@pytest.mark.parametrize("method", [delta_interval, log_ratio_interval])
@pytest.mark.parametrize(
    ("control", "treatment"), [((0, np.nan, np.nan), (9, 1, 1)), ((1, 2, np.nan), (9, 1, 1)), ((9, 5, 0), (9, 6, 0))]
)
def test_poor_data_has_no_bounds_and_no_warning(method, control, treatment):
    assert np.isnan(method(sample(*control), sample(*treatment), Z)[1:]).all()


def test_negative_means_have_no_logarithm():
    estimate, lower, upper = (each[0] for each in log_ratio_interval(sample(9, -2, 1), sample(9, -1, 1), Z))
    assert estimate == 0.5
    assert np.isnan([lower, upper]).all()


# ---------------------------------------------------------------- Holm


def test_holm_as_r_computes_it():
    # what its p.adjust gives for these with the method "holm"
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02], rtol=1e-15)


@given(P_VALUES)
def test_holm_is_monotone_and_never_smaller(p_values):
    p = np.array(p_values)
    adjusted = holm(p)
    assert np.all(adjusted >= p)
    assert np.all(adjusted <= 1)
    assert np.all(adjusted <= np.minimum(p * len(p), 1))
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0)


@given(P_VALUES, st.randoms())
def test_holm_does_not_depend_on_the_order(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    p = np.array(p_values)
    np.testing.assert_array_equal(holm(p[order]), holm(p)[order])


def test_holm_leaves_nan_alone_and_works_slice_by_slice():
    found = holm(np.array([[0.02, np.nan, 0.03], [0.01, 0.02, 0.03]]))
    np.testing.assert_allclose(found, [[0.04, np.nan, 0.04], [0.03, 0.04, 0.04]], rtol=1e-15)


# ---------------------------------------------------------------- sample ratio


def test_the_ratio_of_kohavi_and_fabijan():
    found = sample_ratio([821_588, 815_482], [0.5, 0.5])
    assert found.p_value == pytest.approx(1.8218e-6, rel=1e-4)
    assert found.mismatch
    assert found.expected == (818_535.0, 818_535.0)


def test_shares_count_in_any_scale():
    assert sample_ratio([600, 400], [1, 1]) == sample_ratio([600, 400], [5000, 5000])


def test_the_alarm_is_below_one_in_a_thousand():
    # With two equal shares of 10,000 units, chi-square 10.83 (p = .001) is a gap of 164.5 between 5,000 and the count.
    assert not sample_ratio([5164, 4836], [0.5, 0.5]).mismatch
    assert sample_ratio([5165, 4835], [0.5, 0.5]).mismatch


def test_fewer_than_eight_expected_cannot_tell():
    assert sample_ratio([15, 0], [0.5, 0.5]).p_value is None
    assert sample_ratio([16, 0], [0.5, 0.5]).p_value is not None
    assert not sample_ratio([0, 0], [0.5, 0.5]).mismatch


def test_a_unit_in_a_variant_without_a_share_is_a_mismatch():
    assert sample_ratio([5000, 5000, 1], [0.5, 0.5, 0]).mismatch
    found = sample_ratio([5000, 5000, 0], [0.5, 0.5, 0])
    assert found.p_value == 1
    assert not found.mismatch


def test_one_variant_with_all_the_traffic_has_no_ratio():
    assert sample_ratio([100, 0], [1, 0]).p_value is None
