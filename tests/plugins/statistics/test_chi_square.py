"""Pearson's chi-square test."""

import math

import numpy as np
import pytest

from omniforge_graph.plugin import Flag
from omniforge_statistics.chi_square import ChiSquareTest
from omniforge_statistics.z_test import TwoProportionZTest

TEST = ChiSquareTest()
SMOKERS = ((83, 86), (90, 93), (129, 136), (70, 82))


def test_the_omnibus_p_value_of_the_smokers(compare):
    # The example of R's prop.test prints p-value = 0.005585.
    assert compare(TEST, compare.rates(*SMOKERS)).omnibus_p_value == pytest.approx(0.005585, abs=5e-7)


def test_pairs_are_the_z_test_squared(compare):
    chi_square, z = (compare(test, compare.rates(*SMOKERS)) for test in (TEST, TwoProportionZTest()))
    np.testing.assert_allclose(chi_square.p_value, z.p_value, rtol=1e-12)
    np.testing.assert_array_equal(chi_square.lower, z.lower)


def test_two_variants_have_one_p_value(compare):
    found = compare(TEST, compare.rates((48, 80), (56, 70)))
    assert found.omnibus_p_value == pytest.approx(found.p_value[0], rel=1e-12)


def test_the_order_of_variants_does_not_matter(compare):
    forward, backward = (compare(TEST, compare.rates(*order)) for order in (SMOKERS, SMOKERS[::-1]))
    assert forward.omnibus_p_value == pytest.approx(float(backward.omnibus_p_value), rel=1e-12)


def test_an_empty_variant_leaves_the_others_comparable(compare):
    found = compare(TEST, compare.rates((10, 100), (0, 0), (30, 100)))
    assert found.flags[Flag.NO_UNITS].tolist() == [True, False]
    assert np.isnan(found.p_value).tolist() == [True, False]
    assert found.omnibus_p_value == pytest.approx(found.p_value[1], rel=1e-12)


def test_nothing_to_tell_apart(compare):
    found = compare(TEST, compare.rates((0, 100), (0, 100)))
    assert np.isnan(found.omnibus_p_value)
    assert found.flags[Flag.NO_VARIANCE].all()


def test_yates_correction_is_an_option(compare):
    found = compare(TEST, compare.rates((15, 100), (28, 100)), yates=True)
    assert found.p_value[0] == pytest.approx(0.03888156407321714, rel=1e-9)  # R: prop.test(c(15, 28), c(100, 100))
    assert found.omnibus_p_value == pytest.approx(found.p_value[0], rel=1e-12)


def test_small_pairs_are_judged_by_fishers_test_unless_told_otherwise(compare):
    sample = compare.rates((1, 20), (4, 20))
    exact, rough = compare(TEST, sample), compare(TEST, sample, small_counts="chi_square")
    four_or_five = (math.comb(20, 4) * 20 + math.comb(20, 5)) / math.comb(40, 5)
    assert exact.p_value[0] == pytest.approx(2 * four_or_five, rel=1e-12)
    assert rough.p_value[0] == pytest.approx(math.erfc(0.15 / math.sqrt(0.125 * 0.875 * 0.1 * 2)), rel=1e-9)
    assert exact.flags[Flag.SMALL_COUNTS].all()
    assert rough.flags[Flag.APPROXIMATE].all()
