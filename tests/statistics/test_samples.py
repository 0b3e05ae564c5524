"""Sufficient statistics: built, merged, split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.errors import ValidationError
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
