"""Exposures that selection tracks: queued after the answer, written together a moment later, on disk in an outage."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from omniforge_graph.domain.event import MAX_BATCH, Exposure
from omniforge_graph.domain.selection import VariantSelection
from omniforge_graph.errors import OmniForgeError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.identity import Clock, utc_now
from omniforge_graph.services.replay import Replay
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.seen import NOBODY, SeenUnits
from omniforge_graph.services.spool import Spool
from omniforge_graph.services.writer import ExposureWriter
from omniforge_graph.telemetry import Telemetry

logger = logging.getLogger(__name__)

MAX_WAITING = 100_000
"""Exposures in memory; half of them is a reason to use the disk."""
LONGEST_DELAY = 5.0
"""Seconds between two attempts in a long outage."""
CLOSE_SECONDS = 3.0
"""How long the end of the process waits for the database before it uses the disk."""


class ExposureTracker:
    """Collects exposures without delaying anyone, and has them written within `interval` seconds.

    They are written together every half of the interval, or when a batch is full. What the database has not taken after
    the other half goes to the spool, and from there to the database once it is back. So a killed process loses what the
    last interval brought, at most. Recording is idempotent (the first exposure of a unit counts): nothing is lost by
    writing an exposure twice, and the memory of units seen before only saves work.
    """

    def __init__(
        self,
        repository: PromptRepository,
        registry: PluginRegistry,
        *,
        interval: float = 0.2,
        clock: Clock = utc_now,
        spool: Spool | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._pace = interval / 2
        self._clock = clock
        self._spool = spool
        self._telemetry = telemetry = telemetry or Telemetry()
        telemetry.gauge("exposures_waiting", "Tracked exposures in memory.", lambda: len(self._waiting))
        self._writer = writer = ExposureWriter(repository, registry, telemetry)
        self._replay = Replay(spool, writer, telemetry) if spool else None
        self._waiting: dict[tuple[str, str], Exposure] = {}
        self._seen = SeenUnits()
        self._young = self._seen.young
        self._writing, self._saving = asyncio.Lock(), asyncio.Lock()
        self._full, self._urgent = asyncio.Event(), asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._late = False
        self._refused = False
        self._running: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ collecting: for every request

    def exposures(
        self, selections: Sequence[VariantSelection], unit_id: str, attributes: Mapping[str, str] | None = None
    ) -> list[Exposure]:
        """Return the exposures that selections are, as of now, without those that no experiment made or that are known.

        For a unit seen before this is a lookup for each selection, and not even a look at the clock.
        """
        young = self._young
        new = [
            each
            for each in selections
            if (experiment_id := each.experiment_id) is not None and unit_id not in young.get(experiment_id, NOBODY)
        ]
        return self._first(new, unit_id, attributes) if new else []

    def exposure(
        self, selection: VariantSelection, unit_id: str, attributes: Mapping[str, str] | None = None
    ) -> Exposure | None:
        """Return the exposure that a selection is, as of now; None if no experiment made it or it is known."""
        experiment_id = selection.experiment_id
        if experiment_id is None or unit_id in self._young.get(experiment_id, NOBODY):
            return None
        return next(iter(self._first([selection], unit_id, attributes)), None)

    def is_safe(self, selection: VariantSelection, unit_id: str) -> bool:
        """Return whether nothing is left to do for a selection: its exposure is recorded or on disk, or it is none."""
        experiment_id = selection.experiment_id
        return experiment_id is None or self._seen.knows(experiment_id, unit_id)

    def _first(
        self, selections: Iterable[VariantSelection], unit_id: str, attributes: Mapping[str, str] | None
    ) -> list[Exposure]:
        new = [
            (each.experiment_id, each.variant_id)
            for each in selections
            if each.experiment_id is not None
            and each.variant_id is not None
            and (each.experiment_id, unit_id) not in self._waiting
            and not self._seen.recall(each.experiment_id, unit_id)
        ]
        if not new:
            return []
        now, told = self._clock(), attributes or {}
        return [Exposure(experiment_id, unit_id, variant_id, now, told) for experiment_id, variant_id in new]

    def add(self, *exposures: Exposure) -> None:
        """Queue exposures. Beyond what memory and disk hold they are dropped; the unit's next selection tries again."""
        waiting, telemetry = self._waiting, self._telemetry
        for exposure in exposures:
            key = (exposure.experiment_id, exposure.unit_id)
            if key in waiting:
                continue
            if len(waiting) >= MAX_WAITING:
                telemetry.exposures_dropped += 1
                continue
            waiting[key] = exposure
            telemetry.exposures_tracked += 1
        if len(waiting) >= MAX_BATCH:
            self._full.set()
        if self._is_crowded():
            self._urgent.set()

    # ------------------------------------------------------------ writing: beside the requests

    async def flush(self) -> None:
        """Write what is on disk, then what waits: the first exposure of a unit counts, so the older ones go first.

        Raises:
            UnavailableError: the database is away; everything still waits, in memory or on disk.
        """
        async with self._writing:
            if self._patience is None:
                self._patience = asyncio.get_running_loop().call_later(self._pace, self._lose_patience)
            if self._replay is not None:
                await self._replay.run()
            while batch := list(islice(self._waiting.values(), MAX_BATCH)):
                await self._writer.write(batch)
                self._settle(batch)
            self._patience.cancel()
            self._patience, self._late = None, False

    async def save(self) -> None:
        """Move what waits to the spool, as far as it has room; what the disk refuses goes on waiting."""
        if self._spool is None:
            return
        async with self._saving:
            batch = list(self._waiting.values())
            try:
                kept = await asyncio.to_thread(self._spool.append, batch)
            except OSError as problem:
                if not self._refused:
                    logger.warning("Tracked exposures cannot be kept on disk, they wait in memory: %s", problem)
                self._refused = True
                return
            self._refused = False
            self._telemetry.exposures_spooled += kept
            self._settle(batch[:kept])

    async def run(self) -> None:
        """Write until cancelled; an outage is waited out, with the spool's help."""
        self._running = asyncio.current_task()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_writing())
            group.create_task(self._keep_saving())

    async def close(self) -> None:
        """End `run` and write what waits, within seconds: to the database, or to the spool if it is away or slow."""
        writing = None
        if self._spool is None or not self._late:
            writing = asyncio.create_task(self.flush())
            await asyncio.wait({writing}, timeout=CLOSE_SECONDS)
        await self.save()
        if self._waiting:
            logger.error("%d tracked exposures are lost: neither database nor disk took them", len(self._waiting))
        # What still waits for the database now holds nothing that is not on disk.
        tasks = [task for task in (writing, self._running) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._spool is not None:
            await asyncio.to_thread(self._spool.close)

    async def _keep_writing(self) -> None:
        delay = self._pace
        while True:
            # In an outage a full batch is no reason to hurry.
            await (_pause(self._full, delay) if delay == self._pace else asyncio.sleep(delay))
            try:
                await self.flush()
                delay = self._pace
            except Exception as problem:
                if delay == self._pace:
                    unexpected = not isinstance(problem, OmniForgeError)
                    logger.warning("Tracked exposures wait for the database: %s", problem, exc_info=unexpected)
                delay = min(2 * delay, LONGEST_DELAY)

    async def _keep_saving(self) -> None:
        dropped = 0
        while True:
            await _pause(self._urgent, self._pace)
            if self._waiting and (self._late or self._is_crowded()):
                await self.save()
            if self._telemetry.exposures_dropped > dropped:
                dropped = self._telemetry.exposures_dropped
                logger.error("%d tracked exposures were dropped so far: memory and disk are full", dropped)
            if self._is_crowded():
                # Neither database nor disk takes them: more of them coming in is no reason to try again at once.
                await asyncio.sleep(self._pace)

    def _is_crowded(self) -> bool:
        return len(self._waiting) >= MAX_WAITING // 2

    def _lose_patience(self) -> None:
        self._late = True
        self._urgent.set()

    def _settle(self, batch: Iterable[Exposure]) -> None:
        """Remember that exposures are safe."""
        for exposure in batch:
            self._waiting.pop((exposure.experiment_id, exposure.unit_id), None)
            self._seen.add(exposure.experiment_id, exposure.unit_id)


async def _pause(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
