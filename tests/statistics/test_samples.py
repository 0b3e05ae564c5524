"""Sufficient statistics: built, merged, split."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.moments import samples_of_values
from omniforge_graph.statistics.samples import SampleStatistics

VALUES = st.lists(st.floats(-1e6, 1e6), max_size=20)


def of(values):
    return SampleStatistics.of(
        [len(values)],
        [np.mean(values) if len(values) else np.nan],
        [np.var(values, ddof=1) if len(values) > 1 else np.nan],
    )


@given(shards=st.lists(VALUES, min_size=1, max_size=4))
def test_merged_shards_equal_the_whole(shards):
    merged = of(shards[0])
    for shard in shards[1:]:
        merged = merged.merge(of(shard))
    values = [value for shard in shards for value in shard]
    whole, largest = of(values), max(map(abs, values), default=0.0)
    np.testing.assert_array_equal(merged.units, whole.units)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12, atol=1e-14 * largest)
    np.testing.assert_allclose(merged.variance, whole.variance, rtol=1e-10, atol=1e-14 * largest**2)


@given(shards=st.lists(st.lists(st.integers(-50, 50), max_size=9), min_size=1, max_size=4))
def test_skewness_and_values_survive_a_merge(shards):
    def known(values):
        return samples_of_values(np.array(values, dtype=float), np.zeros(len(values), int), 1)

    merged = known(shards[0])
    for shard in shards[1:]:
        merged = merged.merge(known(shard))
    whole = known([value for shard in shards for value in shard])
    np.testing.assert_allclose(merged.skewness, whole.skewness, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(merged.values[0], whole.values[0])


def test_what_is_not_known_of_one_is_not_known_of_both():
    known, plain = samples_of_values([1.0, 2.0, 4.0], [0, 0, 0], 1), of([1.0, 3.0])
    for merged in (known.merge(plain), plain.merge(known)):
        assert merged.skewness is None
        assert merged.values is None


def test_shared_variances_are_weighed_by_units():
    one, two = (SampleStatistics.of([n, n], [1, 1], [1, 1]) for n in (30, 10))
    merged = replace(one, shared_variance=np.array([0.4])).merge(two)
    np.testing.assert_allclose(merged.shared_variance, [0.4 * 0.75**2])
    assert one.merge(two).shared_variance is None


def test_a_split_divides_what_else_is_known():
    sample = samples_of_values([1.0, 2.0, 4.0, 8.0, 9.0, 3.0], [0, 0, 1, 1, 2, 2], 3)
    sample = replace(sample, shared_variance=np.array([0.1]))
    control, treatments = sample.split(1)
    assert [each.tolist() for each in control.values] == [[4, 8]]
    assert [each.tolist() for each in treatments.values] == [[1, 2], [9, 3]]
    assert treatments.skewness.shape == (2,)
    assert control.shared_variance == treatments.shared_variance == [0.1]


def test_merging_at_an_offset_of_a_billion_loses_nothing():
    values = 1e9 + np.array([4.5, 7.25, 13.0, 16.125, 5.5, 9.0])  # exact in binary
    merged = of(values[:2]).merge(of(values[2:]))
    # A shard's mean is rounded to 1.2e-7; times a gap of about 5, over a variance of about 20.
    assert merged.variance[0] == pytest.approx(np.var(values - 1e9, ddof=1), rel=1e-7)


@given(conversions=st.integers(0, 10**9), others=st.integers(0, 10**9))
def test_conversions_come_back_from_a_rate(conversions, others):
    sample = SampleStatistics.of_rates([conversions], [conversions + others])
    assert sample.conversions[0] == conversions


def test_a_split_keeps_the_treatments_in_order():
    sample = SampleStatistics.of_rates([[1, 2, 3, 4]], [[10, 20, 30, 40]])
    control, treatments = sample.split(2)
    assert control.units.tolist() == [[30]]
    assert treatments.units.tolist() == [[10, 20, 40]]
    assert treatments.mean.shape == (1, 3)


def test_the_squared_standard_error_needs_two_units():
    sample = SampleStatistics.of([0, 1, 4], [np.nan, 3, 3], [np.nan, np.nan, 8])
    np.testing.assert_array_equal(sample.squared_standard_error, [np.nan, np.nan, 2])


@pytest.mark.parametrize(
    ("units", "mean", "variance", "field"),
    [
        ([-1], [0], [0], "units"),
        ([1.5], [0], [0], "units"),
        ([np.nan], [0], [0], "units"),
        ([2], [np.nan], [0], "mean"),
        ([2], [np.inf], [0], "mean"),
        ([2], [0], [-1], "variance"),
        ([2], [0], [np.nan], "variance"),
        ([2, 3], [0], [0], None),
        (2, 0, 0, None),
    ],
)
def test_bad_statistics_are_refused_by_name(units, mean, variance, field):
    with pytest.raises(ValidationError) as caught:
        SampleStatistics.of(units, mean, variance)
    assert caught.value.field == field


@pytest.mark.parametrize(("conversions", "units"), [([3], [2]), ([-1], [2]), ([0.5], [2]), ([np.nan], [2])])
def test_bad_counts_are_refused_by_name(conversions, units):
    with pytest.raises(ValidationError) as caught:
        SampleStatistics.of_rates(conversions, units)
    assert caught.value.field == "conversions"
