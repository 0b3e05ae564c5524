"""Guardrails: shown to be within the margin, shown to be beyond it, or neither yet."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.domain.analysis import Effect, GuardrailResult, GuardrailState
from omniforge_graph.domain.look import Look, LookedAt
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.domain.monitoring import Arrivals, standing
from omniforge_graph.domain.plan import AnalysisPlan, Guardrail, Monitoring
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.guardrails import judge_guardrail
from omniforge_graph.statistics.samples import SampleStatistics

ARMS = (Arm("c", "control", is_control=True), Arm("t", "treatment"))
QUALITY = Metric("quality", MetricKind.CONTINUOUS)
LATENCY = Metric("latency", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER)
SOLVED, FAILURES = Metric("solved"), Metric("failures", direction=Direction.LOWER_IS_BETTER)
FIXED = AnalysisPlan(monitoring=Monitoring.FIXED)
PASSED, FAILED, UNDECIDED = GuardrailState.PASSED, GuardrailState.FAILED, GuardrailState.UNDECIDED


def measured(units, mean, variance) -> MeasuredSamples:
    samples = SampleStatistics.of(units, mean, variance)
    return MeasuredSamples(samples, samples.units, np.zeros_like(samples.units))


def of_rates(conversions, units) -> MeasuredSamples:
    samples = SampleStatistics.of_rates(conversions, units)
    return MeasuredSamples(samples, samples.units, np.zeros_like(samples.units))


def judge(metric, numbers, margin=0.1, *, relative=True, plan=FIXED, looks=(), arms=ARMS) -> list[GuardrailResult]:
    units = [int(each) for each in numbers.exposed]
    place = standing(plan, plan.looks_allowed, looks, Arrivals.of(units, 2000))
    return judge_guardrail(Guardrail(metric.key, margin, relative), metric, numbers, arms, place, looks)


def state(metric, numbers, *arguments, **more) -> GuardrailState:
    (found,) = judge(metric, numbers, *arguments, **more)
    return found.state


# ---------------------------------------------------------------- one look


@pytest.mark.parametrize(
    ("metric", "mean", "expected"),
    [
        (QUALITY, 10.0, PASSED),
        (QUALITY, 12.0, PASSED),
        (QUALITY, 9.03, UNDECIDED),
        (QUALITY, 8.97, UNDECIDED),
        (QUALITY, 8.5, FAILED),
        (LATENCY, 10.0, PASSED),
        (LATENCY, 8.0, PASSED),
        (LATENCY, 10.97, UNDECIDED),
        (LATENCY, 11.5, FAILED),
    ],
)
@pytest.mark.parametrize(("margin", "relative"), [(0.1, True), (1.0, False)])
def test_the_state_follows_the_margin_in_the_worse_direction(metric, mean, expected, margin, relative) -> None:
    numbers = measured([1000, 1000], [10, mean], [4, 4])
    (found,) = judge(metric, numbers, margin, relative=relative)
    assert found.state is expected
    assert (found.metric, found.treatment_id, found.margin) == (metric.key, "t", pytest.approx(1.0))
    assert found.estimate == pytest.approx(mean - 10)


@pytest.mark.parametrize("metric", [QUALITY, LATENCY])
def test_an_absolute_margin_by_hand(metric) -> None:
    sign = 1 if metric.higher_is_better else -1
    (found,) = judge(metric, measured([400, 500], [5, 5 - sign * 0.1], [4, 5]), 0.3, relative=False)
    error = np.sqrt(4 / 400 + 5 / 500)
    assert found.p_value == pytest.approx(special.ndtr(-(0.3 - 0.1) / error), rel=1e-12)
    assert found.harm_p_value == pytest.approx(1 - found.p_value, rel=1e-9)
    assert found.bound == pytest.approx(sign * (-0.1 - special.ndtri(0.95) * error), rel=1e-12)


@pytest.mark.parametrize("metric", [QUALITY, LATENCY])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_relative_margin_knows_the_controls_uncertainty_and_its_sign(metric, sign) -> None:
    """Costs may be negative too (credits): worse is away from the better direction, by a share of the size."""
    worse = -1 if metric.higher_is_better else 1
    mean = sign * 10 + worse * 0.2
    (found,) = judge(metric, measured([400, 500], [sign * 10, mean], [4, 5]), 0.05)
    factor = 1 + worse * sign * 0.05
    z = (mean - factor * sign * 10) / np.sqrt(5 / 500 + factor**2 * 4 / 400)
    assert found.p_value == pytest.approx(special.ndtr(worse * z), rel=1e-12)
    assert found.margin == pytest.approx(0.5)


@pytest.mark.parametrize("metric", [SOLVED, FAILURES])
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("conversions", [450, 480, 500, 520, 550])
def test_the_bound_is_within_the_margin_exactly_when_the_guardrail_passes(metric, relative, conversions) -> None:
    margin = 0.08 if relative else 0.04
    (found,) = judge(metric, of_rates([500, conversions], [1000, 1000]), margin, relative=relative)
    worst = -found.bound if metric.higher_is_better else found.bound
    assert (worst < found.margin) is (found.state is PASSED)


def test_several_treatments_are_judged_one_by_one_wherever_the_control_stands() -> None:
    arms = (Arm("a", "a"), Arm("c", "c", is_control=True), Arm("b", "b"))
    found = judge(QUALITY, measured([1000] * 3, [10.0, 10.0, 8.0], [4, 4, 4]), arms=arms)
    assert [(each.treatment_id, each.state) for each in found] == [("a", PASSED), ("b", FAILED)]
    alone = judge(QUALITY, measured([1000] * 2, [10.0, 10.0], [4, 4]))
    assert found[0].p_value == alone[0].p_value  # not adjusted for their number


@pytest.mark.parametrize(
    "numbers",
    [
        measured([0, 0], [0, 0], [0, 0]),
        measured([100, 0], [1, 0], [1, 0]),
        measured([1, 1], [1, 1], [0, 0]),
        measured([100, 100], [5, 5], [0, 0]),
        measured([100, 100], [0, 0], [0, 0]),
    ],
)
def test_what_cannot_be_judged_is_undecided(numbers) -> None:
    for plan in (FIXED, AnalysisPlan(), AnalysisPlan(horizon=1000)):
        (found,) = judge(QUALITY, numbers, plan=plan)
        assert (found.state, found.p_value, found.harm_p_value, found.bound) == (UNDECIDED, None, None, None)


def test_without_numbers_it_is_undecided() -> None:
    place = standing(FIXED, Monitoring.FIXED, [], Arrivals.of([10, 10]))
    found = judge_guardrail(Guardrail("quality", 0.1), None, None, ARMS, place, [])
    assert found == [GuardrailResult("quality", "t", None, None, None, None, UNDECIDED)]


COUNTS = st.integers(0, 10**9) | st.integers(0, 3)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
    st.sampled_from([SOLVED, FAILURES]),
    st.sampled_from([FIXED, AnalysisPlan(), AnalysisPlan(horizon=1000)]),
    st.booleans(),
)
def test_no_rates_whatever_give_nan_or_an_exception(counts, metric, plan, relative) -> None:
    hits, misses = counts[:2], counts[2:]
    (found,) = judge(metric, of_rates(hits, [x + y for x, y in zip(hits, misses, strict=True)]), 0.05, plan=plan)
    for each in (found.margin, found.estimate, found.bound, found.p_value, found.harm_p_value):
        assert each is None or np.isfinite(each)
    assert found.p_value is None or 0 <= found.p_value <= 1


# ---------------------------------------------------------------- many looks


def look(number, total, p_value, harm_p_value=None) -> Look:
    """A look at a guardrail that saw these p-values."""
    nothing = Effect(None, None, None)
    seen = (LookedAt("quality", "t", nothing, nothing, p_value, harm_p_value),)
    half = total // 2
    return Look("e", number, datetime(2026, 1, number, tzinfo=UTC), (half, half), 4000, seen)


PLANNED, OPEN = AnalysisPlan(horizon=10_000), AnalysisPlan()


@pytest.mark.parametrize("plan", [PLANNED, OPEN])
def test_looking_early_takes_more_evidence(plan) -> None:
    numbers = measured([1000, 1000], [10.0, 9.2], [4, 4])
    (once,), (early,) = judge(QUALITY, numbers), judge(QUALITY, numbers, plan=plan)
    assert (once.state, early.state) == (PASSED, UNDECIDED)
    assert once.p_value < early.p_value
    assert once.harm_p_value <= early.harm_p_value
    assert early.bound < once.bound


@pytest.mark.parametrize("plan", [PLANNED, OPEN])
@pytest.mark.parametrize(("seen", "expected"), [((0.01, 0.9), PASSED), ((0.9, 0.01), FAILED), ((0.3, 0.3), UNDECIDED)])
def test_what_a_look_has_shown_is_not_taken_back(plan, seen, expected) -> None:
    numbers = measured([2000, 2000], [10.0, 9.0], [4, 4])  # right at the margin: shows nothing now
    (found,) = judge(QUALITY, numbers, plan=plan, looks=[look(1, 2000, *seen), look(2, 3000, 0.95, 0.95)])
    assert found.state is expected
    assert found.p_value <= seen[0]
    assert found.harm_p_value <= seen[1]


def test_between_looks_a_group_sequential_guardrail_goes_by_the_last() -> None:
    before = [look(1, 4000, 0.4, 0.6)]
    between = measured([2010, 2010], [10.0, 14.0], [4, 4])
    (found,) = judge(QUALITY, between, plan=PLANNED, looks=before)
    assert (found.state, found.p_value, found.harm_p_value) == (UNDECIDED, 0.4, 0.6)
    (later,) = judge(QUALITY, measured([2110, 2110], [10.0, 14.0], [4, 4]), plan=PLANNED, looks=before)
    assert later.state is PASSED
    (always,) = judge(QUALITY, between, plan=OPEN, looks=before)
    assert always.state is PASSED


def test_a_guardrail_that_failed_once_stays_failed() -> None:
    """Harm that was shown outweighs what is shown later: nothing ships by waiting for luck."""
    fine = measured([4000, 4000], [10.0, 10.5], [4, 4])
    assert state(QUALITY, fine, plan=PLANNED) is PASSED
    assert state(QUALITY, fine, plan=PLANNED, looks=[look(1, 2000, 0.9, 0.001)]) is FAILED


def test_what_the_one_look_of_a_plan_found_stands() -> None:
    fine = measured([4000, 4000], [10.0, 10.5], [4, 4])
    assert state(QUALITY, fine) is PASSED
    assert state(QUALITY, fine, looks=[look(1, 2000, 0.9, 0.001)]) is FAILED


def test_a_rate_adjusted_by_covariates_is_judged_as_a_mean() -> None:
    metric = replace(SOLVED, covariates=("solved",))
    numbers = measured([1000, 1000], [0.5, 0.49], [0.1, 0.1])
    (found,) = judge(metric, numbers, 0.05, relative=False)
    z = (0.05 - 0.01) / np.sqrt(2 * 0.1 / 1000)
    assert found.p_value == pytest.approx(special.ndtr(-z), rel=1e-12)
