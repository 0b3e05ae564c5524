"""The one rule from numbers to a verdict."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.analysis import Comparison, Effect, GuardrailResult, GuardrailState, Progress, Verdict
from omniforge_graph.domain.metric import Direction, Metric
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.domain.verdict import Evidence, decide, waiting_of
from omniforge_graph.statistics.sample_ratio import sample_ratio

MORE, LESS = Metric("rating"), Metric("errors", direction=Direction.LOWER_IS_BETTER)
NAMES = {"c": "plain", "t1": "brief", "t2": "bold"}


def comparison(key, estimate, significant):
    return Comparison(
        treatment_id=key,
        control_id="c",
        absolute_effect=Effect(estimate, None if estimate is None else estimate - 1, None),
        relative_effect=Effect(None, None, None),
        p_value=0.01,
        log10_p_value=-2.0,
        adjusted_p_value=0.02,
        probability_better=None,
        expected_loss=None,
        is_significant=significant,
    )


def progress(missing=0, planned=3000, monitoring=Monitoring.GROUP_SEQUENTIAL):
    units = 0 if planned is None else planned - missing
    return Progress(monitoring, 1, units, planned, missing, None, 0.05, None, complete=missing == 0)


def guard(key, state):
    return GuardrailResult("latency", key, 1.0, 0.2, 0.9, 0.01, state)


def judge(first, second, *, metric=MORE, more=(), guardrails=(), missing=0, waiting=None, observed=(1000, 1000, 1000)):
    goals = [(metric, [comparison("t1", *first), comparison("t2", *second)]), *more]
    return decide(
        Evidence(
            names=NAMES,
            control_id="c",
            goals=goals,
            guardrails=guardrails,
            sample_ratio=sample_ratio(observed, (1, 1, 1)),
            progress=progress(missing),
            waiting=waiting,
            confidence_level=0.95,
        )
    )


@pytest.mark.parametrize(
    ("metric", "first", "second", "winner", "verdict"),
    [
        (MORE, (2, True), (1, True), "t1", Verdict.SHIP),
        (MORE, (2, True), (3, True), "t2", Verdict.SHIP),
        (MORE, (2, True), (3, False), "t1", Verdict.SHIP),
        (MORE, (2, True), (-3, True), "t1", Verdict.SHIP),
        (LESS, (-2, True), (-3, True), "t2", Verdict.SHIP),
        (MORE, (-2, True), (-3, True), "c", Verdict.KEEP_CONTROL),
        (LESS, (2, True), (3, True), "c", Verdict.KEEP_CONTROL),
        (MORE, (-2, True), (3, False), None, Verdict.INCONCLUSIVE),
        (MORE, (1, False), (1, False), None, Verdict.INCONCLUSIVE),
        (MORE, (0, True), (0, True), None, Verdict.INCONCLUSIVE),
        (MORE, (None, False), (None, False), None, Verdict.INCONCLUSIVE),
    ],
)
def test_the_best_significant_variant_wins(metric, first, second, winner, verdict):
    found = judge(first, second, metric=metric)
    assert found.winner == winner
    assert found.recommendation.verdict is verdict
    assert found.recommendation.reasons


def test_a_mismatch_outweighs_everything():
    found = judge((2, True), (3, True), observed=(1000, 800, 1200))
    assert found.winner is None
    assert found.recommendation.verdict is Verdict.INVALID
    assert "brief 800 of 1,000 expected" in found.recommendation.reasons[0]


def test_nothing_is_decided_before_the_plan_allows_it():
    found = judge((2, True), (3, True), waiting="the sun must rise first")
    assert found.winner is None
    assert found.recommendation.verdict is Verdict.CONTINUE
    assert "the sun must rise first" in found.recommendation.summary


def test_an_early_difference_is_shipped_without_waiting_for_the_horizon():
    found = judge((2, True), (1, False), missing=1500)
    assert found.winner == "t1"
    (why,) = [each.reason for each in found.recommendation.why_not if each.verdict is Verdict.CONTINUE]
    assert "beyond chance already" in why


def test_without_a_difference_the_missing_units_are_told():
    found = judge((2, False), (1, False), missing=1500)
    assert found.recommendation.verdict is Verdict.CONTINUE
    assert "1,500 of the planned 3,000 units are missing" in found.recommendation.summary


@pytest.mark.parametrize(
    ("states", "winner", "verdict"),
    [
        ((GuardrailState.PASSED, GuardrailState.PASSED), "t2", Verdict.SHIP),
        ((GuardrailState.PASSED, GuardrailState.UNDECIDED), "t1", Verdict.SHIP),
        ((GuardrailState.PASSED, GuardrailState.FAILED), "t1", Verdict.SHIP),
        ((GuardrailState.UNDECIDED, GuardrailState.UNDECIDED), None, Verdict.INCONCLUSIVE),
        ((GuardrailState.FAILED, GuardrailState.UNDECIDED), None, Verdict.INCONCLUSIVE),
        ((GuardrailState.FAILED, GuardrailState.FAILED), "c", Verdict.KEEP_CONTROL),
    ],
)
def test_a_treatment_ships_only_once_it_passes_every_guardrail(states, winner, verdict):
    """The rule behind "ship the cheaper prompt if quality is not worse than the margin"."""
    guardrails = [guard(key, state) for key, state in zip(("t1", "t2"), states, strict=True)]
    found = judge((2, True), (3, True), guardrails=guardrails)
    assert (found.winner, found.recommendation.verdict) == (winner, verdict)


def test_why_a_better_treatment_is_not_shipped_names_the_guardrail():
    undecided = [guard("t1", GuardrailState.UNDECIDED), guard("t2", GuardrailState.FAILED)]
    found = judge((2, True), (3, False), guardrails=undecided, missing=10)
    (why,) = [each.reason for each in found.recommendation.why_not if each.verdict is Verdict.SHIP]
    assert why == "brief is better, but is not yet shown to be within the margin of the guardrail latency."


def test_a_second_goal_ships_and_stops():
    better = (LESS, [comparison("t1", -1, True), comparison("t2", -1, False)])
    worse = (LESS, [comparison("t1", 1, True), comparison("t2", 1, True)])
    assert judge((2, False), (3, False), more=[better]).winner == "t1"
    assert judge((2, True), (3, True), more=[worse]).recommendation.verdict is Verdict.KEEP_CONTROL


@given(
    st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.booleans()),
    st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.booleans()),
    st.lists(st.sampled_from(GuardrailState), min_size=2, max_size=2),
    st.sampled_from([0, 500]),
    st.sampled_from([None, "waiting"]),
)
def test_every_other_verdict_is_explained_and_a_winner_is_named_exactly_when_there_is_a_decision(
    first, second, states, missing, waiting
):
    guardrails = [guard(key, state) for key, state in zip(("t1", "t2"), states, strict=True)]
    found = judge(first, second, guardrails=guardrails, missing=missing, waiting=waiting)
    verdict = found.recommendation.verdict
    others = [each.verdict for each in found.recommendation.why_not]
    assert sorted([*others, verdict]) == sorted(Verdict)
    assert all(each.reason for each in found.recommendation.why_not)
    assert (found.winner is not None) == (verdict in (Verdict.SHIP, Verdict.KEEP_CONTROL))
    if verdict is Verdict.SHIP:
        place = {"t1": 0, "t2": 1}[found.winner]
        assert (first, second)[place] == (1.0, True)
        assert states[place] is GuardrailState.PASSED


@pytest.mark.parametrize(
    ("monitoring", "units", "state", "words"),
    [
        (Monitoring.FIXED, {"a": 10, "b": 0}, progress(), "none yet for b"),
        (Monitoring.FIXED, {"a": 10, "b": 10}, progress(planned=None, missing=None), "too little yet"),
        (Monitoring.FIXED, {"a": 10, "b": 10}, progress(missing=2980), "2,980 are missing"),
        (Monitoring.FIXED, {"a": 1500, "b": 1500}, progress(), None),
        (Monitoring.ALWAYS_VALID, {"a": 99, "b": 150}, progress(missing=2751), "a has 99 units"),
        (Monitoring.ALWAYS_VALID, {"a": 100, "b": 150}, progress(missing=2750), None),
    ],
)
def test_what_is_waited_for_is_told(monitoring, units, state, words):
    fewest = [1 if monitoring is Monitoring.FIXED else 100] * 2
    found = waiting_of(monitoring, units, fewest, state, "rating")
    assert found is None if words is None else words in found


def test_all_verdicts_can_be_reached():
    cases = itertools.product([(2, True), (-2, True), (1, False)], [0, 10], [None, "later"], [(9, 9, 9), (900, 9, 9)])
    found = {
        judge(first, first, missing=missing, waiting=waiting, observed=observed).recommendation.verdict
        for first, missing, waiting, observed in cases
    }
    assert found == set(Verdict)
