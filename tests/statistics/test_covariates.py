"""CUPED."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.statistics.covariates import adjust, fill_missing, relative_gradient
from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.ratio import as_ratios
from omniforge_graph.statistics.relative import delta_error, fieller_interval
from omniforge_graph.statistics.welch import welch_t


def world(seed=0, units=400, covariates=1, variants=2, offset=0.0):
    generator = np.random.default_rng(seed)
    before = generator.normal(5, 2, (units, covariates))
    after = before @ np.arange(1, covariates + 1) + generator.normal(10, 1, units)
    return np.column_stack([after, before]) + offset, np.arange(units) % variants


def moments(*arguments, **options):
    rows, group = world(*arguments, **options)
    return Moments.of_values(rows, group, int(group.max()) + 1)


@pytest.mark.parametrize("covariates", [1, 2, 4])
def test_the_slopes_are_those_of_least_squares(covariates):
    rows, group = world(covariates=covariates)
    found = adjust(Moments.of_values(rows, group, 2))
    design = np.column_stack([np.ones(len(rows)), rows[:, 1:]])
    np.testing.assert_allclose(found.theta, np.linalg.lstsq(design, rows[:, 0])[0][1:], rtol=1e-9)


def test_adjusted_moments_are_those_of_adjusted_values():
    rows, group = world(covariates=2, variants=3)
    found = adjust(Moments.of_values(rows, group, 3))
    plain = mean_of(Moments.of_values(found.values(rows), group, 3))
    np.testing.assert_allclose(found.samples.mean, plain.mean, rtol=1e-13)
    np.testing.assert_allclose(found.samples.variance, plain.variance, rtol=1e-11)


def test_the_reduction_is_the_squared_correlation():
    rows, group = world(units=4000)
    found = adjust(Moments.of_values(rows, group, 2))
    rho = np.corrcoef(rows.T)[0, 1]
    assert found.variance_reduction()[0] == pytest.approx(rho**2, abs=0.01)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9])
def test_a_covariate_that_does_not_vary_changes_nothing_at_all(constant):
    rows, group = world()
    rows[:, 1] = constant
    found = adjust(Moments.of_values(rows, group, 2))
    plain = mean_of(Moments.of_values(rows[:, 0], group, 2))
    assert found.theta.tolist() == [0.0]
    for name in ("units", "mean", "variance", "skewness"):
        np.testing.assert_array_equal(getattr(found.samples, name), getattr(plain, name))
    assert found.variance_reduction()[0] == 0
    one, other = (fieller_interval(*each.split(0), 1.96) for each in (found.samples, plain))
    np.testing.assert_array_equal(one, other)


def test_a_covariate_that_follows_from_others_is_left_out():
    rows, group = world(covariates=2)
    spoilt = np.column_stack([rows, rows[:, 1] + 2 * rows[:, 2], np.full(len(rows), 7.0)])
    one, other = (adjust(Moments.of_values(each, group, 2)) for each in (rows, spoilt))
    assert other.theta[2:].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(other.samples.mean, one.samples.mean, rtol=1e-13)
    np.testing.assert_allclose(other.samples.variance, one.samples.variance, rtol=1e-12)


@settings(deadline=None)
@given(shift=st.floats(-1e3, 1e3), power=st.integers(-10, 10))
def test_the_covariates_unit_does_not_matter(shift, power):
    rows, group = world(units=60)
    moved = rows * [1, 2.0**power] + [0, shift]
    one, other = (adjust(Moments.of_values(each, group, 2)) for each in (rows, moved))
    np.testing.assert_allclose(one.samples.mean, other.samples.mean, rtol=1e-9)
    np.testing.assert_allclose(one.samples.variance, other.samples.variance, rtol=1e-6)


def test_slices_are_adjusted_each_by_itself():
    rows, group = world(covariates=2, units=600, variants=6)
    rows[group < 2, 2] = 3.0  # in the first slice the second covariate does not vary
    together = adjust(Moments.of_values(rows, group, (3, 2)))
    for place in range(3):
        chosen = group // 2 == place
        alone = adjust(Moments.of_values(rows[chosen], group[chosen] % 2, 2))
        np.testing.assert_allclose(together.theta[place], alone.theta, rtol=1e-12)
        np.testing.assert_allclose(together.samples.mean[place], alone.samples.mean, rtol=1e-13)
        np.testing.assert_allclose(together.samples.shared_variance[place], alone.samples.shared_variance, rtol=1e-12)


def test_a_value_that_the_covariate_foretells_has_no_variance_left():
    rows, group = world()
    rows[:, 0] = 3 * rows[:, 1] + group
    found = adjust(Moments.of_values(rows, group, 2))
    assert found.theta[0] != 0
    constant = np.column_stack([np.full(len(rows), 4.0), rows[:, 1]])
    assert adjust(Moments.of_values(constant, group, 2)).samples.variance.tolist() == [0, 0]


@pytest.mark.parametrize("units", [(0, 9), (1, 9), (9, 1), (0, 0)])
def test_poor_variants_stay_poor_without_a_warning(units):
    group = np.repeat([0, 1], units)
    rows = np.random.default_rng(1).normal(size=(len(group), 2))
    found = adjust(Moments.of_values(rows, group, 2))
    np.testing.assert_array_equal(np.isnan(found.samples.mean), np.array(units) == 0)
    np.testing.assert_array_equal(np.isnan(found.samples.variance), np.array(units) < 2)
    assert np.isnan(found.variance_reduction()).all()


def test_missing_covariates_take_the_mean_of_all_variants():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [5.0, np.nan]])
    assert fill_missing(values).tolist() == [[1, 0], [3, 0], [5, 0]]
    assert fill_missing(values, np.array([3.0, 1.0, 1.0]))[1, 0] == 2


def test_without_slopes_the_gradient_is_the_delta_method():
    rows, group = world()
    rows[:, 1] = 0
    found = adjust(Moments.of_values(rows, group, 2))
    for one, other in zip(relative_gradient(found), delta_error(*found.unadjusted.split(0)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_a_control_of_zero_has_no_relative_effect():
    found = adjust(Moments.of([50, 50], [[0.0, 1.0], [2.0, 1.0]], [np.eye(2)] * 2))
    assert np.isnan(relative_gradient(found)).all()


def test_intervals_cover_as_often_as_they_say_and_are_narrow():
    """With a correlation of .8 the difference and the relative effect, lift 0 and 30 %, 2,000 experiments each."""
    generator, trials, units = np.random.default_rng(11), 2000, 100
    before = generator.normal(0, 1, (trials, 2, units))
    noise = generator.normal(0, 0.6, (trials, 2, units))
    for lift in (0.0, 0.3):
        after = 0.8 * before + noise + np.array([10.0, 10.0 * (1 + lift)])[:, None]
        rows = np.stack([after, before], axis=-1).reshape(-1, 2)
        found = adjust(Moments.of_values(rows, np.repeat(np.arange(2 * trials), units), (trials, 2)))
        test = welch_t(*found.samples.split(0))
        plain = welch_t(*found.unadjusted.split(0))
        covered = np.mean((test.lower <= 10 * lift) & (10 * lift <= test.upper))
        _, lower, upper = fieller_interval(*found.samples.split(0), test.critical)
        relative = np.mean((lower <= lift) & (lift <= upper))
        allowed = 3.3 * np.sqrt(0.05 * 0.95 / trials)
        assert abs(covered - 0.95) < allowed
        assert abs(relative - 0.95) < allowed
        assert np.mean(test.error / plain.error) < 0.62


def test_a_ratio_is_adjusted_by_the_ratio_before():
    generator = np.random.default_rng(5)
    units, group = 2000, np.arange(2000) % 2
    rate = generator.beta(20, 30, units)
    columns = []
    for _ in range(2):
        requests = generator.poisson(30, units)
        columns += [generator.binomial(requests, rate), requests]
    found = adjust(
        as_ratios(Moments.of_values(np.column_stack(columns), group, 2), [(0, 1), (2, 3)]), equal_weights=True
    )
    assert 0.1 < found.variance_reduction()[0] < 0.5
    assert 0.2 < found.theta[0] < 0.8


def test_a_ratio_unknown_before_in_one_variant_is_no_covariate():
    rows = np.array([[1.0, 2, 0, 0], [2, 3, 0, 0], [1, 4, 1, 2], [3, 3, 2, 2]])
    found = adjust(as_ratios(Moments.of_values(rows, [0, 0, 1, 1], 2), [(0, 1), (2, 3)]), equal_weights=True)
    assert found.theta.tolist() == [0.0]
    np.testing.assert_array_equal(found.samples.mean, found.unadjusted.mean)
