"""Exposures that selection tracks: queued after the answer, written together a moment later."""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping

from omniforge_graph.domain.event import MAX_BATCH, Exposure
from omniforge_graph.domain.selection import VariantSelection
from omniforge_graph.errors import UnavailableError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.identity import Clock, utc_now
from omniforge_graph.services.repository import PromptRepository

logger = logging.getLogger(__name__)

MAX_WAITING = 100_000
MAX_REMEMBERED = 200_000


class ExposureTracker:
    """Collects exposures without delaying anyone and writes them every `interval` seconds.

    Recording is idempotent (the first exposure of a unit counts), so a bounded memory of units seen before only
    saves work. A killed process loses at most one interval of tracked exposures; the unit's next selection tracks
    it again.
    """

    def __init__(
        self,
        repository: PromptRepository,
        registry: PluginRegistry,
        *,
        interval: float = 0.2,
        clock: Clock = utc_now,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._interval = interval
        self._clock = clock
        self._waiting: dict[tuple[str, str], Exposure] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._dropped = 0
        self._flushing = asyncio.Lock()

    def exposure(
        self, selection: VariantSelection, unit_id: str, attributes: Mapping[str, str] | None = None
    ) -> Exposure | None:
        """Return the exposure that a selection is, as of now; None if no experiment made it or it is known."""
        if selection.experiment_id is None or selection.variant_id is None:
            return None
        key = (selection.experiment_id, unit_id)
        if key in self._seen or key in self._waiting:
            return None
        return Exposure(*key, selection.variant_id, self._clock(), attributes or {})

    def add(self, exposure: Exposure) -> None:
        """Queue an exposure."""
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return
        self._waiting.setdefault((exposure.experiment_id, exposure.unit_id), exposure)

    async def flush(self) -> None:
        """Write what is waiting. Raises `UnavailableError` with everything still waiting if the database is away."""
        async with self._flushing:
            if self._dropped:
                logger.warning("%d exposures were dropped: %d waited already.", self._dropped, MAX_WAITING)
                self._dropped = 0
            while batch := list(self._waiting.values())[:MAX_BATCH]:
                new = await self._repository.record_exposures(batch)
                for exposure in batch:
                    key = (exposure.experiment_id, exposure.unit_id)
                    del self._waiting[key]
                    self._seen[key] = None
                counts = Counter(each.experiment_id for each, is_new in zip(batch, new, strict=True) if is_new)
                for experiment_id, count in counts.items():
                    self._registry.events_recorded(experiment_id, count)
                while len(self._seen) > MAX_REMEMBERED:
                    self._seen.popitem(last=False)

    async def run(self) -> None:
        """Flush every interval until cancelled; an outage is waited out."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.flush()
            except UnavailableError as problem:
                logger.warning("%d exposures wait for the database: %s", len(self._waiting), problem)
                await asyncio.sleep(self._interval)
            except Exception:
                logger.exception("%d exposures could not be written; they wait", len(self._waiting))
                await asyncio.sleep(self._interval)

    async def close(self) -> None:
        """Write what is waiting before the process ends."""
        try:
            await self.flush()
        except Exception:
            logger.exception("%d tracked exposures could not be written before the end", len(self._waiting))
