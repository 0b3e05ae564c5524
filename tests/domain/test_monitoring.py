"""Where an experiment stands when somebody looks."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.domain.analysis import Effect
from omniforge_graph.domain.look import Look, LookedAt, best_before
from omniforge_graph.domain.monitoring import Arrivals, fewest_units, standing
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring

OPEN, PLANNED = AnalysisPlan(), AnalysisPlan(horizon=10_000)
FIXED = AnalysisPlan(monitoring=Monitoring.FIXED)


def look(number, *units, seen=(), tuned=4000):
    return Look("e", number, datetime(2026, 1, number, tzinfo=UTC), units, tuned, seen)


def stand(plan, looks, *units, required=2000, ending=False):
    return standing(plan, plan.looks_allowed, looks, Arrivals.of(units, required), ending=ending)


def test_a_fixed_plan_judges_at_its_own_error_rate_and_only_at_the_end():
    early, late = stand(FIXED, [], 1000, 3000), stand(FIXED, [], 2000, 2000)
    assert (early.nominal_alpha(0.05), late.nominal_alpha(0.05)) == (0.05, 0.05)
    assert (early.complete, late.complete) == (False, True)
    assert early.missing_units == 2000  # at equal shares, until the variant that lacks 1,000 has them


def test_looks_spend_the_error_rate_and_the_last_one_spends_all():
    looks, nominal, spent = [], [], []
    for number in range(1, 11):
        now = stand(PLANNED, looks, 500 * number, 500 * number)
        assert now.counts
        nominal.append(now.nominal_alpha(0.05))
        spent.append(now.spent_alpha())
        looks.append(look(number, 500 * number, 500 * number))
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(0.05, rel=1e-9)
    assert nominal == sorted(nominal)
    assert nominal[-1] < 0.05  # the price of nine looks before


def test_one_look_at_the_horizon_costs_nothing():
    assert stand(PLANNED, [], 5000, 5000).nominal_alpha(0.05) == pytest.approx(0.05, rel=1e-9)


def test_a_look_soon_after_another_does_not_count_but_the_last_one_does():
    before = [look(1, 1000, 1000)]
    assert not stand(PLANNED, before, 1010, 1010).counts
    assert stand(PLANNED, before, 1010, 1010, ending=True).counts
    assert stand(PLANNED, before, 1100, 1100).counts
    assert not stand(PLANNED, before, 1000, 1000, ending=True).counts  # nothing new to see


def test_between_looks_that_count_a_group_sequential_plan_goes_by_the_last():
    before = [look(1, 1000, 1000)]
    between = stand(PLANNED, before, 1010, 1010)
    assert not between.judges_now
    assert between.nominal_alpha(0.05) == stand(PLANNED, [], 1000, 1000).nominal_alpha(0.05)
    assert stand(OPEN, before, 1010, 1010).judges_now


def test_after_the_horizon_was_looked_at_nothing_counts_any_more():
    assert not stand(PLANNED, [look(1, 5000, 5000)], 9000, 9000).counts
    assert stand(PLANNED, [look(1, 4000, 4000)], 9000, 9000).counts  # over-running: this look spends the rest


def test_no_look_counts_before_each_variant_has_its_fewest_units():
    assert not stand(OPEN, [], 99, 5000).counts
    assert stand(OPEN, [], 100, 5000).counts
    assert fewest_units(AnalysisPlan(horizon=100), Monitoring.GROUP_SEQUENTIAL, [0.5, 0.5]) == [25, 25]
    assert fewest_units(OPEN, Monitoring.ALWAYS_VALID, [0.5, 0.5]) == [100, 100]


def test_the_first_look_fixes_what_always_valid_intervals_are_tuned_to():
    assert stand(OPEN, [], 200, 200, required=1500).tuned_units == 3000
    assert stand(OPEN, [look(1, 200, 200, tuned=777)], 5000, 5000, required=1500).tuned_units == 777
    assert not stand(OPEN, [], 200, 200, required=None).counts  # nobody can tell yet what to tune to
    assert stand(OPEN, [], 6000, 6000, required=None).tuned_units == 12_000


@given(st.floats(-300, -1e-6), st.sampled_from([FIXED, OPEN, PLANNED]), st.integers(200, 6000))
def test_a_valid_p_value_decides_exactly_as_the_nominal_error_rate_does(log10_p, plan, units):
    """The two directions of one rule: p below the nominal alpha, or the valid p below alpha."""
    now = stand(plan, [], units, units)
    p = np.array([10.0**log10_p])
    valid = now.valid_p_values(p, np.array([log10_p]))
    nominal = now.nominal_alpha(0.05)
    assert valid[0] >= p[0] * (1 - 1e-6)
    if abs(np.log10(nominal) - log10_p) > 1e-3 and nominal > 1e-11:
        assert (valid[0] < 0.05) == (p[0] < nominal)


def test_always_valid_intervals_are_about_half_as_wide_again_where_they_are_tuned():
    now = replace(stand(OPEN, [], 1500, 1500, required=1500))
    critical = -special.ndtri(now.nominal_alpha(0.05) / 2)
    assert critical / 1.959964 == pytest.approx(1.55, abs=0.01)  # the published ratio at the planned sample


def test_unknown_p_values_stay_unknown():
    for plan in (FIXED, OPEN, PLANNED):
        assert np.isnan(stand(plan, [], 2000, 2000).valid_p_values(np.array([np.nan]), np.array([np.nan])))[0]


NOTHING = Effect(None, None, None)


def test_the_best_p_value_of_all_looks_is_remembered():
    def seen(p):
        return LookedAt("m", "t", Effect(1.0, 0.0, 2.0), Effect(None, None, None), p)

    looks = [
        look(1, 100, 100, seen=(seen(0.2),)),
        look(2, 200, 200, seen=(seen(None),)),
        look(3, 300, 300, seen=(seen(0.4),)),
    ]
    found = best_before(looks, "m", ["t", "other"])
    assert found[0] == 0.2
    assert np.isnan(found[1])
    assert looks[0].total_units == 200


def test_what_was_shown_of_harm_says_nothing_of_good():
    worse = LookedAt("m", "t", Effect(-1.0, -2.0, -0.1), Effect(None, None, None), 0.001)
    better = LookedAt("m", "t", Effect(0.5, -0.1, 1.0), Effect(None, None, None), 0.3)
    looks = [look(1, 100, 100, seen=(worse,)), look(2, 200, 200, seen=(better,))]
    assert best_before(looks, "m", ["t"], estimates=np.array([0.4])) == 0.3
    assert best_before(looks, "m", ["t"], estimates=np.array([-0.4])) == 0.001
    assert best_before(looks, "m", ["t"]) == 0.001


def test_a_look_at_no_effect_hands_nothing_of_harm_on_to_good():
    found = [(-1.0, 0.001), (0.0, 0.001), (None, 0.001)]
    looks = [
        look(number, 100 * number, 100 * number, seen=(LookedAt("m", "t", Effect(e, None, None), NOTHING, p),))
        for number, (e, p) in enumerate(found, 1)
    ]
    assert np.isnan(best_before(looks, "m", ["t"], estimates=np.array([0.4]))[0])
    assert [best_before(looks, "m", ["t"], estimates=np.array([e])) for e in (-0.4, 0.0, np.nan)] == [0.001] * 3


def test_a_fixed_plan_looks_once():
    assert not stand(FIXED, [], 1000, 3000).counts
    assert stand(FIXED, [], 2000, 2000).counts
    again = stand(FIXED, [look(1, 2000, 2000)], 3000, 3000, required=5000)
    assert (again.counts, again.judges_now, again.complete) == (False, False, True)


def test_small_shares_are_waited_for_and_count_in_what_is_missing():
    arrivals = Arrivals.of([18_000, 2_000], 4_000, shares=[0.9, 0.1])
    found = standing(FIXED, Monitoring.FIXED, [], arrivals)
    assert (found.planned_units, found.missing_units) == (40_000, 20_000)
    assert fewest_units(AnalysisPlan(horizon=1000), Monitoring.GROUP_SEQUENTIAL, [0.95, 0.05]) == [100, 25]


def test_units_without_a_value_do_not_help():
    arrivals = Arrivals.of([2_000, 2_000], 400, measured=[200, 100])
    found = standing(FIXED, Monitoring.FIXED, [], arrivals)
    assert not found.complete
    assert found.planned_units == 16_000  # the variant with the fewer values needs 8,000 exposures
    assert not standing(OPEN, Monitoring.ALWAYS_VALID, [], Arrivals.of([500, 500], 400, measured=[500, 99])).counts


def test_no_look_counts_before_anything_varies():
    assert not standing(PLANNED, Monitoring.GROUP_SEQUENTIAL, [], Arrivals.of([5000, 5000], 400, vary=False)).counts


def test_nothing_is_spent_before_the_first_look():
    assert stand(PLANNED, [], 50, 5000).spent_alpha() == 0
