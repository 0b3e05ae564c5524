"""The permutation test as a plugin."""

import numpy as np
import pytest

from omniforge_graph.plugin import Alternative, Flag, MetricKind, samples_of_values
from omniforge_statistics.permutation import PermutationTest
from omniforge_statistics.welch_t import WelchTTest

TEST = PermutationTest()
CONTINUOUS = MetricKind.CONTINUOUS


def known(*variants):
    values = np.concatenate([np.array(each, dtype=float) for each in variants])
    return samples_of_values(
        values, np.repeat(np.arange(len(variants)), [len(each) for each in variants]), len(variants)
    )


def flags(found):
    return [each for each, mask in found.flags.items() if mask.any()]


def test_p_and_both_intervals_tell_one_story(compare):
    generator = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        samples = known(generator.gamma(1, 5, 12) + 3, generator.gamma(1, 5, 9) + generator.uniform(3, 12))
        found = compare(TEST, samples, kind=CONTINUOUS, resamples=999)
        significant = bool(found.p_value[0] < 0.05)
        assert (found.lower[0] > 0 or found.upper[0] < 0) == significant
        if np.isfinite(found.relative_lower[0]):
            assert (found.relative_lower[0] > 0 or found.relative_upper[0] < 0) == significant
        seen.add(significant)
    assert seen == {True, False}


def test_the_order_of_treatments_and_the_control_do_not_matter(compare):
    rows = [np.random.default_rng(each).normal(each, 1, 15) for each in range(3)]
    found = compare(TEST, known(*rows), kind=CONTINUOUS)
    moved = compare(TEST, known(rows[2], rows[0], rows[1]), kind=CONTINUOUS, control=1)
    np.testing.assert_array_equal(found.p_value[::-1], moved.p_value)
    np.testing.assert_allclose(found.lower[::-1], moved.lower)


def test_without_values_welch_answers_and_a_flag_says_so(compare):
    samples = compare.means((50, 1, 2), (60, 1.5, 2))
    found, welch = (compare(each, samples, kind=CONTINUOUS) for each in (TEST, WelchTTest()))
    assert flags(found) == [Flag.NO_VALUES]
    for name in ("p_value", "log10_p_value", "lower", "upper", "relative_lower", "relative_upper"):
        np.testing.assert_array_equal(getattr(found, name), getattr(welch, name))


def test_too_many_units_are_left_to_welch(compare):
    values = np.random.default_rng(2).normal(size=10_001)
    found = compare(TEST, samples_of_values(values, np.arange(10_001) % 2, 2), kind=CONTINUOUS)
    assert flags(found) == [Flag.NO_VALUES]


def test_one_side_may_be_asked_about(compare):
    samples = known(np.arange(8.0), np.arange(8.0) + 3)
    more, less = (
        compare(TEST, samples, kind=CONTINUOUS, alternative=each) for each in (Alternative.GREATER, Alternative.LESS)
    )
    assert more.p_value[0] < 0.05 < less.p_value[0]
    assert (more.upper[0], less.lower[0]) == (np.inf, -np.inf)


def test_so_few_splits_leave_the_interval_open(compare):
    found = compare(TEST, known([1, 2, 3], [7, 8, 9]), kind=CONTINUOUS)
    assert found.p_value[0] == pytest.approx(0.1)
    assert (found.lower[0], found.upper[0]) == (-np.inf, np.inf)
    assert not flags(found)


def test_values_that_tell_the_variants_apart_have_a_p_value_without_any_variance(compare):
    found = compare(TEST, known([0] * 6, [1] * 6), kind=CONTINUOUS)
    assert found.p_value[0] == pytest.approx(2 / 924)
    assert np.isnan([found.lower[0], found.upper[0]]).all()
    assert flags(found) == [Flag.NO_VARIANCE]


@pytest.mark.parametrize(("one", "two", "flag"), [([], [1, 2], Flag.NO_UNITS), ([1], [1, 2], Flag.TOO_FEW_UNITS)])
def test_what_cannot_be_judged_says_why(compare, one, two, flag):
    found = compare(TEST, known(one, two), kind=CONTINUOUS)
    assert np.isnan([found.p_value[0], found.lower[0], found.upper[0]]).all()
    assert flags(found) == [flag]
