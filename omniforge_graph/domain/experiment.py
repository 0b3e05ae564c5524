"""Experiments, their variants and their lifecycle. A transition returns a new value or raises."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan
from omniforge_graph.errors import (
    AlreadyPromotedError,
    InvalidTransitionError,
    MetricNotFoundError,
    StaleRevisionError,
    VariantNotFoundError,
)


class ExperimentStatus(StrEnum):
    """DRAFT → RUNNING ⇄ PAUSED → COMPLETED; CANCELLED from any but COMPLETED."""

    DRAFT = "DRAFT"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class Action(StrEnum):
    """What somebody may do to an experiment."""

    START = "START"
    STOP = "STOP"
    COMPLETE = "COMPLETE"
    CANCEL = "CANCEL"
    PLAN = "PLAN"
    PROMOTE = "PROMOTE"


_DRAFT, _RUNNING, _PAUSED = ExperimentStatus.DRAFT, ExperimentStatus.RUNNING, ExperimentStatus.PAUSED
_COMPLETED = ExperimentStatus.COMPLETED

ALLOWED_FROM: Mapping[Action, tuple[ExperimentStatus, ...]] = {
    Action.START: (_DRAFT, _PAUSED),
    Action.STOP: (_RUNNING,),
    Action.COMPLETE: (_RUNNING, _PAUSED),
    Action.CANCEL: (_DRAFT, _RUNNING, _PAUSED),
    Action.PLAN: (_DRAFT,),
    Action.PROMOTE: (_RUNNING, _PAUSED, _COMPLETED),
}
"""The states each action starts from: the one place for this rule."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A named arm: a prompt version and its share of the traffic in basis points."""

    id: str
    name: str
    prompt_version_id: str
    basis_points: int
    is_control: bool = False

    @property
    def traffic_percentage(self) -> float:
        """The share as a percentage with two decimals."""
        return self.basis_points / 100


@dataclass(frozen=True, slots=True)
class PromptExperiment:
    """A comparison of two or more variants of one prompt. The first metric is the success metric."""

    id: str
    prompt_id: str
    name: str
    variants: tuple[Variant, ...]
    metrics: tuple[Metric, ...]
    allocation: AllocationPlan
    created_at: datetime
    created_by: str
    analysis: AnalysisPlan = field(default_factory=AnalysisPlan)
    tenant_id: str | None = None
    description: str = ""
    status: ExperimentStatus = ExperimentStatus.DRAFT
    revision: int = 1
    start_date: datetime | None = None
    end_date: datetime | None = None
    results: Mapping[str, Any] | None = None
    promoted_variant_id: str | None = None

    @property
    def success_metric(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]

    @property
    def goal_keys(self) -> tuple[str, ...]:
        """The keys of the metrics that decide: the success metric, then the plan's other goals."""
        return self.success_metric.key, *self.analysis.goals

    @property
    def control(self) -> Variant:
        """The variant the others are compared with."""
        return next(variant for variant in self.variants if variant.is_control)

    @property
    def is_running(self) -> bool:
        """Whether the experiment takes traffic."""
        return self.status is ExperimentStatus.RUNNING

    @property
    def is_over(self) -> bool:
        """Whether it was completed or cancelled."""
        return self.status in (_COMPLETED, ExperimentStatus.CANCELLED)

    def variant(self, variant_id: str) -> Variant:
        """Return the variant of that id, or raise `VariantNotFoundError`."""
        for variant in self.variants:
            if variant.id == variant_id:
                return variant
        raise VariantNotFoundError(
            f"Experiment {self.id} has no variant {variant_id!r}; it has "
            f"{', '.join(f'{v.id} ({v.name})' for v in self.variants)}.",
            path=("variantId",),
        )

    def metric(self, key: str | None) -> Metric:
        """Return the metric of that key (None: the success metric), or raise `MetricNotFoundError`."""
        for metric in self.metrics:
            if key is None or metric.key == key:
                return metric
        raise MetricNotFoundError(
            f"Experiment {self.id} does not measure {key!r}; it measures {', '.join(m.key for m in self.metrics)}.",
            path=("metric",),
        )

    def expect_revision(self, revision: int | None) -> None:
        """Raise `StaleRevisionError` if the caller has read another revision than this one."""
        if revision is not None and revision != self.revision:
            raise StaleRevisionError(
                f"Experiment {self.id} is at revision {self.revision}, not {revision}: read it again and decide anew.",
                expected=revision,
                actual=self.revision,
            )

    def plan(self, analysis: AnalysisPlan) -> "PromptExperiment":
        """Give a DRAFT another analysis plan; once started, the plan is locked."""
        return self._step(Action.PLAN, analysis=analysis)

    def start(self, now: datetime) -> "PromptExperiment":
        """DRAFT or PAUSED → RUNNING; the first start's date is kept."""
        return self._step(Action.START, status=_RUNNING, start_date=self.start_date or now)

    def stop(self) -> "PromptExperiment":
        """RUNNING → PAUSED."""
        return self._step(Action.STOP, status=_PAUSED)

    def complete(self, now: datetime, results: Mapping[str, Any]) -> "PromptExperiment":
        """RUNNING or PAUSED → COMPLETED, with the results kept."""
        return self._step(Action.COMPLETE, status=_COMPLETED, end_date=now, results=results)

    def cancel(self, now: datetime) -> "PromptExperiment":
        """Any but COMPLETED → CANCELLED."""
        return self._step(Action.CANCEL, status=ExperimentStatus.CANCELLED, end_date=now)

    def promote(self, variant_id: str, now: datetime, results: Mapping[str, Any]) -> "PromptExperiment":
        """RUNNING, PAUSED or COMPLETED → COMPLETED with a promoted variant; once only.

        A completed experiment keeps its end date and its results.
        """
        variant = self.variant(variant_id)
        if self.promoted_variant_id is not None:
            raise AlreadyPromotedError(
                f"Experiment {self.id} has promoted {self.variant(self.promoted_variant_id).name!r} before; "
                "to use another version, set the prompt's current version.",
                variant_id=self.promoted_variant_id,
            )
        return self._step(
            Action.PROMOTE,
            status=_COMPLETED,
            end_date=self.end_date or now,
            results=self.results if self.results is not None else results,
            promoted_variant_id=variant.id,
        )

    def _step(self, action: Action, **changes: Any) -> "PromptExperiment":
        allowed = ALLOWED_FROM[action]
        if self.status not in allowed:
            raise InvalidTransitionError(
                f"Cannot {action.lower()} experiment {self.id}: it is {self.status}, and {action.lower()} "
                f"is allowed from {' or '.join(allowed)} only.",
                current=self.status,
                allowed=allowed,
            )
        return replace(self, revision=self.revision + 1, **changes)
