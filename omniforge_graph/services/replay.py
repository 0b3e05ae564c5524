"""What the spool holds, written to the database, file by file."""

import asyncio
import logging
import time
from contextlib import suppress

from omniforge_graph.domain.event import MAX_BATCH
from omniforge_graph.errors import OmniForgeError
from omniforge_graph.services.segment import Segment
from omniforge_graph.services.spool import Spool
from omniforge_graph.services.writer import ExposureWriter
from omniforge_graph.telemetry import Telemetry

logger = logging.getLogger(__name__)

ADOPT_SECONDS = 10.0
"""How often a process looks for files of others that are gone."""


class Replay:
    """Writes the files of a spool, its own and those of processes that are gone, to the database."""

    def __init__(self, spool: Spool, writer: ExposureWriter, telemetry: Telemetry) -> None:
        self._spool = spool
        self._writer = writer
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
            count = await self._writer.write_delayed(batch)
            segment.done()
            written += count
            self._telemetry.exposures_replayed += count
        return written
