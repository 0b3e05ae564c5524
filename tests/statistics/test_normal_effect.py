"""Normal posteriors of effects."""

import numpy as np
import pytest
from scipy import integrate, stats

from omniforge_graph.statistics.best import best_of_normals
from omniforge_graph.statistics.normal_effect import NormalEffect, best_of_effects, posterior_effect


def test_precision_weighs_estimate_and_prior():
    found = posterior_effect(np.array([0.2]), np.array([0.04]), 0.1, 0.01)
    assert found.mean[0] == pytest.approx((0.2 / 0.04 + 0.1 / 0.01) / (1 / 0.04 + 1 / 0.01), rel=1e-14)
    assert found.standard_deviation[0] == pytest.approx((1 / 0.04 + 1 / 0.01) ** -0.5, rel=1e-14)


def test_an_infinite_prior_variance_changes_nothing():
    found = posterior_effect(np.array([0.2]), np.array([0.04]), 7.0, np.inf)
    assert (found.mean[0], found.standard_deviation[0]) == (0.2, 0.2)


def test_the_shortfall_is_what_is_expected_below_zero():
    effect = NormalEffect(np.array([0.3, -0.3]), np.array([0.5, 0.5]))
    for mean, found in zip(effect.mean, effect.shortfall, strict=True):
        expected = integrate.quad(lambda x, mean=mean: -x * stats.norm.pdf(x, mean, 0.5), -9, 0)[0]
        assert found == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(effect.negated.shortfall - effect.shortfall, effect.mean, rtol=1e-12)


def test_no_variance_is_no_posterior():
    found = posterior_effect(np.array([0.2, 0.2]), np.array([0.0, np.nan]), 0.0, 1.0)
    assert np.isnan([found.mean, found.standard_deviation, found.probability_positive, found.shortfall]).all()


def test_with_a_flat_prior_the_best_is_that_of_independent_normals():
    mean, deviation = np.array([10.0, 10.4, 9.9, 10.2]), np.array([0.3, 0.35, 0.25, 0.3])
    found = best_of_effects(mean[1:] - mean[0], np.full(3, deviation[0]), deviation[1:], 0.0, np.inf)
    np.testing.assert_allclose(found, best_of_normals(mean, deviation).probability, rtol=1e-6)


def test_with_a_proper_prior_it_agrees_with_the_joint_posterior_drawn():
    estimate, shared, own, prior = np.array([0.05, 0.12, -0.02]), np.array([0.06, 0.065, 0.055]), np.full(3, 0.05), 0.1
    noise = np.diag(own**2) + np.outer(shared, shared)
    gain = prior**2 * np.linalg.inv(prior**2 * np.eye(3) + noise)
    covariance = prior**2 * (np.eye(3) - gain)
    draws = np.random.default_rng(3).multivariate_normal(gain @ estimate, covariance, 200_000)
    best = np.argmax(np.column_stack([np.zeros(len(draws)), draws]), axis=1)
    simulated = np.bincount(best, minlength=4) / len(draws)
    found = best_of_effects(estimate, shared, own, 0.0, prior**2)
    np.testing.assert_allclose(found, simulated, atol=4 * 0.5 / np.sqrt(len(draws)))
    assert found.sum() == pytest.approx(1, rel=1e-12)


def test_of_one_effect_it_is_the_probability_to_be_positive():
    effect = posterior_effect(np.array([0.05]), np.array([0.05**2 + 0.04**2]), 0.01, 0.01)
    found = best_of_effects(np.array([0.05]), np.array([0.05]), np.array([0.04]), 0.01, 0.01)
    assert found[1] == pytest.approx(effect.probability_positive[0], rel=1e-6)
