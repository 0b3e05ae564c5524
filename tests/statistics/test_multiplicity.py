"""Adjusted p-values, as R's p.adjust gives them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from omniforge_graph.statistics.multiplicity import (
    ADJUSTMENTS,
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    hochberg,
    holm,
    hommel,
)

UNEVEN = (0.01, 0.1, 0.022, 0.04, 0.02)
P_VALUES = np.array([0.01, 0.02, 0.03, 0.04, 0.05])


@pytest.mark.parametrize(
    ("adjust", "expected"),
    [
        (bonferroni, [0.05, 0.10, 0.15, 0.20, 0.25]),
        (holm, [0.05, 0.08, 0.09, 0.09, 0.09]),
        (hochberg, [0.05, 0.05, 0.05, 0.05, 0.05]),
        (benjamini_hochberg, [0.05, 0.05, 0.05, 0.05, 0.05]),
        (benjamini_yekutieli, [137 / 1200] * 5),  # 0.05 (1 + 1/2 + 1/3 + 1/4 + 1/5)
    ],
)
def test_five_in_a_row(adjust, expected):
    np.testing.assert_allclose(adjust(P_VALUES), expected, rtol=1e-14)
    np.testing.assert_allclose(adjust(P_VALUES[::-1]), expected[::-1], rtol=1e-14)


def test_hommel_is_simes_test_of_every_set():
    closed = [
        max(
            min(len(chosen) * p / rank for rank, p in enumerate(sorted(chosen), 1))
            for size in range(5)
            for others in combinations([q for at, q in enumerate(UNEVEN) if at != place], size)
            for chosen in [(UNEVEN[place], *others)]
        )
        for place in range(5)
    ]
    np.testing.assert_allclose(hommel(np.array(UNEVEN)), closed, rtol=1e-14)


p_values = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 8)), elements=st.floats(0, 1))


@pytest.mark.parametrize("name", ADJUSTMENTS)
@given(p=p_values)
def test_adjusted_values_are_larger_keep_the_order_and_stay_probabilities(name, p):
    adjusted = ADJUSTMENTS[name](p)
    assert np.all((adjusted >= p) & (adjusted <= 1))
    order = np.argsort(p, axis=-1, kind="stable")
    assert np.all(np.diff(np.take_along_axis(adjusted, order, axis=-1), axis=-1) >= 0)


@given(p=p_values)
def test_procedures_are_ordered_by_how_strict_they_are(p):
    close = 1 + 1e-12
    assert np.all(benjamini_hochberg(p) <= hochberg(p) * close)
    assert np.all(hommel(p) <= hochberg(p) * close)
    assert np.all(hochberg(p) <= holm(p) * close)
    assert np.all(holm(p) <= bonferroni(p) * close)
    assert np.all(benjamini_hochberg(p) <= benjamini_yekutieli(p) * close)


@pytest.mark.parametrize("name", ADJUSTMENTS)
@given(p=p_values, mask=st.integers(0, 255))
def test_what_is_not_known_does_not_count(name, p, mask):
    gone = (mask >> np.arange(p.shape[-1])) & 1 == 1
    adjusted = ADJUSTMENTS[name](np.where(gone, np.nan, p))
    assert np.all(np.isnan(adjusted[..., gone]))
    np.testing.assert_array_equal(adjusted[..., ~gone], ADJUSTMENTS[name](p[..., ~gone]))


@pytest.mark.parametrize("name", ADJUSTMENTS)
@given(p=p_values)
def test_each_row_is_a_family_of_its_own(name, p):
    for row, adjusted in zip(p, ADJUSTMENTS[name](p), strict=True):
        np.testing.assert_array_equal(ADJUSTMENTS[name](row), adjusted)
