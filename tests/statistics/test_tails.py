"""p-values and their logarithms, far into the tails."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from omniforge_graph.statistics.tails import (
    chi_square_p_value,
    normal_p_value,
    normal_quantile,
    student_p_value,
    student_quantile,
)


def student(t, degrees):
    p, log10_p = student_p_value(np.array([t], dtype=float), np.array([degrees], dtype=float))
    return p[0], log10_p[0]


def test_a_single_statistic_keeps_its_digits_too():
    p, log10_p = student_p_value(np.array(60.0), np.array(1e4))
    assert (p.shape, log10_p.shape) == ((), ())
    assert log10_p == student(60.0, 1e4)[1] < -600


def test_normal_quantile_is_the_familiar_one():
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, rel=1e-15)


def test_student_quantile_of_few_degrees():
    # Tables of Student's t: 12.706 for one degree of freedom, 2.228 for ten.
    np.testing.assert_allclose(student_quantile(np.array([1.0, 10.0]), 0.95), [12.706204736, 2.228138852], rtol=1e-9)


@given(z=st.floats(-37, 37))
def test_normal_p_value_agrees_with_its_logarithm(z):
    p, log10_p = normal_p_value(np.array([z]))
    assert p[0] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)
    assert log10_p[0] == pytest.approx(np.log10(p[0]), rel=1e-12, abs=1e-15)


def test_normal_logarithm_outlives_the_p_value():
    p, log10_p = normal_p_value(np.array([100.0]))
    # Mills' ratio (Abramowitz & Stegun 26.2.12): Q(x) = phi(x) / x * (1 - 1/x^2 + 3/x^4 - ...)
    series = 1 - 1e-4 + 3e-8 - 15e-12
    expected = (np.log(2) - 100**2 / 2 - np.log(100 * np.sqrt(2 * np.pi)) + np.log(series)) / np.log(10)
    assert p[0] == 0
    assert log10_p[0] == pytest.approx(expected, rel=1e-12)


@given(t=st.floats(-30, 30), degrees=st.floats(1, 1e6))
def test_student_p_value_agrees_with_scipy(t, degrees):
    p, log10_p = student(t, degrees)
    assert p == pytest.approx(2 * stats.t.sf(abs(t), degrees), rel=1e-8)
    assert log10_p == pytest.approx(np.log10(p), rel=1e-12, abs=1e-15)


def test_student_logarithm_with_two_degrees_is_the_closed_form():
    # With two degrees of freedom p = 1 - t / sqrt(2 + t^2), which tends to 1 / t^2.
    assert student(1e147, 2)[1] == pytest.approx(-294, rel=1e-12)


@pytest.mark.parametrize("degrees", [50, 1e3, 1e5, 1e7])
def test_student_logarithm_continues_smoothly_where_p_underflows(degrees):
    # d/dt of ln p, from the density and the tail, integrated over a step across the underflow, must be the difference.
    t = np.linspace(1, 3, 4001) * np.sqrt(degrees * np.expm1(2 * 650 / degrees))
    logs = student_p_value(t, np.full_like(t, degrees))[1]
    steps = np.diff(logs)
    assert np.all(steps < 0)
    assert np.max(np.abs(np.diff(steps))) < 2 * np.max(np.abs(np.diff(steps[-100:]))) + 0.01


def test_student_with_many_degrees_is_normal_in_the_far_tail():
    normal = normal_p_value(np.array([60.0]))[1][0]
    assert student(60.0, 1e13)[1] == pytest.approx(normal, rel=1e-9)


@pytest.mark.parametrize("t", [1e160, 1e300, np.inf])
def test_an_absurd_statistic_has_a_tiny_p_value_and_no_nan(t):
    p, log10_p = student(t, 5)
    assert p == 0
    assert log10_p < -300


def test_nan_stays_nan():
    assert np.isnan(normal_p_value(np.array([np.nan]))).all()
    assert np.isnan(student(np.nan, 3)).all()
    assert np.isnan(student(1, np.nan)).all()


def test_chi_square_matches_its_tables():
    found = chi_square_p_value(np.array([3.841458820694124, 40.0, np.nan, 1.0]), np.array([1, 1, 1, 0]))
    np.testing.assert_allclose(found, [0.05, 2.539628589470865e-10, np.nan, np.nan], rtol=1e-12)


def test_plugin_authors_pay_for_scipy_only_when_they_compute():
    code = "import sys, omniforge_graph.plugin; print([m for m in sys.modules if m.startswith('scipy.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"scipy.special", "scipy.stats", "scipy.optimize"} & set(eval(loaded))
