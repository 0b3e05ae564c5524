"""What the spool holds, written to the database, file by file."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from omniforge_graph.domain.event import MAX_BATCH, Exposure
from omniforge_graph.errors import OmniForgeError
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.segment import Segment
from omniforge_graph.services.spool import Spool
from omniforge_graph.telemetry import Telemetry

logger = logging.getLogger(__name__)

Record: TypeAlias = Callable[[Sequence[Exposure]], Awaitable[None]]

ADOPT_SECONDS = 10.0
"""How often a process looks for files of others that are gone."""


class Replay:
    """Writes the files of a spool, its own and those of processes that are gone, to the database."""

    def __init__(self, spool: Spool, repository: PromptRepository, record: Record, telemetry: Telemetry) -> None:
        self._spool = spool
        self._repository = repository
        self._record = record
        self._telemetry = telemetry
        self._adopt_at = float("-inf")

    async def run(self) -> None:
        """Write all files and delete each once all of it is committed; times and attributes are the original ones.

        A file that fails for another reason than the database's absence would fail for ever and hold up all others: it
        is set aside.

        Raises:
            UnavailableError: the database is away; the rest waits for the next call.
        """
        if time.monotonic() >= self._adopt_at:
            await asyncio.to_thread(self._spool.adopt)
            self._adopt_at = time.monotonic() + ADOPT_SECONDS
        while (segment := await asyncio.to_thread(self._spool.oldest)) is not None:
            try:
                written = await self._write(segment)
                await asyncio.to_thread(self._spool.delete, segment)
            except OmniForgeError:
                raise
            except Exception:
                logger.exception("Tracked exposures cannot be replayed; %s is kept as .refused", segment.path)
                with suppress(OSError):
                    await asyncio.to_thread(self._spool.set_aside, segment)
            else:
                logger.warning("%d exposures kept on disk while the database was away or slow are in it now", written)

    async def _write(self, segment: Segment) -> int:
        written = 0
        while batch := await asyncio.to_thread(segment.read, MAX_BATCH):
            timely = await self._timely(batch)
            if timely:
                await self._record(timely)
            segment.done()
            written += len(timely)
            self._telemetry.exposures_replayed += len(timely)
            self._telemetry.exposures_late += len(batch) - len(timely)
        return written

    async def _timely(self, batch: Sequence[Exposure]) -> list[Exposure]:
        """Return the exposures before the end of their experiment: it may have ended while this process was cut off."""
        experiments = await self._repository.get_experiments({each.experiment_id for each in batch})
        return [
            each
            for each in batch
            if (experiment := experiments.get(each.experiment_id)) is not None
            and (experiment.end_date is None or each.occurred_at <= experiment.end_date)
        ]
