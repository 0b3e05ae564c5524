"""The lifecycle: every transition from every state, and what each leaves behind."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from omniforge_graph.domain.experiment import ALLOWED_FROM, Action, ExperimentStatus, PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.errors import (
    AlreadyPromotedError,
    InvalidTransitionError,
    MetricNotFoundError,
    StaleRevisionError,
    VariantNotFoundError,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
VARIANTS = (Variant("var_a", "a", "ver_1", 5000, is_control=True), Variant("var_b", "b", "ver_2", 5000))

STEPS = {
    Action.START: lambda experiment: experiment.start(NOW),
    Action.STOP: lambda experiment: experiment.stop(),
    Action.COMPLETE: lambda experiment: experiment.complete(NOW, {"note": 1}),
    Action.CANCEL: lambda experiment: experiment.cancel(NOW),
    Action.PROMOTE: lambda experiment: experiment.promote("var_b", NOW, {}),
}
LEADS_TO = {
    Action.START: ExperimentStatus.RUNNING,
    Action.STOP: ExperimentStatus.PAUSED,
    Action.COMPLETE: ExperimentStatus.COMPLETED,
    Action.CANCEL: ExperimentStatus.CANCELLED,
    Action.PROMOTE: ExperimentStatus.COMPLETED,
}


def experiment(status: ExperimentStatus = ExperimentStatus.DRAFT, **changes) -> PromptExperiment:
    plan = AllocationPlan(seed="seed", phases=(lay_out([("var_a", 5000), ("var_b", 5000)]),))
    fields = {"id": "exp_1", "prompt_id": "prm_1", "name": "n", "variants": VARIANTS, "metrics": (Metric("won"),)}
    return PromptExperiment(**fields, allocation=plan, created_at=NOW, created_by="me", status=status, **changes)


@pytest.mark.parametrize("status", ExperimentStatus)
@pytest.mark.parametrize("action", STEPS)
def test_each_action_is_allowed_from_its_states_only(action: Action, status: ExperimentStatus) -> None:
    before = experiment(status)
    if status in ALLOWED_FROM[action]:
        after = STEPS[action](before)
        assert (after.status, after.revision) == (LEADS_TO[action], before.revision + 1)
    else:
        with pytest.raises(InvalidTransitionError) as refusal:
            STEPS[action](before)
        assert (refusal.value.current, refusal.value.allowed) == (status, ALLOWED_FROM[action])
        assert status in str(refusal.value)
    assert before == experiment(status)


def test_the_table_of_transitions_is_the_promised_one() -> None:
    assert {action: set(states) for action, states in ALLOWED_FROM.items()} == {
        Action.START: {"DRAFT", "PAUSED"},
        Action.STOP: {"RUNNING"},
        Action.COMPLETE: {"RUNNING", "PAUSED"},
        Action.CANCEL: {"DRAFT", "RUNNING", "PAUSED"},
        Action.PLAN: {"DRAFT"},
        Action.PROMOTE: {"RUNNING", "PAUSED", "COMPLETED"},
    }


def test_the_first_start_date_is_kept() -> None:
    restarted = experiment().start(NOW).stop().start(LATER)
    assert (restarted.start_date, restarted.revision) == (NOW, 4)


def test_completion_keeps_results_and_end_date() -> None:
    completed = experiment().start(NOW).complete(LATER, {"winner": "b"})
    assert (completed.end_date, completed.results) == (LATER, {"winner": "b"})


def test_promotion_after_completion_keeps_its_end_and_results() -> None:
    completed = experiment().start(NOW).complete(NOW, {"winner": "b"})
    promoted = completed.promote("var_b", LATER, {"other": True})
    assert (promoted.end_date, promoted.results, promoted.promoted_variant_id) == (NOW, {"winner": "b"}, "var_b")


def test_only_one_promotion() -> None:
    promoted = experiment().start(NOW).promote("var_b", NOW, {})
    with pytest.raises(AlreadyPromotedError) as refusal:
        promoted.promote("var_a", LATER, {})
    assert refusal.value.variant_id == "var_b"


def test_an_unknown_variant_or_metric_is_named_with_the_known_ones() -> None:
    with pytest.raises(VariantNotFoundError, match="var_a"):
        experiment(ExperimentStatus.RUNNING).promote("nope", NOW, {})
    with pytest.raises(MetricNotFoundError, match="won"):
        experiment().metric("nope")
    assert experiment().metric(None) == experiment().success_metric == Metric("won")


def test_a_stale_revision_is_refused() -> None:
    experiment().expect_revision(None)
    experiment().expect_revision(1)
    with pytest.raises(StaleRevisionError) as refusal:
        experiment().expect_revision(2)
    assert (refusal.value.expected, refusal.value.actual) == (2, 1)


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        experiment().status = ExperimentStatus.RUNNING  # type: ignore[misc]
    assert experiment().control.name == "a"
    assert VARIANTS[0].traffic_percentage == 50.0
