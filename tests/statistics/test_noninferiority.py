"""Non-inferiority: the bound and the p-value agree, both directions mirror each other, the level holds."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.noninferiority import constrained_ratio, non_inferiority
from omniforge_graph.statistics.samples import SampleStatistics


def rate(conversions, units):
    return SampleStatistics.of_rates(np.atleast_1d(conversions), np.atleast_1d(units))


def sample(units, mean, variance):
    return SampleStatistics.of([units], [mean], [variance])


CONTROL, TREATMENT = sample(5000, 20.0, 100.0), sample(5000, 19.95, 102.0)


def test_means_by_hand():
    found = non_inferiority(CONTROL, TREATMENT, 0.4)
    error = np.sqrt(202 / 5000)
    assert found.estimate == pytest.approx(-0.05, rel=1e-12)
    assert found.statistic == pytest.approx(0.35 / error, rel=1e-12)
    assert found.bound == pytest.approx(-0.05 - 1.6448536269514722 * error, rel=1e-12)
    assert found.p_value == pytest.approx(stats.norm.sf(0.35 / error), rel=1e-12)


def test_a_relative_margin_moves_with_the_control():
    found = non_inferiority(CONTROL, TREATMENT, 0.02, relative=True)
    error = np.sqrt((102 + 0.98**2 * 100) / 5000)
    assert found.statistic == pytest.approx((19.95 - 0.98 * 20) / error, rel=1e-12)
    worse = non_inferiority(CONTROL, TREATMENT, 0.02, relative=True, higher_is_better=False)
    error = np.sqrt((102 + 1.02**2 * 100) / 5000)
    assert worse.statistic == pytest.approx((1.02 * 20 - 19.95) / error, rel=1e-12)


def test_a_negative_control_keeps_the_direction():
    here = non_inferiority(CONTROL, TREATMENT, 0.02, relative=True)
    control, treatment = (SampleStatistics(each.units, -each.mean, each.variance) for each in (CONTROL, TREATMENT))
    there = non_inferiority(control, treatment, 0.02, relative=True, higher_is_better=False)
    assert there.p_value == here.p_value
    assert there.bound == -here.bound


def test_what_the_means_share_counts_where_the_margin_is_relative():
    shared = np.array([0.01])
    control, treatment = (
        SampleStatistics(each.units, each.mean, each.variance, shared_variance=shared) for each in (CONTROL, TREATMENT)
    )
    absolute = non_inferiority(control, treatment, 0.4)
    assert absolute.p_value == non_inferiority(CONTROL, TREATMENT, 0.4).p_value
    relative = non_inferiority(control, treatment, 0.02, relative=True)
    error = np.sqrt((102 + 0.98**2 * 100) / 5000 + 0.02**2 * 0.01)
    assert relative.statistic == pytest.approx((19.95 - 0.98 * 20) / error, rel=1e-12)


rates = st.tuples(st.integers(1, 2000), st.floats(0, 1)).map(lambda each: (round(each[0] * each[1]), each[0]))


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("higher", [False, True])
@pytest.mark.parametrize("score", [False, True])
@given(first=rates, second=rates, margin=st.floats(0.01, 0.5), alpha=st.floats(0.001, 0.5))
def test_the_bound_excludes_the_margin_exactly_when_the_test_decides(
    first, second, margin, alpha, relative, higher, score
):
    control, treatment = rate(*first), rate(*second)
    options = {"relative": relative, "higher_is_better": higher, "rates": True, "score": score, "alpha": alpha}
    found = non_inferiority(control, treatment, margin, **options)
    assume(np.isfinite(found.bound[0]) and abs(found.p_value[0] - alpha) > 1e-9)
    edge = margin * (control.mean[0] if relative else 1.0)
    passed = found.bound[0] > -edge if higher else found.bound[0] < edge
    assert passed == (found.p_value[0] < alpha)


@given(first=rates, second=rates, margin=st.floats(0.01, 0.5))
def test_failures_that_must_not_rise_are_successes_that_must_not_fall(first, second, margin):
    up = non_inferiority(rate(*first), rate(*second), margin, rates=True)
    flipped = [(units - conversions, units) for conversions, units in (first, second)]
    down = non_inferiority(rate(*flipped[0]), rate(*flipped[1]), margin, rates=True, higher_is_better=False)
    np.testing.assert_allclose(down.statistic, up.statistic, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(down.bound, -up.bound, atol=1e-9)


@given(first=rates, second=rates, ratio=st.floats(0.3, 3))
def test_the_constrained_rates_are_the_likeliest(first, second, ratio):
    (x, n), (y, m) = first, second
    assume(0 < x + y < n + m)
    found = float(constrained_ratio(*map(np.asarray, (x, n, y, m, ratio))))

    def unlikelihood(p):
        parts = [(x, p), (n - x, 1 - p), (y, ratio * p), (m - y, 1 - ratio * p)]
        return -sum(count * np.log(max(chance, 1e-300)) for count, chance in parts if count)

    best = optimize.minimize_scalar(unlikelihood, bounds=(0, min(1, 1 / ratio)), method="bounded").fun
    assert unlikelihood(found) <= best + 1e-6 * (1 + abs(best))


def test_the_level_holds_at_the_margin():
    generator, trials = np.random.default_rng(3), 20_000
    control, treatment = (
        SampleStatistics.of_rates(generator.binomial(400, p, (trials, 1)), np.full((trials, 1), 400))
        for p in (0.3, 0.22)
    )
    for margin, relative in ((0.08, False), (0.08 / 0.3, True)):
        found = non_inferiority(control, treatment, margin, relative=relative, rates=True)
        assert np.mean(found.p_value < 0.05) == pytest.approx(0.05, abs=3.3 * np.sqrt(0.05 * 0.95 / trials) + 0.002)


def test_slices_and_treatments_are_compared_at_once():
    control = SampleStatistics.of_rates([[50], [70]], [[500], [700]])
    treatment = SampleStatistics.of_rates([[40, 60], [70, 80]], [[500, 510], [700, 690]])
    found = non_inferiority(control, treatment, 0.05, rates=True)
    for row in range(2):
        for column in range(2):
            alone = non_inferiority(
                rate(control.conversions[row, 0], control.units[row, 0]),
                rate(treatment.conversions[row, column], treatment.units[row, column]),
                0.05,
                rates=True,
            )
            assert found.bound[row, column] == pytest.approx(alone.bound[0], abs=1e-12)
            assert found.p_value[row, column] == pytest.approx(alone.p_value[0], rel=1e-12)


@pytest.mark.parametrize("rates_", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_poor_data_give_nan_and_nothing_worse(rates_, relative):
    control = SampleStatistics.of_rates([0, 0, 10, 1], [0, 10, 10, 1])
    treatment = SampleStatistics.of_rates([1, 0, 10, 0], [5, 10, 10, 0])
    found = non_inferiority(control, treatment, 0.1, rates=rates_, relative=relative)
    assert np.isnan(found.p_value[[0, 3]]).all()
    assert not np.isinf(found.bound).any()
    np.testing.assert_array_equal(np.isnan(found.p_value), np.isnan(found.statistic))


def test_a_margin_that_no_rates_reach_is_kept():
    found = non_inferiority(rate(50, 100), rate(5, 100), 1.5, rates=True)
    assert found.p_value < 1e-10


def test_far_tails_keep_their_logarithm():
    found = non_inferiority(sample(10**9, 0, 1), sample(10**9, 0, 1), 1)
    assert found.p_value == 0
    assert -1.1e8 < found.log10_p_value < -1.0e8


@pytest.mark.parametrize(
    ("options", "field"),
    [({"margin": 0}, "margin"), ({"margin": 1, "relative": True}, "margin"), ({"alpha": 0}, "alpha")],
)
def test_what_is_out_of_range_is_refused(options, field):
    with pytest.raises(ValidationError, match=field):
        non_inferiority(CONTROL, TREATMENT, **{"margin": 0.1} | options)
