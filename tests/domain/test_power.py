"""How many units are needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.domain.power import required_units
from omniforge_graph.statistics.power import units_for_means, units_for_proportions
from omniforge_graph.statistics.samples import SampleStatistics

RATE, COST = Metric("rate"), Metric("cost", MetricKind.CONTINUOUS)
LESS = Metric("errors", direction=Direction.LOWER_IS_BETTER)


def units_to_judge(metric, plan, baseline, deviation, treatments):
    """Return what is required after a thousand units a variant with this mean and spread."""
    size = 1 + treatments
    samples = SampleStatistics.of([1000] * size, [baseline] * size, [deviation**2] * size)
    return required_units(samples, metric, plan, 0)


def test_proportions_as_r_computes_them():
    # power.prop.test(p1 = .50, p2 = .75, power = .90) prints n = 76.7
    assert units_for_proportions(0.5, 0.75, 0.05, 0.9) == pytest.approx(76.7, abs=0.05)


def test_means_as_r_computes_them():
    # power.t.test(power = .90, delta = 1) prints n = 22.02110
    assert units_for_means(1, 1, 0.05, 0.9) == pytest.approx(22.0211, abs=1e-4)


@given(p=st.floats(0.001, 0.5), lift=st.floats(0.01, 0.9), power=st.floats(0.5, 0.99))
def test_proportions_are_symmetric_in_success_and_failure(p, lift, power):
    q = p * (1 + lift)
    here, there = units_for_proportions(p, q, 0.05, power), units_for_proportions(1 - p, 1 - q, 0.05, power)
    assert here == pytest.approx(there, rel=1e-9)
    assert here > units_for_proportions(p, q, 0.1, power)
    assert units_for_proportions(p, q, 0.05, 0.995) > here


@given(effect=st.floats(0.01, 3), power=st.floats(0.5, 0.99), ratio=st.floats(0.25, 4))
def test_the_planned_units_reach_the_power_and_no_more(effect, power, ratio):
    units = units_for_means(effect, 1, 0.05, power, ratio)
    if units == max(2.0, 2.0 / ratio):
        return

    def reached(n):
        degrees, shift = n * (1 + ratio) - 2, effect * np.sqrt(n * ratio / (1 + ratio))
        critical = stats.t.isf(0.025, degrees)
        return stats.nct.sf(critical, degrees, shift) + stats.nct.cdf(-critical, degrees, shift)

    assert reached(units) == pytest.approx(power, abs=1e-5)


def test_planned_units_find_the_effect_as_often_as_promised():
    generator, trials = np.random.default_rng(5), 20_000
    n = int(np.ceil(units_for_proportions(0.1, 0.12, 0.05, 0.8)))
    x, y = generator.binomial(n, 0.1, trials) / n, generator.binomial(n, 0.12, trials) / n
    pooled = (x + y) / 2
    found = np.mean(np.abs(y - x) / np.sqrt(2 * pooled * (1 - pooled) / n) > 1.959963984540054)
    assert abs(found - 0.8) < 3.3 * np.sqrt(0.8 * 0.2 / trials)


def test_large_means_continue_where_the_normal_takes_over():
    below, above = (units_for_means(size, 1, 0.05, 0.8) for size in (0.003963, 0.003962))
    assert below < 1e6 < above
    assert above / below == pytest.approx((0.003963 / 0.003962) ** 2, rel=2e-6)


@pytest.mark.parametrize("effect", [10, 1e6, 1e300])
def test_an_enormous_effect_needs_the_fewest_units(effect):
    assert units_for_means(effect, 1, 0.05, 0.8) == 2


@pytest.mark.parametrize("power", [1e-9, 0.01])
def test_no_power_needs_no_units(power):
    assert units_for_proportions(0.1, 0.2, 0.05, power) == 0
    assert units_for_means(1, 1, 0.05, power) == 2


# ---------------------------------------------------------------- by an analysis plan


def test_the_plan_decides_by_the_observed_baseline():
    plan = AnalysisPlan(minimum_effect=0.2)
    assert units_to_judge(RATE, plan, 0.1, 0.3, 1) == 3841  # ceil of 3840.85, from 10 % to 12 %
    assert units_to_judge(RATE, AnalysisPlan(minimum_effect=0.02, relative=False), 0.1, 0.3, 1) == 3841
    assert units_to_judge(COST, AnalysisPlan(minimum_effect=1, relative=False, power=0.9), 7, 1, 1) == 23


def test_more_treatments_need_more_units():
    plan = AnalysisPlan()
    assert units_to_judge(RATE, plan, 0.1, 0.3, 3) > units_to_judge(RATE, plan, 0.1, 0.3, 2) > 3841


def test_the_better_direction_is_looked_at():
    plan = AnalysisPlan(minimum_effect=0.2)
    assert units_to_judge(LESS, plan, 0.1, 0.3, 1) == 3213  # ceil of 3212.3, from 10 % to 8 %


def test_a_rate_without_room_above_looks_below():
    plan = AnalysisPlan(minimum_effect=0.2)
    assert units_to_judge(RATE, plan, 0.95, 0.2, 1) == units_to_judge(
        Metric("rate", direction=Direction.LOWER_IS_BETTER), plan, 0.95, 0.2, 1
    )


@pytest.mark.parametrize(
    ("metric", "baseline", "deviation"), [(RATE, 0, 0), (COST, 0, 1), (COST, 5, 0), (RATE, 1e-12, 1e-6)]
)
def test_what_cannot_be_planned_is_none(metric, baseline, deviation):
    assert units_to_judge(metric, AnalysisPlan(), baseline, deviation, 1) is None


@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-6])
@pytest.mark.parametrize("size", [1.0, 1e2, 1e4, 1e9])
def test_no_plan_takes_the_library_long(alpha, size, monkeypatch) -> None:
    """The non-central t is asked for moderate shifts only: far out it takes up to half a minute."""
    shifts = []
    nctdtr = special.nctdtr

    def watched(degrees, shift, critical):
        shifts.append(shift)
        return nctdtr(degrees, shift, critical)

    monkeypatch.setattr(special, "nctdtr", watched)
    assert units_for_means(size, 1.0, alpha, 0.8) >= 2
    assert all(shift <= 100 for shift in shifts)
