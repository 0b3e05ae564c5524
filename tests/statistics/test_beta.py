"""Two beta distributions compared: against closed forms, symmetry, and the normal limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from omniforge_graph.statistics.best import compare_betas
from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.credible import beta_difference_interval, beta_ratio_interval

SHAPES = st.floats(0.5, 1e6)
PAIRS = st.tuples(SHAPES, SHAPES, SHAPES, SHAPES)


def beta(a, b):
    return Beta(np.array([a], dtype=float), np.array([b], dtype=float))


def evan_miller(a1, b1, a2, b2):
    """P(X2 > X1) for whole a2, as a finite sum (Evan Miller, 2013)."""
    i = np.arange(a2)
    terms = special.betaln(a1 + i, b1 + b2) - np.log(b2 + i) - special.betaln(1 + i, b2) - special.betaln(a1, b1)
    return np.exp(terms).sum()


@pytest.mark.parametrize(
    "shapes", [(1, 1, 1, 1), (21, 181, 31, 171), (1, 101, 1, 301), (120, 30, 3, 9), (5, 9, 900, 1)]
)
def test_the_probability_is_the_closed_form(shapes):
    found = compare_betas(beta(*shapes[:2]), beta(*shapes[2:]))
    assert found.greater[0] == pytest.approx(evan_miller(*shapes), rel=1e-10)


@pytest.mark.parametrize("shapes", [(1, 1, 1, 1), (21, 181, 31, 171), (0.5, 50.5, 3.5, 47.5), (601, 3401, 386, 3616)])
def test_gain_and_loss_are_stucchios(shapes):
    """E max(A - B, 0) = E[A] P(A' > B) - E[B] P(A > B'), where a prime adds one to alpha (Stucchio 2015)."""
    a1, b1, a2, b2 = shapes
    found = compare_betas(beta(a1, b1), beta(a2, b2))
    loss = a1 / (a1 + b1) * compare_betas(beta(a1 + 1, b1), beta(a2, b2)).less[0]
    loss -= a2 / (a2 + b2) * compare_betas(beta(a1, b1), beta(a2 + 1, b2)).less[0]
    assert found.loss[0] == pytest.approx(loss, abs=1e-13)


@settings(max_examples=50)
@given(PAIRS)
def test_swapping_the_two_mirrors_everything(shapes):
    one, two = beta(*shapes[:2]), beta(*shapes[2:])
    forward, backward = compare_betas(one, two), compare_betas(two, one)
    assert forward.greater + forward.less == pytest.approx(1, abs=1e-12)
    assert forward.gain - forward.loss == pytest.approx(two.mean - one.mean, abs=1e-12)
    for here, there in (("greater", "less"), ("gain", "loss")):
        np.testing.assert_allclose(getattr(forward, here), getattr(backward, there), rtol=1e-7, atol=1e-15)


@settings(max_examples=50)
@given(PAIRS)
def test_counting_failures_instead_mirrors_everything(shapes):
    a1, b1, a2, b2 = shapes
    plain, mirrored = compare_betas(beta(a1, b1), beta(a2, b2)), compare_betas(beta(b1, a1), beta(b2, a2))
    np.testing.assert_allclose(plain.greater, mirrored.less, rtol=1e-7, atol=1e-15)
    np.testing.assert_allclose(plain.gain, mirrored.loss, rtol=1e-7, atol=1e-15)


def test_counts_of_a_billion_are_normal():
    one, two = beta(5e8, 5e8), beta(5e8 + 30_000, 5e8 - 30_000)
    error = np.sqrt(sum(stats.beta.var(each.a, each.b) for each in (one, two)))
    z = (two.mean - one.mean) / error
    found = compare_betas(one, two)
    np.testing.assert_allclose(found.greater, special.ndtr(z), rtol=1e-6)
    np.testing.assert_allclose(found.loss, error * (stats.norm.pdf(z) - z * special.ndtr(-z)), rtol=1e-5)
    lower, upper = beta_difference_interval(one, two, 0.95)
    np.testing.assert_allclose(
        [lower, upper], two.mean - one.mean + np.outer([-1, 1], 1.959963984540054 * error), rtol=1e-4
    )


def test_hopeless_comparisons_end_in_zero_and_one():
    found = compare_betas(beta(1e6, 1e9), beta(1e9, 1e6))
    assert (found.greater[0], found.less[0], found.loss[0]) == (1, 0, 0)


def test_two_uniform_distributions_have_a_triangular_difference_and_a_known_ratio():
    flat = beta(1, 1)
    # P(D <= d) = (1 + d)^2 / 2 below 0; P(R <= r) = r / 2 below 1, and R and 1/R are alike.
    np.testing.assert_allclose(
        beta_difference_interval(flat, flat, 0.95), [[np.sqrt(0.05) - 1], [1 - np.sqrt(0.05)]], atol=1e-6
    )
    np.testing.assert_allclose(beta_ratio_interval(flat, flat, 0.95), [[-0.95], [19]], rtol=1e-6)


@settings(max_examples=25)
@given(PAIRS)
def test_intervals_hold_their_share_of_a_simulation(shapes):
    generator, draws = np.random.default_rng(11), 20_000
    x, y = generator.beta(*shapes[:2], draws), generator.beta(*shapes[2:], draws)
    one, two = beta(*shapes[:2]), beta(*shapes[2:])
    allowed = 5 * np.sqrt(0.1 * 0.9 / draws)
    lower, upper = beta_difference_interval(one, two, 0.9)
    assert abs(np.mean((lower <= y - x) & (y - x <= upper)) - 0.9) < allowed
    lower, upper = beta_ratio_interval(one, two, 0.9)
    assert abs(np.mean(((1 + lower) * x <= y) & (y <= (1 + upper) * x)) - 0.9) < allowed


@settings(max_examples=50)
@given(PAIRS)
def test_intervals_of_swapped_distributions_are_mirrored(shapes):
    one, two = beta(*shapes[:2]), beta(*shapes[2:])
    lower, upper = beta_difference_interval(one, two, 0.95)
    np.testing.assert_allclose([-upper, -lower], beta_difference_interval(two, one, 0.95), rtol=1e-4, atol=1e-6)


def test_slices_are_independent():
    a, b = np.array([[1, 21], [31, 5]], dtype=float), np.array([[1, 181], [171, 9]], dtype=float)
    together = compare_betas(Beta(a, b), Beta(a[::-1], b[::-1]))
    alone = compare_betas(beta(a[0, 1], b[0, 1]), beta(a[1, 1], b[1, 1]))
    assert together.greater.shape == (2, 2)
    np.testing.assert_allclose(together.greater[0, 1], alone.greater[0], rtol=1e-14)
