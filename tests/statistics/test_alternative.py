"""One-sided and two-sided alternatives."""

import numpy as np
import pytest
from scipy import stats

from omniforge_graph.statistics.alternative import Alternative

Z = np.array([-40.0, -1.5, 0.0, 2.0, 40.0])


@pytest.mark.parametrize("alternative", [Alternative.GREATER, Alternative.LESS])
def test_one_sided_p_values_are_tails(alternative):
    p, log10_p = alternative.normal_p_value(Z)
    tail = stats.norm.logsf(Z if alternative is Alternative.GREATER else -Z)
    np.testing.assert_allclose(p, np.exp(tail), rtol=1e-10)
    np.testing.assert_allclose(log10_p, tail / np.log(10), rtol=1e-12, atol=1e-300)


def test_both_sides_together_are_twice_the_smaller_one():
    both, greater, less = (each.normal_p_value(Z)[0] for each in Alternative)
    np.testing.assert_allclose(both, 2 * np.minimum(greater, less), rtol=1e-12)


def test_a_one_sided_interval_ends_where_the_wider_two_sided_one_does():
    lower, upper = np.array([0.1, np.nan]), np.array([0.2, np.nan])
    np.testing.assert_array_equal(Alternative.GREATER.bounds(lower, upper), [[0.1, np.nan], [np.inf, np.nan]])
    np.testing.assert_array_equal(Alternative.LESS.bounds(lower, upper), [[-np.inf, np.nan], [0.2, np.nan]])
    np.testing.assert_array_equal(Alternative.TWO_SIDED.bounds(lower, upper), [lower, upper])
    assert [each.level(0.95) for each in Alternative] == pytest.approx([0.95, 0.9, 0.9])
    assert Alternative.LESS.level(0.4) == 0
