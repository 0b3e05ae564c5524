"""Judging a slice at once says what judging each event says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.event import BatchReceipt, ExposureEvent, OutcomeEvent
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.errors import OmniForgeError
from omniforge_graph.graphql.types import event
from omniforge_graph.graphql.types.event import RecordPayload
from omniforge_graph.services import judging
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.exposure_judge import ExposureJudge
from omniforge_graph.services.judging import judge
from omniforge_graph.services.outcome_judge import OutcomeJudge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VARIANTS = tuple(Variant(f"var_{n}", f"v{n}", "ver", 5000, is_control=not n) for n in range(2))
PLAN = AllocationPlan("seed", (lay_out([(each.id, each.basis_points) for each in VARIANTS]),))
RATIO = Metric("share", MetricKind.RATIO, numerator="cost", denominator="calls")
EXPERIMENT = PromptExperiment("exp", "prm", "n", VARIANTS, (Metric("won"), RATIO), PLAN, NOW, "ann").start(NOW)
DECLARED = {
    "won": [Metric("won"), Metric("won", MetricKind.COUNT)],
    "calls": [Metric("calls", MetricKind.COUNT)],
    "cost": [Metric("cost", MetricKind.CONTINUOUS)],
    "share": [RATIO],
}
TEXTS = st.sampled_from(["u", "ü", "", "  ", "x" * 256, "x" * 257, "a\0b", "\ud800", 7, None])
MOMENTS = st.sampled_from(
    [
        None,
        NOW - timedelta(days=1),
        NOW + timedelta(minutes=1),
        NOW + timedelta(days=1),
        datetime(2025, 1, 1),  # noqa: DTZ001 - taken as UTC
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        "2026-01-01",
        0,
    ]
)
ODD = st.builds(
    OutcomeEvent,
    TEXTS,
    st.sampled_from([*DECLARED, "nobody", 7]),
    st.sampled_from([0, 1, 1.0, 0.5, -1, 1e15, 2e15, 1e308, float("nan"), float("inf"), 10**400, True, "1", None]),
    st.none() | TEXTS,
    MOMENTS,
    st.sampled_from([None, "exp", "nobody"]),
)


def outcome_judge():
    return OutcomeJudge({"exp": EXPERIMENT}, DECLARED, NOW, Caller("svc", "t1"))


def exposure_judge():
    ended = replace(EXPERIMENT, id="ended", status=ExperimentStatus.COMPLETED, end_date=NOW - timedelta(hours=1))
    return ExposureJudge({"exp": EXPERIMENT, "ended": ended}, TrafficAllocator(), NOW)


def one_by_one(how, events):
    """What becomes of each event: its record, or the error's code and message."""

    def told(event):
        try:
            return how.one(event)
        except OmniForgeError as problem:
            return problem.code, problem.message

    return [told(event) for event in events]


def check(how, events):
    told = one_by_one(how, events)
    at_once = how.all(events)
    good = not any(isinstance(each[0], str) and len(each) == 2 for each in told)
    if at_once is not None:
        assert list(at_once) == told
        assert good
    return good, at_once is not None


@given(st.lists(ODD, min_size=1, max_size=3))
def test_odd_outcomes_are_judged_alike(events):
    check(outcome_judge(), events)


@given(
    st.lists(
        st.builds(
            OutcomeEvent,
            st.sampled_from(["u", "ü", "x" * 256]),
            st.just("cost"),
            st.floats(-1e15, 1e15) | st.integers(-5, 5),
            st.sampled_from([None, "e", "é"]),
            st.sampled_from([None, NOW - timedelta(days=1), NOW + timedelta(minutes=1)]),
            st.sampled_from([None, "exp"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_good_outcomes_are_found_good_at_once(events):
    assert check(outcome_judge(), events) == (True, True)


@pytest.mark.parametrize("value", [0, 1, 3])
def test_a_value_need_suit_but_one_of_the_declarations(value):
    assert check(outcome_judge(), [OutcomeEvent("u", "won", value)]) == (True, True)
    assert check(outcome_judge(), [OutcomeEvent("u", "won", value, experiment_id="exp")]) == (value < 2, value < 2)


@given(
    st.lists(
        st.builds(
            ExposureEvent,
            st.sampled_from(["exp", "ended", "nobody"]),
            TEXTS,
            MOMENTS,
            st.sampled_from([None, {}, {"plan": "pro"}, {"bad key": 1}, "pro"]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_exposures_are_judged_alike(events):
    good, at_once = check(exposure_judge(), events)
    assert good == at_once


@pytest.mark.parametrize("metric", ["cost", "unknown"])
async def test_others_have_turns_while_a_batch_is_judged(metric, rounds):
    judged = await judge([OutcomeEvent(f"u{n}", metric, 1) for n in range(5_000)], outcome_judge())
    payload = await RecordPayload.of(BatchReceipt.of(5_000, zip(judged.places, repeat(True)), judged.rejected))
    assert [each.index for each in payload.rejected] == ([] if metric == "cost" else list(range(5_000)))
    assert payload.accepted + len(payload.rejected) == 5_000
    assert len(rounds) >= 5_000 / judging.SLICE + len(payload.rejected) / event.STEP


async def test_only_what_is_wrong_is_rejected_wherever_it_lies(monkeypatch):
    monkeypatch.setattr(judging, "SLICE", 4)
    wrong = {3, 4, 9, 21}
    events = [OutcomeEvent("" if place in wrong else f"u{place}", "cost", place) for place in range(23)]
    judged = await judge(events, outcome_judge())
    assert [each.index for each in judged.rejected] == sorted(wrong)
    assert judged.places == [place for place in range(23) if place not in wrong]
    assert [each.value for each in judged.records] == judged.places
