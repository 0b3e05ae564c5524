"""Tests that hold at every moment."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.always_valid import (
    always_valid_critical,
    always_valid_log10_p,
    always_valid_nominal_alpha,
    always_valid_p_value,
    log_mixture,
    mixture_boundary,
    mixture_rho,
    mixture_sprt,
    regression_critical,
    regression_p_value,
)

UNITS = st.integers(10, 10**9)
LEVELS = st.floats(1e-6, 0.5)


def test_critical_value_is_the_published_one():
    # GrowthBook's documented sequential test: 6,461 units, tuned to 1,000, effect .50336, interval -.55844 to 1.56516.
    half = (1.56516 + 0.55844) / 2
    assert always_valid_critical(6461, 1000, 0.05) * 0.33341221 == pytest.approx(half, abs=1e-5)


@given(units=UNITS, tuned=UNITS, alpha=LEVELS)
def test_p_value_is_the_level_where_z_is_critical(units, tuned, alpha):
    critical = always_valid_critical(units, tuned, alpha)
    p_value, log10_p = always_valid_p_value(critical, units, tuned, alpha)
    assert p_value == pytest.approx(alpha, rel=1e-9)
    assert log10_p == pytest.approx(math.log10(alpha), rel=1e-9)
    assert always_valid_p_value(1.001 * critical, units, tuned, alpha)[0] < alpha


@given(units=UNITS, tuned=UNITS, alpha=LEVELS)
def test_an_ordinary_test_at_the_nominal_level_decides_the_same(units, tuned, alpha):
    nominal = always_valid_nominal_alpha(units, tuned, alpha)
    assert 0 <= nominal < alpha
    if nominal > 1e-300:
        assert always_valid_log10_p(math.log10(nominal), units, tuned, alpha) == pytest.approx(
            math.log10(alpha), rel=1e-9
        )


def test_intervals_are_tightest_near_the_tuned_units():
    units = np.geomspace(100, 1e8, 200)
    width = always_valid_critical(units, 10_000, 0.05)
    assert units[np.argmin(width)] == pytest.approx(10_000, rel=0.1)
    # What always being valid costs at the tuned units and a tenth of them, against one look.
    assert width.min() / special.ndtri(0.975) == pytest.approx(1.55, abs=0.005)
    assert always_valid_critical(1000, 10_000, 0.05) / special.ndtri(0.975) == pytest.approx(1.97, abs=0.005)


def test_digits_outlive_the_p_value():
    p_value, log10_p = always_valid_p_value(60.0, 10_000, 10_000, 0.05)
    assert p_value == 0
    r = 1 / mixture_rho(10_000, 0.05)
    share = 10_000 * r / (10_000 * r + 1)
    expected = (0.5 * math.log(10_000 * r + 1) - share * 60**2 / 2) / math.log(10)
    assert log10_p == pytest.approx(expected, rel=1e-12)
    assert expected < -600


def test_what_is_not_computable_stays_so():
    assert np.isnan(always_valid_p_value(math.nan, 1000, 1000, 0.05)[0])
    np.testing.assert_array_equal(
        np.isnan(always_valid_log10_p([math.nan, 0.0, -math.inf], 1000, 1000, 0.05)), [True, False, False]
    )


def test_levels_out_of_range_are_refused():
    with pytest.raises(ValidationError, match="alpha"):
        always_valid_critical(1000, 1000, 1.0)


@pytest.mark.parametrize("tuned", [500, 5000, 40_000])
def test_a_hundred_looks_reject_less_often_than_the_level(tuned):
    sims, looks, units = 10_000, 100, 20_000
    z = np.random.default_rng(tuned).standard_normal((sims, looks)).cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1))
    rejected = np.any(np.abs(z) >= always_valid_critical(np.arange(1, looks + 1) * units / looks, tuned, 0.05), axis=1)
    assert 0 < rejected.mean() <= 0.05


@settings(deadline=None)
@given(v=st.floats(0.1, 1e6), rho=st.floats(0.1, 1e6), alpha=LEVELS, one_sided=st.booleans())
def test_boundary_is_where_the_martingale_reaches_one_over_alpha(v, rho, alpha, one_sided):
    boundary = mixture_boundary(v, alpha, rho, one_sided=one_sided)
    assert log_mixture(boundary, v, rho, one_sided=one_sided) == pytest.approx(-math.log(alpha), rel=1e-8)
    assert mixture_boundary(v, alpha, rho, one_sided=True) <= mixture_boundary(v, alpha, rho)


def test_one_sided_martingale_mixes_over_one_side():
    # By definition: the likelihood ratio exp(ls - l^2 v / 2) mixed over the half-normal density of variance 1 / rho.
    s, v, rho = 7.0, 20.0, 5.0
    effects = np.linspace(0, 10, 400_001)
    density = 2 * np.sqrt(rho / (2 * np.pi)) * np.exp(-rho * effects**2 / 2)
    mixed = np.trapezoid(np.exp(effects * s - effects**2 * v / 2) * density, effects)
    assert log_mixture(s, v, rho, one_sided=True) == pytest.approx(math.log(mixed), rel=1e-9)


def test_sprt_is_the_published_formula():
    generator = np.random.default_rng(3)
    x, y = generator.normal(0, 1, 50), generator.normal(0.6, 1, 50)
    log_ratio, p_value = mixture_sprt(x, y, 2.0, 0.5, 0.1)
    n = np.arange(1, 51)
    gap = np.cumsum(y - x) / n - 0.1
    # Johari, Pekelis & Walsh (2017), equation 4 of the two-sample case with variance 1 in each.
    expected = np.sqrt(2 / (2 + n * 0.25)) * np.exp(n**2 * 0.25 * gap**2 / (4 * (2 + n * 0.25)))
    np.testing.assert_allclose(np.exp(log_ratio), expected, rtol=1e-12)
    np.testing.assert_allclose(p_value, np.minimum.accumulate(np.minimum(1, 1 / expected)), rtol=1e-12)


def test_sprt_says_nothing_without_variance():
    log_ratio, p_value = mixture_sprt([0, 0, 0], [0, 0, 1], [0.0, 0.0, 0.2], 0.5)
    np.testing.assert_array_equal(log_ratio[:2], 0)
    np.testing.assert_array_equal(p_value[:2], 1)
    assert np.isfinite(log_ratio[2])


@given(alpha=st.floats(0.001, 0.3), units=st.integers(30, 10**6), precision=st.floats(0.5, 100))
def test_regression_p_value_is_the_level_where_t_is_critical(alpha, units, precision):
    critical = regression_critical(alpha, units - 2, units, precision)
    if math.isfinite(critical):
        assert regression_p_value(critical, units - 2, units, precision) == pytest.approx(alpha, rel=1e-6)
    else:
        assert regression_p_value(1e6, units - 2, units, precision) > alpha


def test_few_units_leave_the_regression_interval_without_bounds():
    assert regression_critical(0.05, 1, 3, 1.0) == math.inf
