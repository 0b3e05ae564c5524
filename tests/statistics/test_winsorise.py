"""Caps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.winsorise import winsorise

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


def test_values_beyond_a_bound_count_as_the_bound():
    found = winsorise(np.array([-5.0, 0, 3, 9, np.nan]), lower=-1, upper=3)
    np.testing.assert_array_equal(found.values, [-1, 0, 3, 3, np.nan])
    assert found.capped.tolist() == [True, False, False, True, False]
    assert (found.lower, found.upper) == (-1, 3)


def test_a_percentile_is_the_value_that_its_share_does_not_exceed():
    found = winsorise(np.arange(1.0, 101), percentile=0.95)
    assert found.upper == 95
    assert found.capped.sum() == 5


def test_weights_are_so_many_units():
    values, times = np.array([5.0, 1, 9, 2]), np.array([3, 10, 1, 6])
    one, other = winsorise(values, percentile=0.9, weights=times), winsorise(np.repeat(values, times), percentile=0.9)
    assert one.upper == other.upper == 5


def test_a_percentile_that_would_leave_equal_values_sets_no_bound():
    values = np.array([0.0] * 95 + [1, 2, 3, 4, 5])
    found = winsorise(values, percentile=0.9)
    np.testing.assert_array_equal(found.values, values)
    assert found.upper == np.inf
    assert not found.capped.any()


@settings(deadline=None)
@given(values=VALUES, lower=st.floats(-50, 0), width=st.floats(0.1, 50))
def test_capping_twice_is_capping_once(values, lower, width):
    once = winsorise(np.array(values), lower, lower + width)
    twice = winsorise(once.values, lower, lower + width)
    np.testing.assert_array_equal(once.values, twice.values)
    assert not twice.capped.any()
    assert np.all((once.values >= lower) & (once.values <= lower + width))


def test_nothing_known_is_left_alone():
    found = winsorise(np.array([np.nan]), percentile=0.99)
    assert np.isnan(found.values).all()
    assert found.upper == np.inf


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"lower": 2, "upper": 1}, "lower"),
        ({"lower": np.nan}, "lower"),
        ({"percentile": 1.0}, "percentile"),
        ({"percentile": 0.9, "upper": 3}, "percentile"),
    ],
)
def test_bad_bounds_are_refused_by_name(options, field):
    with pytest.raises(ValidationError) as caught:
        winsorise(np.array([1.0]), **options)
    assert caught.value.field == field
