"""Posterior densities to be drawn."""

import numpy as np
import pytest
from scipy import stats

from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.density import beta_density, beta_difference_density, normal_density
from omniforge_graph.statistics.normal_effect import NormalEffect


def beta(*shapes):
    return Beta(*(np.array(each, dtype=float) for each in zip(*shapes, strict=True)))


def area(curve):
    return np.trapezoid(curve.densities, curve.values, axis=-1)


def test_every_curve_holds_all_of_the_probability():
    one, two = beta((21, 181), (0.5, 9), (5e8, 5e8)), beta((31, 171), (3, 7), (5e8, 5e8 + 1e5))
    effect = NormalEffect(np.array([0.3, 1e9]), np.array([0.1, 1e-3]))
    for curve in (beta_density(two), beta_difference_density(one, two), normal_density(effect)):
        np.testing.assert_allclose(area(curve), 1, atol=0.02)
        assert np.all(np.diff(curve.values, axis=-1) > 0)
        assert curve.values.shape[-1] == 96


def test_the_difference_of_two_uniform_rates_is_a_triangle():
    curve = beta_difference_density(beta((1, 1)), beta((1, 1)), points=64)
    np.testing.assert_allclose(curve.densities[0], 1 - np.abs(curve.values[0]), atol=5e-3)


@pytest.mark.parametrize("shapes", [((21, 181), (31, 171)), ((2001, 18_001), (31, 171)), ((31, 171), (2001, 18_001))])
def test_the_difference_agrees_with_a_convolution(shapes):
    one, two = shapes
    curve = beta_difference_density(beta(one), beta(two))
    x = (np.arange(20_000) + 0.5) / 20_000
    place = np.argmax(curve.densities[0])
    expected = np.mean(stats.beta.pdf(x, *one) * stats.beta.pdf(x + curve.values[0, place], *two))
    assert curve.densities[0, place] == pytest.approx(expected, rel=1e-3)


def test_normal_curves_are_normal():
    curve = normal_density(NormalEffect(np.array([2.0]), np.array([0.5])), points=80)
    np.testing.assert_allclose(curve.densities[0], stats.norm.pdf(curve.values[0], 2, 0.5), rtol=1e-12)
