"""How fast a level is spent."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.spending import Spending, SpendingKind

SPENDINGS = st.one_of(
    st.sampled_from([Spending(), Spending(SpendingKind.POCOCK)]),
    st.floats(0.1, 10).map(lambda rho: Spending(SpendingKind.KIM_DEMETS, rho)),
    st.floats(-10, 10).map(lambda gamma: Spending(SpendingKind.HWANG_SHIH_DECANI, gamma)),
)


@given(spending=SPENDINGS, alpha=st.floats(1e-6, 0.9), fractions=st.lists(st.floats(0.001, 1.5), min_size=2))
def test_spending_rises_from_nothing_to_all_of_it(spending, alpha, fractions):
    spent = spending.spent(np.array(sorted(fractions)), alpha)
    assert np.all(np.diff(spent) >= -1e-15)
    assert spending.spent(0.0, alpha) == 0
    np.testing.assert_allclose(spending.spent([1.0, 1.2], alpha), alpha, rtol=1e-12)


@given(spending=SPENDINGS, fraction=st.floats(0.05, 1), alpha=st.floats(1e-6, 0.4))
def test_a_larger_level_spends_more(spending, fraction, alpha):
    assert spending.spent(fraction, 2 * alpha) > spending.spent(fraction, alpha)


@given(spending=SPENDINGS, fraction=st.floats(0.001, 1))
@example(spending=Spending(SpendingKind.HWANG_SHIH_DECANI, 5e-324), fraction=0.5)
def test_logarithms_outlive_the_numbers(spending, fraction):
    found = spending.log_spent(fraction, -1e4)
    assert np.isfinite(found)
    assert found <= -1e4 + 1e-8


def test_formulas_of_the_papers():
    t = np.array([0.2, 0.5, 0.9])
    np.testing.assert_allclose(
        Spending().spent(t, 0.025), 2 - 2 * special.ndtr(special.ndtri(1 - 0.0125) / np.sqrt(t)), rtol=1e-8
    )
    np.testing.assert_allclose(
        Spending(SpendingKind.POCOCK).spent(t, 0.05), 0.05 * np.log(1 + (np.e - 1) * t), rtol=1e-14
    )
    np.testing.assert_allclose(Spending(SpendingKind.KIM_DEMETS, 3.0).spent(t, 0.05), 0.05 * t**3, rtol=1e-14)
    np.testing.assert_allclose(
        Spending(SpendingKind.HWANG_SHIH_DECANI, -4.0).spent(t, 0.05),
        0.05 * (1 - np.exp(4 * t)) / (1 - np.exp(4)),
        rtol=1e-14,
    )


def test_gamma_of_nothing_is_linear():
    t = np.array([0.25, 0.75])
    np.testing.assert_allclose(Spending(SpendingKind.HWANG_SHIH_DECANI, 0.0).spent(t, 0.05), 0.05 * t, rtol=1e-14)
    np.testing.assert_allclose(Spending(SpendingKind.HWANG_SHIH_DECANI, 1e-9).spent(t, 0.05), 0.05 * t, rtol=1e-8)


def test_usual_parameters():
    assert Spending(SpendingKind.KIM_DEMETS) == Spending(SpendingKind.KIM_DEMETS, 2)
    assert Spending(SpendingKind.HWANG_SHIH_DECANI).parameter == -4
    assert Spending().parameter is None


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        (SpendingKind.OBRIEN_FLEMING, 1.0),
        (SpendingKind.POCOCK, 0.0),
        (SpendingKind.KIM_DEMETS, 0.0),
        (SpendingKind.KIM_DEMETS, 51.0),
        (SpendingKind.KIM_DEMETS, float("nan")),
        (SpendingKind.HWANG_SHIH_DECANI, 41.0),
        (SpendingKind.HWANG_SHIH_DECANI, float("nan")),
    ],
)
def test_parameters_out_of_range_are_refused(kind, parameter):
    with pytest.raises(ValidationError, match="parameter") as refused:
        Spending(kind, parameter)
    assert refused.value.path == ("parameter",)
