"""Quantiles and their errors, with and without ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.quantiles import (
    minimum_units,
    quantile_interval,
    quantiles_from_bounds,
    quantiles_of,
)
from omniforge_graph.statistics.welch import welch_t

VALUES = st.lists(st.integers(-(10**6), 10**6).map(lambda each: each / 8), min_size=20, max_size=60, unique=True)
SHARES = st.sampled_from([0.2, 0.5, 0.8])


@settings(deadline=None)
@given(values=VALUES, quantile=SHARES)
def test_the_quantile_is_numpys(values, quantile):
    found = quantiles_of(values, np.zeros(len(values), int), 1, quantile)
    assert not found.rounded
    assert found.samples.mean[0] == pytest.approx(np.quantile(values, quantile), rel=1e-12, abs=1e-9)
    assert found.samples.variance[0] > 0


@settings(deadline=None)
@given(values=VALUES, quantile=SHARES)
def test_mirrored_values_mirror_the_quantile(values, quantile):
    group = np.zeros(len(values), int)
    here = quantiles_of(values, group, 1, quantile).samples
    there = quantiles_of(-np.array(values), group, 1, 1 - quantile).samples
    assert here.mean[0] == pytest.approx(-there.mean[0], rel=1e-9, abs=1e-9)
    assert here.variance[0] == pytest.approx(there.variance[0], rel=1e-6, abs=1e-9)


def test_the_error_of_a_median_is_the_textbooks():
    # sqrt(1/4 / n) / density: for a standard normal 1.2533 / sqrt(n).
    n = 200_000
    found = quantiles_of(np.random.default_rng(1).normal(size=n), np.zeros(n, int), 1, 0.5).samples
    assert np.sqrt(found.squared_standard_error[0]) == pytest.approx(np.sqrt(np.pi / 2 / n), rel=0.05)


def test_groups_do_not_disturb_each_other_and_may_be_empty():
    values = np.random.default_rng(2).exponential(size=(5, 50))
    group = np.repeat([0, 1, 3, 4, 5], 50)
    found = quantiles_of(values.ravel(), group, (3, 2), 0.8)
    for place, rows in zip((0, 1, 3, 4, 5), values, strict=True):
        alone = quantiles_of(rows, np.zeros(50, int), 1, 0.8).samples
        assert found.samples.mean[divmod(place, 2)] == alone.mean[0]
        assert found.samples.variance[divmod(place, 2)] == alone.variance[0]
    assert np.isnan(found.samples.mean[1, 0])
    assert not found.short[1, 0]


def test_weights_are_so_many_rows():
    values = np.random.default_rng(3).exponential(size=40)
    times = np.arange(40) % 3
    one = quantiles_of(values, np.zeros(40, int), 1, 0.5, weights=times).samples
    other = quantiles_of(np.repeat(values, times), np.zeros(times.sum(), int), 1, 0.5).samples
    np.testing.assert_array_equal([one.units, one.mean, one.variance], [other.units, other.mean, other.variance])


def test_too_few_units_have_a_quantile_and_no_error():
    # 3.84 * 99 = 380.3 units are the least for the 99th percentile.
    assert minimum_units(0.99) == pytest.approx(380.3, abs=0.1)
    for units, short in ((380, True), (381, False)):
        found = quantiles_of(np.random.default_rng(4).normal(size=units), np.zeros(units, int), 1, 0.99)
        assert found.short.tolist() == [short]
        assert np.isnan(found.samples.variance[0]) == short
        assert np.isfinite(found.samples.mean[0])


def false_positives(draw, quantile, trials, units=1000):
    p_values = []
    for _ in range(trials):
        found = quantiles_of(draw(2 * units), np.repeat([0, 1], units), 2, quantile)
        p_values.append(welch_t(*found.samples.split(0)).p_value[0])
    return np.mean(np.array(p_values) < 0.05)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_without_an_effect_five_of_a_hundred_are_significant(quantile):
    trials, units = 2500, 2000
    values = np.random.default_rng(5).lognormal(size=(trials, 2, units))
    found = quantiles_of(values.ravel(), np.repeat(np.arange(2 * trials), units), (trials, 2), quantile)
    false = np.mean(welch_t(*found.samples.split(0)).p_value < 0.05)
    assert 0.04 - 0.005 < false < 0.06 + 0.005


@pytest.mark.parametrize("step", [0.1, 0.5])
@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_rounded_values_feign_no_effect(step, quantile):
    generator = np.random.default_rng(6)
    false = false_positives(lambda n: np.round(generator.lognormal(size=n) / step) * step, quantile, trials=700)
    assert false < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 700)


def test_rounding_moves_the_quantile_by_less_than_its_step():
    values = np.random.default_rng(7).normal(100, 15, 5000)
    group = np.zeros(5000, int)
    rough, fine = (quantiles_of(each, group, 1, 0.9) for each in (np.round(values), values))
    assert rough.rounded
    assert not fine.rounded
    assert abs(rough.samples.mean[0] - fine.samples.mean[0]) < 0.5
    assert rough.samples.variance[0] == pytest.approx(fine.samples.variance[0], rel=0.3)


@pytest.mark.parametrize("quantile", [0.2, 0.29, 0.5])
def test_a_value_that_many_share_is_refused(quantile):
    values = np.concatenate([np.zeros(300), np.random.default_rng(8).exponential(size=700)])
    found = quantiles_of(values, np.zeros(1000, int), 1, quantile)
    assert found.lumped.tolist() == [quantile < 0.3]
    assert np.isnan(found.samples.variance[0]) == (quantile < 0.3)


def test_equal_values_are_one_lump():
    found = quantiles_of(np.full(100, 5.0), np.zeros(100, int), 1, 0.5)
    assert found.lumped.tolist() == [True]
    assert found.samples.mean[0] == 5


def test_rows_of_the_same_units_inflate_the_error():
    generator = np.random.default_rng(9)
    unit = np.repeat(np.arange(400), 10)
    values = generator.normal(size=400)[unit] + 0.1 * generator.normal(size=4000)
    group = np.zeros(4000, int)
    plain = quantiles_of(values, group, 1, 0.5).samples
    clustered = quantiles_of(values, group, 1, 0.5, clusters=unit).samples
    assert clustered.units[0] == 400
    assert 7 < clustered.squared_standard_error[0] / plain.squared_standard_error[0] < 10.5
    alone = quantiles_of(values, group, 1, 0.5, clusters=np.arange(4000)).samples
    assert alone.squared_standard_error[0] == pytest.approx(plain.squared_standard_error[0], rel=2e-3)


def test_bounds_given_make_the_error():
    found = quantiles_from_bounds([101, 1, 0], [5.0, 5.0, 5.0], [4.0, 4.0, 4.0], [6.0, 6.0, 6.0])
    np.testing.assert_allclose(found.variance, [100 * (1 / 1.959963984540054) ** 2, np.nan, np.nan])
    np.testing.assert_array_equal(found.mean, [5, 5, np.nan])


def test_the_interval_of_a_single_sample_is_exact():
    # Of 10 values the 2nd and the 9th bound the median with 1 - 2 * 11 / 1024 = 97.9 %.
    assert quantile_interval(range(1, 11), 0.5) == (5.5, 2, 9)
    estimate, lower, upper = quantile_interval([3, 1, 2], 0.5)
    assert (estimate, lower, upper) == (2, -np.inf, np.inf)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: quantiles_of([1.0], [0], 1, 1.0), "quantile"),
        (lambda: quantiles_of([np.nan], [0], 1, 0.5), "values"),
        (lambda: quantiles_of([1.0, 2.0], [0], 1, 0.5), "values"),
        (lambda: quantiles_of([1.0], [1], 1, 0.5), "group"),
        (lambda: quantile_interval([], 0.5), "values"),
        (lambda: quantile_interval([1.0], 0.5, 1.0), "confidence_level"),
    ],
)
def test_bad_input_is_refused_by_name(call, field):
    with pytest.raises(ValidationError) as caught:
        call()
    assert caught.value.field == field
