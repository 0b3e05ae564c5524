"""Rates: Pearson's chi-square, expected counts, Newcombe's interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from omniforge_graph.statistics.difference_intervals import newcombe_interval
from omniforge_graph.statistics.proportions import (
    chi_square_log10_p_value,
    cross_table,
    pairs_with_control,
    pearson_chi_square,
    small_expected_counts,
    two_proportion_z,
)
from omniforge_graph.statistics.rate_intervals import wilson_limits
from omniforge_graph.statistics.samples import SampleStatistics


def interval(treatment, control, level=0.95):
    one, two = (SampleStatistics.of_rates([x], [n]) for x, n in (control, treatment))
    return tuple(each[0] for each in newcombe_interval(one, two, level))


@pytest.mark.parametrize(
    ("treatment", "control", "printed"),
    [  # Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_newcombe_reproduces_the_printed_intervals(treatment, control, printed):
    np.testing.assert_allclose(interval(treatment, control), printed, atol=5.1e-5)


def test_wilson_limits_of_agresti_and_coull():
    low, high = wilson_limits(SampleStatistics.of_rates([81], [263]), 0.95)
    np.testing.assert_allclose([low[0], high[0]], [0.2553, 0.3662], atol=5e-5)


@pytest.mark.parametrize("units", [(500, 500), (500, 250)])
@pytest.mark.parametrize("rates", [(0.01, 0.01), (0.05, 0.1), (0.2, 0.25), (0.5, 0.5)])
def test_newcombe_covers_as_often_as_it_says(units, rates):
    """Exact enumeration: every possible outcome, weighted with its probability."""
    x, y = np.meshgrid(np.arange(units[0] + 1), np.arange(units[1] + 1), indexing="ij")
    one, two = (SampleStatistics.of_rates(c, np.full(c.shape, n)) for c, n in ((x, units[0]), (y, units[1])))
    lower, upper = newcombe_interval(one, two, 0.95)
    weights = np.outer(*(stats.binom.pmf(np.arange(n + 1), n, p) for n, p in zip(units, rates, strict=True)))
    difference = rates[1] - rates[0]
    assert weights[(lower <= difference) & (difference <= upper)].sum() >= 0.945


def test_pearson_reproduces_the_smokers():
    # The example of R's prop.test: four groups of patients, smokers among them.
    sample = SampleStatistics.of_rates([83, 90, 129, 70], [86, 93, 136, 82])
    statistic, degrees = pearson_chi_square(sample)
    assert statistic == pytest.approx(12.6004, abs=5e-5)
    assert degrees == 3


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), min_size=2, max_size=5))
def test_pearson_agrees_with_the_table_of_counts(cells):
    table = np.array(cells, dtype=float)
    if not table.sum(axis=0).all():
        return
    statistic, degrees = pearson_chi_square(SampleStatistics.of_rates(table[:, 0], table.sum(axis=1)))
    expected = stats.contingency.expected_freq(table)
    assert statistic == pytest.approx(((table - expected) ** 2 / expected).sum(), rel=1e-9, abs=1e-9)
    assert degrees == len(cells) - 1


def test_variants_without_units_are_left_out_of_the_degrees():
    statistic, degrees = pearson_chi_square(SampleStatistics.of_rates([10, 0, 20], [100, 0, 100]))
    alone, _ = pearson_chi_square(SampleStatistics.of_rates([10, 20], [100, 100]))
    assert statistic == alone
    assert degrees == 1


def test_expected_counts_below_five_are_seen_on_either_side():
    sample = SampleStatistics.of_rates([[4, 6], [5, 5], [96, 94], [95, 95]], np.full((4, 2), 100))
    assert small_expected_counts(sample).tolist() == [False, False, False, False]
    sample = SampleStatistics.of_rates([[4, 5], [96, 95]], np.full((2, 2), 100))
    assert small_expected_counts(sample).tolist() == [True, True]


def test_pairs_put_the_control_first():
    pairs = pairs_with_control(SampleStatistics.of_rates([1, 2, 3], [10, 20, 30]), control=1)
    assert pairs.units.tolist() == [[20, 10], [20, 30]]


def test_the_cross_table_has_its_margins():
    table = cross_table(SampleStatistics.of_rates([[15, 28], [0, 0]], [[100, 100], [0, 0]]))
    assert table.observed[0].tolist() == [[15, 85], [28, 72]]
    assert table.expected[0].tolist() == [[21.5, 78.5], [21.5, 78.5]]
    assert table.observed[1].tolist() == [[0, 0], [0, 0]]
    assert np.isnan(table.expected[1]).all()


def test_yates_correction_agrees_with_the_table_of_counts():
    sample = SampleStatistics.of_rates([15, 28], [100, 100])
    expected = stats.contingency.chi2_contingency([[15, 85], [28, 72]], correction=True).statistic
    assert pearson_chi_square(sample, correction=True)[0] == pytest.approx(expected, rel=1e-12)
    z = two_proportion_z(*(SampleStatistics.of_rates([x], [100]) for x in (15, 28)), correction=True)
    assert z[0] ** 2 == pytest.approx(expected, rel=1e-12)


def test_yates_correction_stops_at_no_difference_and_is_for_two_variants():
    equal = SampleStatistics.of_rates([10, 10], [100, 101])
    assert pearson_chi_square(equal, correction=True)[0] == 0
    assert two_proportion_z(*(SampleStatistics.of_rates([10], [n]) for n in (100, 101)), correction=True)[0] == 0
    three = SampleStatistics.of_rates([10, 20, 30], [100, 100, 100])
    assert pearson_chi_square(three, correction=True)[0] == pearson_chi_square(three)[0]


def test_the_unpooled_statistic_has_each_rates_own_error():
    z = two_proportion_z(*(SampleStatistics.of_rates([x], [n]) for x, n in ((14, 28), (16, 30))), pooled=False)
    assert z[0] == pytest.approx((16 / 30 - 0.5) / np.sqrt(0.25 / 28 + 16 * 14 / 30**3), rel=1e-12)
    assert np.isnan(two_proportion_z(*(SampleStatistics.of_rates([x], [9]) for x in (0, 9)), pooled=False))[0]


@pytest.mark.parametrize("degrees", [1, 2, 5, 40])
def test_the_logarithm_of_chi_square_goes_on_where_the_tail_underflows(degrees):
    statistic = np.array([1.0, 500.0, 1300.0, 1330.0, 1400.0, 1e6, 1e9])
    found = chi_square_log10_p_value(statistic, np.full(7, float(degrees)))
    np.testing.assert_allclose(found[:3], stats.chi2.logsf(statistic[:3], degrees) / np.log(10), rtol=1e-9, atol=1e-24)
    if degrees == 1:
        np.testing.assert_allclose(found, (np.log(2) + stats.norm.logsf(np.sqrt(statistic))) / np.log(10), rtol=1e-12)
    if degrees == 2:
        np.testing.assert_allclose(found, -statistic / 2 / np.log(10), rtol=1e-13)
    assert np.all(np.diff(found) < 0)


def test_the_logarithm_of_chi_square_needs_a_statistic_and_a_degree():
    assert np.isnan(chi_square_log10_p_value(np.array([np.nan, 3.0]), np.array([1.0, 0.0]))).all()


def test_the_logarithm_of_a_single_chi_square_goes_on_too():
    found = chi_square_log10_p_value(np.array(5000.0), np.array(2.0))
    np.testing.assert_allclose(found, -2500 / np.log(10), rtol=1e-13)


def test_the_z_statistic_is_as_exact_for_rates_near_one_as_for_rates_near_zero():
    rare, common = (
        two_proportion_z(*(SampleStatistics.of_rates([x], [n]) for x, n in pairs))[0]
        for pairs in (((0, 10**9), (1, 1)), ((10**9, 10**9), (0, 1)))
    )
    assert rare == pytest.approx(-common, rel=1e-15)
