"""Sample size, power and detectable effect: published values, and one relation seen from three sides."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.always_valid_design import always_valid_power, always_valid_size
from omniforge_graph.statistics.detectable import detectable_in_means, detectable_in_proportions
from omniforge_graph.statistics.deviation import (
    lognormal_density_at,
    normal_density_at,
    quantile_deviation,
    ratio_deviation,
)
from omniforge_graph.statistics.noninferiority_size import (
    mean_separation,
    rate_separation,
    units_for_non_inferior_means,
)
from omniforge_graph.statistics.power import (
    power_for_means,
    power_for_proportions,
    quantile_sum,
    units_by_baseline_variance,
    units_for_means,
    units_for_proportions,
)

sides, ratios = st.sampled_from([1, 2]), st.floats(0.2, 5)


def test_power_as_r_computes_it():
    # power.prop.test(n = 50, p1 = .50, p2 = .75) prints power = 0.740; power.t.test(n = 20, delta = 1) 0.8689528
    assert power_for_proportions(50, 0.5, 0.75, 0.05) == pytest.approx(0.740, abs=5e-4)
    assert power_for_means(20, 1, 1, 0.05) == pytest.approx(0.8689528, abs=2e-6)


def test_a_large_effect_is_found_for_certain():
    # The library's non-central t gives NaN for what is all but impossible here: significance in the wrong direction.
    assert power_for_means(100, 1.5, 1, 0.05, 1.44) == pytest.approx(1)
    assert power_for_means(198, 0.8, 1, 0.01, 127 / 198) == pytest.approx(0.9999951722324878, rel=1e-12)


def test_evan_miller_s_default():
    assert round(units_by_baseline_variance(0.2, 0.25, 0.05, 0.8)) == 1030


def test_without_an_effect_no_units_suffice():
    assert units_by_baseline_variance(0.2, 0.2, 0.05, 0.8) == math.inf
    assert units_for_proportions(0.2, 0.2, 0.05, 0.8) == math.inf
    assert units_for_means(0, 1, 0.05, 0.8) == math.inf


@given(st.floats(0.01, 0.6), st.floats(0.01, 0.3), st.floats(0.5, 0.99), ratios, sides)
def test_rates_from_three_sides(p, change, power, ratio, sides):
    units = units_for_proportions(p, p + change, 0.05, power, ratio, sides)
    reached = power_for_proportions(units, p, p + change, 0.05, ratio, sides)
    # The wrong direction, which counts for power alone, adds less than alpha / 2.
    assert power * (1 - 1e-9) <= reached <= power + (0.025 if sides == 2 else 1e-9)
    assert detectable_in_proportions(p, units, 0.05, power, ratio, sides) == pytest.approx(change, rel=1e-8)
    down = units_for_proportions(p + change, p, 0.05, power, ratio, sides)
    found = detectable_in_proportions(p + change, down, 0.05, power, ratio, sides, decrease=True)
    assert found == pytest.approx(-change, rel=1e-8)


@given(st.floats(0.05, 2), st.floats(0.3, 0.99), ratios, sides)
@settings(deadline=None)
def test_means_from_three_sides(effect, power, ratio, sides):
    units = units_for_means(effect, 3.0, 0.05, power, ratio, sides)
    assert power_for_means(units, effect, 3.0, 0.05, ratio, sides) == pytest.approx(power, abs=1e-7)
    assert detectable_in_means(3.0, units, 0.05, power, ratio, sides) == pytest.approx(effect, rel=1e-6)


@given(st.floats(0.1, 3), st.floats(0.3, 0.99), ratios)
def test_sides_and_sizes_swap(effect, power, ratio):
    here = units_for_means(effect, 1.0, 0.05, power, ratio)
    there = units_for_means(-effect, 1.0, 0.05, power, 1 / ratio)
    if min(here, here * ratio) > 2.001:
        assert there == pytest.approx(here * ratio, rel=1e-7)


def test_large_means_go_on_where_the_normal_takes_over():
    below, above = (power_for_means(units, 0.004, 1, 0.05) for units in (1e6, 1e6 + 1))
    assert above == pytest.approx(below, abs=2e-6)
    assert detectable_in_means(1, 1e6, 0.05, 0.8) == pytest.approx(detectable_in_means(1, 1e6 + 1, 0.05, 0.8), rel=1e-5)


def test_too_few_units_find_nothing():
    assert power_for_means(1, 5, 1, 0.05) == 0
    assert math.isnan(detectable_in_means(1, 1, 0.05, 0.8))
    assert math.isnan(detectable_in_proportions(0.99, 10, 0.05, 0.8))
    assert math.isnan(detectable_in_proportions(1.0, 10, 0.05, 0.8))


def test_certain_rates():
    assert power_for_proportions(100, 0, 0, 0.05) == 0
    assert power_for_proportions(100, 0, 1, 0.05) == 1
    assert power_for_proportions(1, 0, 1, 0.05) == 0


@given(st.floats(0.02, 0.5), ratios)
def test_power_below_alpha_needs_no_effect(p, ratio):
    assert detectable_in_proportions(p, 1000, 0.05, 0.001, ratio) == pytest.approx(0, abs=1e-12)
    assert detectable_in_means(1, 1000, 0.05, 0.001, ratio) == 0


# ---------------------------------------------------------------- deviations


def test_a_ratio_s_deviation_is_that_of_its_linearised_value():
    generator = np.random.default_rng(1)
    denominator = generator.gamma(4, 1, 400_000)
    numerator = 2 * denominator + generator.normal(0, 1.5, denominator.size)
    ratio, mean = numerator.mean() / denominator.mean(), denominator.mean()
    expected = np.std((numerator - ratio * denominator) / mean)
    correlation = np.corrcoef(numerator, denominator)[0, 1]
    assert ratio_deviation(ratio, mean, numerator.std(), denominator.std(), correlation) == pytest.approx(expected)


def test_a_constant_denominator_leaves_the_mean():
    assert ratio_deviation(7, -2, 3, 0, 0) == 1.5


def test_densities_are_those_of_the_distributions():
    assert normal_density_at(0.9, 3) == pytest.approx(stats.norm.pdf(stats.norm.ppf(0.9) * 3, scale=3), rel=1e-12)
    log = stats.lognorm(0.6, scale=math.exp(2))
    assert lognormal_density_at(0.9, log.ppf(0.9), 0.6) == pytest.approx(log.pdf(log.ppf(0.9)), rel=1e-12)


def test_a_quantile_s_deviation_foretells_its_spread():
    generator, n, trials = np.random.default_rng(7), 400, 4000
    spread = np.quantile(generator.normal(0, 3, (trials, n)), 0.75, axis=1).std()
    expected = quantile_deviation(0.75, normal_density_at(0.75, 3)) / math.sqrt(n)
    assert spread == pytest.approx(expected, rel=4 / math.sqrt(2 * trials) + 0.01)


# ---------------------------------------------------------------- non-inferiority


def test_non_inferior_means_as_the_formula_has_it():
    # The square of 1.959964 + 0.8416212, times 2, over the square of 0.1.
    assert units_for_non_inferior_means(0.1, 0, 1, 0.025, 0.8) == pytest.approx(1569.776, abs=1e-3)
    assert units_for_non_inferior_means(0.1, -0.1, 1, 0.025, 0.8) == math.inf


@given(st.floats(0.01, 0.3), st.floats(-0.005, 0.1), st.floats(0.1, 0.99), ratios, st.floats(0.7, 1.3))
def test_margins_from_both_sides(margin, change, power, ratio, factor):
    means = mean_separation(margin, change, 2.0, ratio, factor)
    assert means.power(means.units(0.025, power), 0.025) == pytest.approx(power, abs=1e-9)


@given(st.floats(0.35, 0.6), st.floats(0.02, 0.3), st.booleans(), st.booleans(), ratios)
def test_margins_of_rates_from_both_sides(p, margin, relative, higher, ratio):
    separation = rate_separation(p, p, margin, relative=relative, higher_is_better=higher, ratio=ratio)
    assert separation.distance == pytest.approx(margin * (p if relative else 1), rel=1e-9)
    assert separation.power(separation.units(0.05, 0.8), 0.05) == pytest.approx(0.8, abs=1e-9)
    mirrored = rate_separation(1 - p, 1 - p, margin, higher_is_better=not higher, ratio=ratio)
    if not relative:
        assert mirrored.at_margin == pytest.approx(separation.at_margin, rel=1e-6)


def test_planned_units_show_non_inferiority_as_often_as_promised():
    from omniforge_graph.statistics.noninferiority import non_inferiority
    from omniforge_graph.statistics.samples import SampleStatistics

    generator, trials = np.random.default_rng(11), 20_000
    n = math.ceil(rate_separation(0.2, 0.19, 0.05).units(0.05, 0.8))
    first, second = (
        SampleStatistics.of_rates(generator.binomial(n, p, (trials, 1)), np.full((trials, 1), n)) for p in (0.2, 0.19)
    )
    shown = np.mean(non_inferiority(first, second, 0.05, rates=True).p_value < 0.05)
    assert shown == pytest.approx(0.8, abs=3.3 * math.sqrt(0.16 / trials) + 0.003)


# ---------------------------------------------------------------- always valid


def test_always_valid_power_by_simulation():
    generator, looks, trials = np.random.default_rng(2), 10, 40_000
    drift = quantile_sum(0.05, 0.8)
    steps = generator.normal(drift / looks, math.sqrt(1 / looks), (trials, looks))
    t = np.arange(1, looks + 1) / looks
    z = np.cumsum(steps, axis=1) / np.sqrt(t)
    from omniforge_graph.statistics.always_valid import always_valid_critical

    found = np.mean(np.any(z > always_valid_critical(t, 1.0, 0.05), axis=1))
    expected = always_valid_power(drift, 1.0, 0.05, looks=looks)
    assert expected == pytest.approx(0.476, abs=0.005)
    assert found == pytest.approx(expected, abs=3.3 * math.sqrt(0.25 / trials))


def test_the_inflation_gives_the_power_back():
    size = always_valid_size(0.05, 0.9, looks=10)
    fixed = quantile_sum(0.05, 0.9)
    assert always_valid_power(fixed, size.inflation, 0.05, looks=10) == pytest.approx(0.9, abs=1e-5)
    assert size.drift == pytest.approx(fixed * math.sqrt(size.inflation), rel=1e-9)
    assert size.expected_with_effect < size.expected_without_effect < size.inflation


def test_one_look_that_is_always_valid_costs_most():
    few, many = (always_valid_size(0.05, 0.8, looks=looks).inflation for looks in (1, 40))
    critical = few**0.5  # one look at inflation I: drift sqrt(I) - critical(I) = z_power
    assert few > many > 1
    assert critical == pytest.approx(math.sqrt(few))


@pytest.mark.parametrize(("alpha", "power", "field"), [(0.05, 0.04, "power"), (0.05, 1, "power"), (0, 0.8, "alpha")])
def test_a_design_that_cannot_be_is_refused(alpha, power, field):
    with pytest.raises(ValidationError, match=field):
        always_valid_size(alpha, power)


def test_quantile_sum_is_the_standard_drift():
    assert quantile_sum(0.05, 0.8) == pytest.approx(2.801585, abs=1e-6)
    assert quantile_sum(0.025, 0.8, 1) == quantile_sum(0.05, 0.8)


def test_the_density_is_normalised():
    whole, _ = integrate.quad(lambda q: 1 / normal_density_at(q, 1), 0.1, 0.9)
    assert whole == pytest.approx(2 * stats.norm.ppf(0.9), rel=1e-9)
