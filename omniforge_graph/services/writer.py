"""Tracked exposures into the database: what can never be recorded is left out, so that it holds up no other."""

import logging
from collections import Counter
from collections.abc import Sequence

from omniforge_graph.domain.event import Exposure
from omniforge_graph.errors import PurgedError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.exposure_judge import refused_of
from omniforge_graph.services.repository import PromptRepository, RefusedRowError
from omniforge_graph.telemetry import Telemetry

logger = logging.getLogger(__name__)


class ExposureWriter:
    """Records exposures that nobody waits for, who could be told what is wrong with them."""

    def __init__(self, repository: PromptRepository, registry: PluginRegistry, telemetry: Telemetry) -> None:
        self._repository = repository
        self._registry = registry
        self._telemetry = telemetry

    async def write(self, batch: Sequence[Exposure]) -> int:
        """Record exposures; return how many the database has now. The others are in vain: they are counted and logged.

        Raises:
            UnavailableError: the database is away; all of them may be written again.
        """
        if not batch:
            return 0
        try:
            await self._record(batch)
        except PurgedError as problem:  # from disk, after an outage that was longer than outcomes are kept
            refused = refused_of(batch, problem)
            if not refused:
                raise
            countable = [each for place, each in enumerate(batch) if place not in refused]
            return await self._write_timely(batch, countable, problem)
        except RefusedRowError as problem:
            return await self._write_accepted(batch, problem)
        return len(batch)

    async def write_delayed(self, batch: Sequence[Exposure]) -> int:
        """Record what comes from before the end of its experiment, as `write` does.

        The experiment may have ended while this process was cut off and went on selecting.
        """
        return await self._write_timely(batch, await self._before_the_end(batch))

    async def _write_timely(
        self, batch: Sequence[Exposure], timely: Sequence[Exposure], problem: Exception | None = None
    ) -> int:
        written = await self.write(timely)
        late = len(batch) - len(timely)
        self._telemetry.exposures_late += late
        if late:
            reason = problem or "their experiments have ended or do not exist"
            logger.warning("%d tracked exposures come too late: %s", late, reason)
        return written

    async def _write_accepted(self, batch: Sequence[Exposure], problem: RefusedRowError) -> int:
        """Record all but those that the database refuses, which halving finds."""
        timely = await self._before_the_end(batch)
        if len(timely) < len(batch):  # the likely reason: no such experiment; many of them are found at once
            return await self._write_timely(batch, timely)
        if len(batch) > 1:
            half = len(batch) // 2
            return await self.write(batch[:half]) + await self.write(batch[half:])
        self._telemetry.exposures_refused += 1
        logger.error("A tracked exposure to variant %s is given up: %s", batch[0].variant_id, problem)
        return 0

    async def _before_the_end(self, batch: Sequence[Exposure]) -> list[Exposure]:
        experiments = await self._repository.get_experiments({each.experiment_id for each in batch})
        return [
            each
            for each in batch
            if (experiment := experiments.get(each.experiment_id)) is not None
            and (experiment.end_date is None or each.occurred_at <= experiment.end_date)
        ]

    async def _record(self, batch: Sequence[Exposure]) -> None:
        new = await self._repository.record_exposures(batch)
        counts = Counter(each.experiment_id for each, is_new in zip(batch, new, strict=True) if is_new)
        self._telemetry.events_recorded += counts.total()
        self._telemetry.events_duplicate += len(batch) - counts.total()
        for experiment_id, count in counts.items():
            self._registry.events_recorded(experiment_id, count)
