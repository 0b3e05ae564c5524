"""Recording what happened: batches of exposures and outcomes, each event judged on its own, all durable together."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.event import (
    MAX_BATCH,
    BatchReceipt,
    Exposure,
    ExposureEvent,
    Outcome,
    OutcomeEvent,
    Rejection,
    clean_attributes,
)
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment
from omniforge_graph.domain.measurement import sources_of
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.errors import (
    ExperimentNotFoundError,
    ExperimentNotRunningError,
    MetricNotFoundError,
    OmniForgeError,
    ValidationError,
)
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.identity import Clock, as_utc, utc_now
from omniforge_graph.services.repository import PromptRepository

CLOCK_SKEW = timedelta(minutes=5)
"""How far into the future a client's clock may run; what it dates later than now is recorded as of now."""

Event = TypeVar("Event")
Record = TypeVar("Record")


class EventRecorder:
    """Checks events, records the good ones in one transaction and says what became of each.

    ``EventRecorder(repository)`` alone works, with the installed plugins.
    """

    def __init__(
        self,
        repository: PromptRepository,
        *,
        registry: PluginRegistry | None = None,
        allocator: TrafficAllocator | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._repository = repository
        self._registry = registry or installed_plugins()
        self._allocator = allocator or TrafficAllocator(self._registry)
        self._clock = clock

    async def record_exposures(self, events: Sequence[ExposureEvent], *, caller: Caller = OPERATOR) -> BatchReceipt:
        """Record exposures; the variant is the one the unit is assigned. The first exposure of a unit counts.

        An experiment that is paused or completed takes exposures that carry a time: they are late, and happened
        before it ended.

        Raises:
            ValidationError: no events or more than 5,000.
        """
        _check_size(len(events))
        found = await self._repository.get_experiments({event.experiment_id for event in events})
        experiments = {key: each for key, each in found.items() if caller.may_see(each.tenant_id)}
        now = self._clock()
        good, rejected = _sift(events, lambda event: self._exposure(event, experiments, now))
        new = await self._repository.record_exposures([exposure for _, exposure in good]) if good else []
        self._tell([exposure.experiment_id for (_, exposure), is_new in zip(good, new, strict=True) if is_new])
        return _receipt(len(events), good, new, rejected)

    async def record_outcomes(self, events: Sequence[OutcomeEvent], *, caller: Caller = OPERATOR) -> BatchReceipt:
        """Record outcomes. One with an event id is recorded once; without one, each event counts.

        Raises:
            ValidationError: no events or more than 5,000.
        """
        _check_size(len(events))
        named = {event.experiment_id for event in events if event.experiment_id is not None}
        found = await self._repository.get_experiments(named) if named else {}
        experiments = {key: each for key, each in found.items() if caller.may_see(each.tenant_id)}
        declared: dict[str, list[Metric]] = {}
        for tenant_id, metric in await self._repository.declarations({event.metric for event in events}):
            if caller.may_see(tenant_id):
                declared.setdefault(metric.key, []).append(metric)
        now = self._clock()
        good, rejected = _sift(events, lambda event: _outcome(event, experiments, declared, now, caller))
        new = await self._repository.record_outcomes([outcome for _, outcome in good]) if good else []
        self._tell([outcome.experiment_id for (_, outcome), is_new in zip(good, new, strict=True) if is_new])
        return _receipt(len(events), good, new, rejected)

    def _exposure(self, event: ExposureEvent, experiments: Mapping[str, PromptExperiment], now: datetime) -> Exposure:
        unit_id = clean_text(event.unit_id, ("unitId",), maximum=MAX_IDENTIFIER)
        experiment = experiments.get(event.experiment_id)
        if experiment is None:
            raise ExperimentNotFoundError(f"There is no experiment {event.experiment_id!r}.", path=("experimentId",))
        occurred_at = _moment(event.occurred_at, now)
        attributes = clean_attributes(event.attributes)
        if not _takes_exposures(experiment, event.occurred_at is not None, occurred_at):
            raise ExperimentNotRunningError(
                f"Experiment {experiment.id} is {experiment.status} and takes no exposure now; one that happened "
                "while it ran needs its occurredAt.",
                path=("experimentId",),
            )
        variant_id = self._allocator.allocate(experiment, unit_id)
        return Exposure(experiment.id, unit_id, variant_id, occurred_at, attributes)

    def _tell(self, experiment_ids: Sequence[str | None]) -> None:
        for experiment_id, count in Counter(experiment_ids).items():
            self._registry.events_recorded(experiment_id, count)


def _takes_exposures(experiment: PromptExperiment, dated: bool, occurred_at: datetime) -> bool:
    if experiment.is_running:
        return True
    if experiment.status is ExperimentStatus.PAUSED:
        return dated
    if experiment.status is ExperimentStatus.COMPLETED:
        return dated and experiment.end_date is not None and occurred_at <= experiment.end_date
    return False


def _outcome(
    event: OutcomeEvent,
    experiments: Mapping[str, PromptExperiment],
    declared: Mapping[str, Sequence[Metric]],
    now: datetime,
    caller: Caller,
) -> Outcome:
    unit_id = clean_text(event.unit_id, ("unitId",), maximum=MAX_IDENTIFIER)
    event_id = event.event_id
    if event_id is not None:
        clean_text(event_id, ("eventId",), maximum=MAX_IDENTIFIER)
    metrics: Sequence[Metric]
    if event.experiment_id is None:
        metrics = declared.get(event.metric, ())
    else:
        experiment = experiments.get(event.experiment_id)
        if experiment is None:
            raise ExperimentNotFoundError(f"There is no experiment {event.experiment_id!r}.", path=("experimentId",))
        # What a ratio or a covariate reads may be recorded for the experiment too, though it measures it only there.
        read = any(source.metric == event.metric for each in experiment.metrics for source in sources_of(each))
        metrics = declared.get(event.metric, ()) if read else ()
        if not metrics or event.metric in {each.key for each in experiment.metrics}:
            metrics = [experiment.metric(event.metric)]
    if not metrics:
        raise MetricNotFoundError(
            f"Nobody declared the metric {event.metric!r}: declare it with an experiment or on its own first.",
            path=("metric",),
        )
    value = _number(event.value)
    problems = [metric.value_problem(value) for metric in metrics]
    if all(problems):
        raise ValidationError(str(problems[0]), path=("value",))
    return Outcome(
        unit_id=unit_id,
        metric=event.metric,
        value=value,
        occurred_at=_moment(event.occurred_at, now),
        event_id=event_id,
        experiment_id=event.experiment_id,
        tenant_id=caller.tenant_id,
    )


def _number(value: object) -> float:
    if isinstance(value, int | float):
        with suppress(OverflowError):
            return float(value)
    raise ValidationError(f"value must be a number, not {str(value)[:40]!r}.", path=("value",))


def _moment(occurred_at: datetime | None, now: datetime) -> datetime:
    if occurred_at is None:
        return now
    if not isinstance(occurred_at, datetime):
        raise ValidationError(f"occurredAt must be a datetime, not {type(occurred_at).__name__}.", path=("occurredAt",))
    try:
        moment = as_utc(occurred_at)
    except OverflowError:
        raise ValidationError("occurredAt lies outside of the calendar.", path=("occurredAt",)) from None
    if moment > now + CLOCK_SKEW:
        raise ValidationError(
            f"occurredAt {moment.isoformat()} lies in the future; it is {now.isoformat(timespec='seconds')} here.",
            path=("occurredAt",),
        )
    return min(moment, now)


def _sift(
    events: Sequence[Event], check: Callable[[Event], Record]
) -> tuple[list[tuple[int, Record]], list[Rejection]]:
    good: list[tuple[int, Record]] = []
    rejected: list[Rejection] = []
    for index, event in enumerate(events):
        try:
            good.append((index, check(event)))
        except OmniForgeError as problem:
            rejected.append(Rejection(index, problem.code, problem.message))
    return good, rejected


def _receipt(
    size: int, good: Sequence[tuple[int, object]], new: Sequence[bool], rejected: Sequence[Rejection]
) -> BatchReceipt:
    return BatchReceipt.of(size, ((index, is_new) for (index, _), is_new in zip(good, new, strict=True)), rejected)


def _check_size(size: int) -> None:
    if not 1 <= size <= MAX_BATCH:
        raise ValidationError(f"Send 1 to {MAX_BATCH:,} events at once, not {size:,}.", path=("events",))
