"""The permutation test."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.permutation import permutation_test
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.welch import welch_t

SMALL = st.lists(st.integers(-20, 20), min_size=2, max_size=5)


def t_of(before, after):
    one, two = (np.array(each, dtype=float) for each in (before, after))
    error = one.var(ddof=1) / len(one) + two.var(ddof=1) / len(two)
    gap = two.mean() - one.mean()
    if abs(gap) < 1e-12:
        return 0.0
    return gap / np.sqrt(error) if error > 1e-12 else np.copysign(np.inf, gap)


@settings(max_examples=60, deadline=None)
@given(before=SMALL, after=SMALL, alternative=st.sampled_from(Alternative))
def test_few_units_are_dealt_in_every_way(before, after, alternative):
    pooled, n = before + after, len(before) + len(after)
    every = []
    for chosen in combinations(range(n), len(after)):
        others = [pooled[place] for place in range(n) if place not in chosen]
        every.append(t_of(others, [pooled[place] for place in chosen]))
    turn = {Alternative.TWO_SIDED: abs, Alternative.GREATER: float, Alternative.LESS: lambda t: -t}[alternative]
    here = turn(t_of(before, after))
    expected = np.mean([turn(t) >= here - 1e-9 * abs(here) if np.isfinite(here) else turn(t) == here for t in every])
    found = permutation_test(np.array(before, float), np.array(after, float), alternative)
    assert found.exact
    assert found.p_value == pytest.approx(expected, abs=1e-12)


def test_the_tea_was_first_four_times():
    # Fisher's lady: 4 against 4, told apart without an error, one split of 70, or two of them on both sides.
    before, after = np.zeros(4), np.ones(4)
    assert permutation_test(before, after, Alternative.GREATER).p_value == pytest.approx(1 / 70)
    assert permutation_test(before, after).p_value == pytest.approx(2 / 70)


def test_random_splits_agree_with_all_of_them():
    generator = np.random.default_rng(1)
    before, after = generator.exponential(size=8), generator.exponential(size=9) + 0.6
    exact = permutation_test(before, after, resamples=50_000)
    rough = permutation_test(before, after, resamples=9_999)
    assert exact.exact
    assert not rough.exact
    assert abs(exact.p_value - rough.p_value) < 4 * np.sqrt(exact.p_value * (1 - exact.p_value) / 10_000)


def test_the_same_seed_gives_the_same_answer_and_p_is_never_zero():
    before, after = np.random.default_rng(2).normal(size=(2, 40))
    first, again, other = (permutation_test(before, after + 5, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.p_value == 1 / 10_000 == other.p_value


def test_many_units_give_what_welch_gives():
    generator = np.random.default_rng(3)
    before, after = generator.normal(0, 1, 800), generator.normal(0.1, 2, 500)
    means = SampleStatistics.of([800, 500], [before.mean(), after.mean()], [before.var(ddof=1), after.var(ddof=1)])
    test = welch_t(*means.split(0))
    found = permutation_test(before, after, resamples=2_000)
    assert found.p_value == pytest.approx(test.p_value[0], abs=4 * np.sqrt(0.25 / 2_000))
    assert found.critical == pytest.approx(test.critical[0], rel=0.1)


@given(
    before=st.lists(st.integers(0, 30), min_size=4, max_size=7),
    after=st.lists(st.integers(0, 30), min_size=4, max_size=7),
)
@settings(max_examples=60, deadline=None)
def test_the_critical_value_tells_what_p_tells(before, after):
    found = permutation_test(np.array(before, float), np.array(after, float))
    here = abs(t_of(before, after))
    if np.isfinite(here) and abs(here - found.critical) > 1e-6:
        assert (here > found.critical) == (found.p_value < 0.05)


def test_so_few_splits_cannot_be_sure():
    found = permutation_test(np.array([1.0, 2, 3]), np.array([7.0, 8, 9]))
    assert found.p_value == pytest.approx(2 / 20)
    assert found.critical == np.inf


def test_equal_values_differ_in_no_way():
    found = permutation_test(np.full(9, 5.0), np.full(9, 5.0))
    assert found.p_value == 1


def test_an_offset_changes_nothing():
    generator = np.random.default_rng(5)
    before, after = generator.integers(0, 50, (2, 12)).astype(float)
    assert permutation_test(before, after) == permutation_test(before + 1e9, after + 1e9)


def test_skewed_values_of_few_units_feign_no_effect():
    """15 units against 45, lognormal: 600 experiments without an effect."""
    generator, trials = np.random.default_rng(6), 600
    false = np.mean(
        [
            permutation_test(*np.split(generator.lognormal(0, 1.5, 60), [15]), resamples=399).p_value < 0.05
            for _ in range(trials)
        ]
    )
    assert abs(false - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / trials)
