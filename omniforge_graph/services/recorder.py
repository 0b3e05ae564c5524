"""Recording what happened: batches of exposures and outcomes, each event judged on its own, all durable together."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.event import MAX_BATCH, BatchReceipt, Exposure, Outcome, ReportedExposure, ReportedOutcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.errors import PurgedError, ValidationError
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.asking import Together
from omniforge_graph.services.exposure_judge import ExposureJudge, refused_of
from omniforge_graph.services.identity import Clock, utc_now
from omniforge_graph.services.ingestion import BACKLOG, Backlog, GroupCommit
from omniforge_graph.services.judging import Judged, judge
from omniforge_graph.services.outcome_judge import OutcomeJudge
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.telemetry import Telemetry


class EventRecorder:
    """Checks events, records the good ones and says what became of each once they are durable.

    What several requests bring at the same time is written in one transaction, each request's good events all or none.
    ``EventRecorder(repository)`` alone works, with the installed plugins. `backlog` is how many events may wait.
    """

    def __init__(
        self,
        repository: PromptRepository,
        *,
        registry: PluginRegistry | None = None,
        allocator: TrafficAllocator | None = None,
        clock: Clock = utc_now,
        backlog: int = BACKLOG,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._registry = registry or installed_plugins()
        self._allocator = allocator or TrafficAllocator(self._registry)
        self._clock = clock
        self._telemetry = telemetry or Telemetry()
        self._backlog = Backlog(backlog, self._telemetry)
        self._telemetry.gauge("ingest_backlog", "Events that wait to be written.", lambda: self._backlog.waiting)
        self._exposures = GroupCommit[Exposure](repository.record_exposures)
        self._outcomes = GroupCommit[Outcome](repository.record_outcomes)
        self._experiments = Together(repository.get_experiments)
        self._declarations = Together(repository.declarations)

    async def record_exposures(self, events: Sequence[ReportedExposure], *, caller: Caller = OPERATOR) -> BatchReceipt:
        """Record exposures; the variant is the one the unit is assigned. The first exposure of a unit counts.

        An experiment that is paused or completed takes exposures that carry a time: they are late, and happened
        before it ended.

        Raises:
            ValidationError: no events or more than 5,000.
            RateLimitedError: too many events wait to be written; `retry_after` says for how many seconds.
        """
        _check_size(len(events))
        with self._backlog.taken_on(len(events)):
            experiments = await self._visible({event.experiment_id for event in events}, caller)
            judged = await judge(events, ExposureJudge(experiments, self._allocator, self._clock()))
            judged, new = await self._write_exposures(judged)
        return self._finish(len(events), judged, new)

    async def record_outcomes(self, events: Sequence[ReportedOutcome], *, caller: Caller = OPERATOR) -> BatchReceipt:
        """Record outcomes. One with an event id is recorded once; without one, each event counts.

        Raises:
            ValidationError: no events or more than 5,000.
            RateLimitedError: too many events wait to be written; `retry_after` says for how many seconds.
        """
        _check_size(len(events))
        with self._backlog.taken_on(len(events)):
            experiments = await self._visible({event.experiment_id for event in events}, caller)
            declared = await self._declared({event.metric for event in events}, caller)
            judged = await judge(events, OutcomeJudge(experiments, declared, self._clock(), caller))
            new = await self._outcomes.write(judged.records)
        return self._finish(len(events), judged, new)

    async def close(self) -> None:
        """Take no more events on, and wait for those that are on their way, also where nobody waits for the receipt."""
        await self._backlog.close()
        await self._exposures.close()
        await self._outcomes.close()

    async def _visible(self, ids: set[str | None], caller: Caller) -> Mapping[str, PromptExperiment]:
        named = [each for each in ids if each is not None]
        found = await self._experiments.ask(named) if named else {}
        return {key: found[key] for key in named if key in found and caller.may_see(found[key].tenant_id)}

    async def _declared(self, keys: set[str], caller: Caller) -> Mapping[str, Sequence[Metric]]:
        declared: dict[str, list[Metric]] = {}
        for tenant_id, metric in await self._declarations.ask(keys):
            if caller.may_see(tenant_id):
                declared.setdefault(metric.key, []).append(metric)
        return declared

    async def _write_exposures(self, judged: Judged[Exposure]) -> tuple[Judged[Exposure], Sequence[bool]]:
        """Write what was judged good, and reject what turns out to lie among outcomes that are kept as sums only."""
        while True:
            try:
                return judged, await self._exposures.write(judged.records)
            except PurgedError as problem:
                refused = refused_of(judged.records, problem)
                if not refused:
                    raise
                judged = judged.without(problem, refused)

    def _finish(self, size: int, judged: Judged[Exposure] | Judged[Outcome], new: Sequence[bool]) -> BatchReceipt:
        """Count what became of a batch, tell observers, and return the receipt."""
        recorded = sum(new)
        self._telemetry.events_recorded += recorded
        self._telemetry.events_duplicate += len(new) - recorded
        self._telemetry.events_rejected += len(judged.rejected)
        fresh: Iterable[Exposure | Outcome] = compress(judged.records, new)
        for experiment_id, count in Counter(each.experiment_id for each in fresh).items():
            self._registry.events_recorded(experiment_id, count)
        return BatchReceipt.of(size, zip(judged.places, new, strict=True), judged.rejected)


def _check_size(size: int) -> None:
    if not 1 <= size <= MAX_BATCH:
        raise ValidationError(f"Send 1 to {MAX_BATCH:,} events at once, not {size:,}.", path=("events",))
