"""The best of several variants, and Thompson's weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.best import best_of_betas, best_of_normals, compare_betas
from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.thompson import thompson_weights

SHAPES = st.floats(0.5, 1e5)
ARMS = st.lists(st.tuples(SHAPES, SHAPES), min_size=2, max_size=5)


def betas(*shapes):
    return Beta(*(np.array(each, dtype=float) for each in zip(*shapes, strict=True)))


@settings(max_examples=40)
@given(ARMS)
def test_of_two_it_is_the_comparison_and_of_more_the_order_does_not_matter(arms):
    found = best_of_betas(betas(*arms))
    assert found.probability.sum() == pytest.approx(1, rel=1e-12)
    turned = best_of_betas(betas(*arms[::-1]))
    np.testing.assert_allclose(found.probability, turned.probability[::-1], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.expected_loss, turned.expected_loss[::-1], rtol=1e-6, atol=1e-12)
    if len(arms) == 2:
        pair = compare_betas(betas(arms[0]), betas(arms[1]))
        np.testing.assert_allclose(found.probability, [pair.less[0], pair.greater[0]], rtol=1e-7, atol=1e-13)
        np.testing.assert_allclose(found.expected_loss, [pair.gain[0], pair.loss[0]], rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize("arms", [[(3, 50), (5, 40), (1, 1)], [(101, 1901), (111, 1891), (122, 1880), (96, 1906)]])
def test_betas_agree_with_a_simulation(arms):
    draws = 200_000
    values = np.stack([np.random.default_rng(5 + i).beta(*arm, draws) for i, arm in enumerate(arms)])
    found = best_of_betas(betas(*arms))
    simulated = np.bincount(values.argmax(axis=0), minlength=len(arms)) / draws
    np.testing.assert_allclose(found.probability, simulated, atol=4 * 0.5 / np.sqrt(draws))
    for place in range(len(arms)):
        losses = np.maximum(np.delete(values, place, axis=0).max(axis=0) - values[place], 0)
        assert found.expected_loss[place] == pytest.approx(losses.mean(), abs=5 * losses.std() / np.sqrt(draws))


def test_equals_share():
    np.testing.assert_allclose(best_of_betas(betas(*[(7, 90)] * 4)).probability, 0.25, rtol=1e-12)
    np.testing.assert_allclose(best_of_normals(np.full(3, 9.0), np.full(3, 2.0)).probability, 1 / 3, rtol=1e-12)


def test_two_normals_have_closed_forms():
    mean, deviation = np.array([10.0, 10.3]), np.array([0.4, 0.2])
    found = best_of_normals(mean, deviation)
    error = np.hypot(*deviation)
    z = 0.3 / error
    np.testing.assert_allclose(found.probability, [special.ndtr(-z), special.ndtr(z)], rtol=1e-9)
    loss = error * (stats.norm.pdf(z) - z * special.ndtr(-z))
    np.testing.assert_allclose(found.expected_loss, [loss + 0.3, loss], rtol=1e-9)


@pytest.mark.parametrize("gap", [8.0, 20.0, 35.0])
def test_hopeless_normals_keep_their_digits(gap):
    found = best_of_normals(np.array([0.0, gap]), np.ones(2))
    assert found.probability[0] == pytest.approx(special.ndtr(-gap / np.sqrt(2)), rel=1e-7)


def test_variants_far_behind_or_next_to_certain_are_no_trouble():
    found = best_of_normals(np.array([1e15, 0.0, 1e15 + 4.0]), np.array([1.0, 1e-15, 2.0]))
    assert found.probability[1] == 0
    assert found.probability[2] == pytest.approx(special.ndtr(4 / np.sqrt(5)), rel=1e-7)
    assert found.expected_loss[1] == pytest.approx(1e15, rel=1e-12)
    step = best_of_normals(np.array([0.3, 0.0]), np.array([1e-20, 1.0]))
    assert step.probability[0] == pytest.approx(special.ndtr(0.3), rel=1e-7)


def test_scale_and_place_do_not_matter():
    mean, deviation = np.array([1.0, 1.2, 0.7]), np.array([0.3, 0.4, 0.2])
    plain, moved = best_of_normals(mean, deviation), best_of_normals(1e9 + mean * 1e3, deviation * 1e3)
    np.testing.assert_allclose(plain.probability, moved.probability, rtol=1e-8)
    np.testing.assert_allclose(plain.expected_loss * 1e3, moved.expected_loss, rtol=1e-8)


def test_slices_are_independent_and_improper_ones_unknown():
    mean = np.array([[1.0, 2.0], [np.nan, 1.0], [1.0, 1.0]])
    deviation = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    found = best_of_normals(mean, deviation)
    np.testing.assert_allclose(found.probability[0], best_of_normals(mean[0], deviation[0]).probability, rtol=1e-13)
    assert np.isnan(found.probability[1:]).all()


# ---------------------------------------------------------------- Thompson sampling

SAMPLES = SampleStatistics.of([1000, 1000, 1000], [0.1, 0.12, 0.11], [0.09, 0.1056, 0.0979])


def test_weights_follow_the_chances_above_the_floor():
    found = thompson_weights(SAMPLES, 0.01)
    np.testing.assert_allclose(found.weights, 0.01 + 0.97 * found.probability_best, rtol=1e-14)
    assert found.weights.sum() == pytest.approx(1, rel=1e-12)
    assert np.argmax(found.weights) == 1
    assert np.argmax(thompson_weights(SAMPLES, higher_is_better=False).weights) == 0


def test_unknown_variants_share_alike():
    found = thompson_weights(SampleStatistics.of([1000, 1, 0], [0.1, 0.5, 0], [0.09, 0, 0]), 0.1)
    np.testing.assert_allclose(found.weights, 1 / 3, rtol=1e-14)


@pytest.mark.parametrize("floor", [-0.1, 0.34, float("nan")])
def test_the_floor_has_bounds(floor):
    with pytest.raises(ValidationError, match="floor") as caught:
        thompson_weights(SAMPLES, floor)
    assert caught.value.path == ("floor",)
