"""Joint moments: from rows, merged, pooled."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.moments import Moments, mean_of, samples_of_values

ROWS = st.lists(st.tuples(st.integers(0, 2), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=30)


def of(rows, groups=3):
    return Moments.of_values(
        np.array([row[1:] for row in rows]).reshape(-1, 2), np.array([r[0] for r in rows], int), groups
    )


def same(one, other, size=1.0):
    np.testing.assert_array_equal(one.units, other.units)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-14 * size)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-10, atol=1e-13 * size**2)
    np.testing.assert_allclose(one.third, other.third, rtol=1e-9, atol=1e-12 * size**3)


def size_of(rows):
    return max((abs(value) for row in rows for value in row[1:]), default=1.0) + 1.0


def test_moments_are_those_of_the_definition():
    generator = np.random.default_rng(1)
    values, group = generator.gamma(2, 3, (500, 3)), generator.integers(0, 4, 500)
    found = Moments.of_values(values, group, (2, 2))
    for place in range(4):
        rows = values[group == place]
        at = divmod(place, 2)
        assert found.units[at] == len(rows)
        np.testing.assert_allclose(found.mean[at], rows.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(found.covariance[at], np.cov(rows.T), rtol=1e-12)
        np.testing.assert_allclose(found.skewness[at], stats.skew(rows, axis=0), rtol=1e-11)


def test_many_groups_are_sorted_alike():
    generator = np.random.default_rng(2)
    for groups in (9, 300, 70_000):
        values, group = generator.normal(size=1000), generator.integers(0, groups, 1000)
        found = Moments.of_values(values, group, groups)
        for place in np.unique(group)[:5]:
            rows = values[group == place]
            assert found.mean[place, 0] == pytest.approx(rows.mean(), rel=1e-12, abs=1e-15)
            assert found.units[place] == len(rows)


@settings(deadline=None)
@given(shards=st.lists(ROWS, min_size=1, max_size=4))
def test_merged_shards_equal_the_whole(shards):
    merged = of(shards[0])
    for shard in shards[1:]:
        merged = merged.merge(of(shard))
    rows = [row for shard in shards for row in shard]
    same(merged, of(rows), size_of(rows))


@settings(deadline=None)
@given(rows=ROWS)
def test_all_variants_pooled_are_one_group(rows):
    pooled, whole = of(rows).pooled(), of([(0, *row[1:]) for row in rows], 1)
    same(pooled, whole, size_of(rows))


@settings(deadline=None)
@given(rows=ROWS, data=st.data())
def test_a_weight_is_so_many_equal_rows(rows, data):
    weights = [data.draw(st.integers(0, 4)) for _ in rows]
    values = np.array([row[1:] for row in rows]).reshape(-1, 2)
    weighed = Moments.of_values(values, np.array([row[0] for row in rows], int), 3, weights)
    same(weighed, of([row for row, times in zip(rows, weights, strict=True) for _ in range(times)]), size_of(rows))


def test_an_offset_of_a_billion_costs_no_digits():
    values = 1e9 + np.array([4.5, 7.25, 13.0, 16.125, 5.5, 9.0])
    exact = [Fraction(each) for each in values.tolist()]
    mean = sum(exact) / 6
    variance = sum((each - mean) ** 2 for each in exact) / 5
    found = mean_of(Moments.of_values(values, np.zeros(6, int), 1))
    assert found.variance[0] == pytest.approx(float(variance), rel=1e-14)
    assert found.mean[0] == float(mean)


@settings(deadline=None)
@given(value=st.floats(-1e15, 1e15), rows=st.integers(1, 40))
def test_equal_values_have_no_variance_at_all(value, rows):
    found = Moments.of_values(np.full(rows, value), np.zeros(rows, int), 1)
    assert found.mean[0, 0] == value
    assert rows == 1 or found.covariance[0, 0, 0] == 0
    assert np.isnan(found.skewness[0, 0])


def test_groups_without_rows_are_nan_and_single_units_have_no_variance():
    found = Moments.of_values([[1.0, 2.0]], [1], 3)
    np.testing.assert_array_equal(found.units, [0, 1, 0])
    np.testing.assert_array_equal(found.mean, [[np.nan] * 2, [1, 2], [np.nan] * 2])
    assert np.isnan(found.covariance).all()


def test_a_variable_alone_gives_the_same_bits_as_beside_others():
    values = np.random.default_rng(3).lognormal(0, 2, (1001, 3))
    group = np.arange(1001) % 2
    together, alone = Moments.of_values(values, group, 2), Moments.of_values(values[:, 0], group, 2)
    for one, other in ((together.mean[:, 0], alone.mean[:, 0]), (together.variance[:, 0], alone.variance[:, 0])):
        np.testing.assert_array_equal(one, other)


def test_samples_of_values_keep_them():
    found = samples_of_values([1.0, 5.0, 3.0], [0, 1, 0], 2)
    assert [each.tolist() for each in found.values] == [[1, 3], [5]]
    np.testing.assert_array_equal(found.mean, [2, 5])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (([1.0, np.nan], [0, 0], 1), "values"),
        (([1.0, np.inf], [0, 0], 1), "values"),
        (([1.0, 2.0], [0], 1), "values"),
        (([1.0, 2.0], [0, 1], 1), "group"),
        (([1.0, 2.0], [-1, 0], 1), "group"),
        (([1.0, 2.0], [0.0, 0.0], 1), "group"),
        (([1.0, 2.0], [0, 0], 1, [1, -1]), "weights"),
        (([1.0, 2.0], [0, 0], 1, [1, np.nan]), "weights"),
    ],
)
def test_bad_rows_are_refused_by_name(arguments, field):
    with pytest.raises(ValidationError) as caught:
        Moments.of_values(*arguments)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("units", "mean", "covariance", "field"),
    [
        ([1.5], [[0]], [[[0]]], "units"),
        ([2], [[np.nan]], [[[0]]], "mean"),
        ([2], [[0]], [[[-1]]], "covariance"),
        ([2], [[0]], [[[np.nan]]], "covariance"),
        ([2], [[0, 1]], [[[1]]], None),
    ],
)
def test_bad_moments_are_refused_by_name(units, mean, covariance, field):
    with pytest.raises(ValidationError) as caught:
        Moments.of(units, mean, covariance)
    assert caught.value.field == field
