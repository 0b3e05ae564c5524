"""Fisher's exact test as a plugin."""

import numpy as np
import pytest

from omniforge_graph.plugin import Alternative, Flag
from omniforge_statistics.fisher_exact import FisherExactTest
from omniforge_statistics.z_test import TwoProportionZTest

TEST = FisherExactTest()


def test_the_lady_tasting_tea(compare):
    found = compare(TEST, compare.rates((1, 4), (3, 4)), alternative=Alternative.GREATER)
    assert found.p_value[0] == pytest.approx(17 / 70, rel=1e-12)
    assert found.upper[0] == np.inf


def test_small_counts_are_nothing_to_warn_of(compare):
    found = compare(TEST, compare.rates((1, 20), (4, 20)))
    assert not any(mask.any() for mask in found.flags.values())
    assert found.p_value[0] == compare(TwoProportionZTest(), compare.rates((1, 20), (4, 20))).p_value[0]


def test_large_counts_come_near_the_normal_test_from_above(compare):
    sample = compare.rates((100_000, 10**6), (101_000, 10**6))
    exact, rough = (compare(test, sample).p_value[0] for test in (TEST, TwoProportionZTest()))
    assert rough < exact < rough * 1.02


def test_nothing_to_tell_apart_and_nobody_there(compare):
    assert compare(TEST, compare.rates((0, 9), (0, 8))).p_value[0] == 1
    empty = compare(TEST, compare.rates((0, 0), (1, 8)))
    assert np.isnan(empty.p_value[0])
    assert empty.flags[Flag.NO_UNITS].all()


def test_the_interval_is_an_option(compare):
    sample = compare.rates((48, 80), (56, 70))
    found = compare(TEST, sample, interval="miettinen_nurminen")
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [0.0528, 0.3382], atol=5.1e-5)
