"""Importing events from files: slice by slice through the same checks as any other, and on from where it stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeAlias

from omniforge_graph.domain.event import MAX_BATCH, BatchReceipt
from omniforge_graph.errors import ErrorCode, OmniForgeError, RateLimitedError, UnavailableError

WINDOW = 50_000
"""Lines that are read at once and recorded in the order of their units: what a batch touches lies together then."""
PAUSE = 0.11
"""Seconds between two windows. On SQLite who waits to write looks every 0.1 s whether it may: here it may."""
PATIENCE = 120.0
"""Seconds for which a database that is away or busy is waited for."""

Record: TypeAlias = Callable[[Sequence[Any]], Awaitable[BatchReceipt]]
Line: TypeAlias = tuple[int, str, Any]
"""A line's number, its text as far as it is worth showing, and the event in it or the `OmniForgeError` that it is."""


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come: the last line that is done, and what became of the lines up to it.

    `report_bytes` is the length of the report on rejected lines up to there.
    """

    line: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    report_bytes: int = 0


class ImportStore(Protocol):
    """Keeps the progress of imports that are not at their end yet, in the database that they import into."""

    async def get_progress(self, id: str) -> ImportProgress | None:  # noqa: A002 - the port's word
        """Return how far an import came before it was interrupted, None if it was not."""

    async def save_progress(self, id: str, progress: ImportProgress) -> None:  # noqa: A002
        """Keep how far an import has come."""

    async def forget_progress(self, id: str) -> None:  # noqa: A002
        """Forget an import that is at its end."""


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that was not recorded, and why."""

    line: int
    code: ErrorCode | str
    message: str
    text: str


class Report(Protocol):
    """Where rejected lines are reported."""

    def begin(self, size: int) -> None:
        """Keep the first `size` bytes, which an import that was interrupted has written, and nothing else."""

    def add(self, lines: Sequence[RejectedLine]) -> int:
        """Report lines, durably, and return the bytes reported so far."""


class Importer:
    """Records the events of a file in batches, and remembers how far it is after every window of lines.

    An import that is killed goes on after the last line that was remembered. What it had recorded beyond that is sent
    again, and known: outcomes of a file have ids, and exposures count once.
    """

    def __init__(self, record: Record, store: ImportStore, report: Report, *, window: int = WINDOW) -> None:
        self._record = record
        self._store = store
        self._report = report
        self._window = window

    async def run(
        self,
        id: str,  # noqa: A002
        read: Callable[[int], Generator[Line]],
        tell: Callable[[ImportProgress], None],
    ) -> ImportProgress:
        """Import what `read` yields of the lines after a number, and return what became of all.

        `id` is the import's: the same for the same file and options. `tell` hears of each step.

        Raises:
            UnavailableError: the database stayed away; the same import goes on where this one stopped.
        """
        progress = await self._store.get_progress(id) or ImportProgress()
        await asyncio.to_thread(self._report.begin, progress.report_bytes)
        tell(progress)
        lines = read(progress.line)
        following = asyncio.create_task(self._next(lines))
        try:
            while window := await following:
                # Read on while the database is at work.
                following = asyncio.create_task(self._next(lines))
                progress = await self._import(window, progress, tell)
                await _patiently(partial(self._store.save_progress, id, progress))
                await asyncio.sleep(PAUSE)
        finally:
            # A thread at work cannot be stopped, only waited for.
            await asyncio.gather(following, return_exceptions=True)
            lines.close()
        await _patiently(partial(self._store.forget_progress, id))
        return progress

    async def _next(self, lines: Generator[Line]) -> list[Line]:
        return await asyncio.to_thread(lambda: list(islice(lines, self._window)))

    async def _import(
        self, window: Sequence[Line], progress: ImportProgress, tell: Callable[[ImportProgress], None]
    ) -> ImportProgress:
        rejected = [
            RejectedLine(line, found.code, found.message, text)
            for line, text, found in window
            if isinstance(found, OmniForgeError)
        ]
        good = [each for each in window if not isinstance(each[2], OmniForgeError)]
        good.sort(key=lambda each: each[2].unit_id)  # a unit's events stay in their order
        for start in range(0, len(good), MAX_BATCH):
            batch = good[start : start + MAX_BATCH]
            receipt = await _patiently(partial(self._record, [event for _, _, event in batch]))
            for each in receipt.rejected:
                line, text, _ = batch[each.index]
                rejected.append(RejectedLine(line, each.code, each.message, text))
            progress = replace(
                progress,
                accepted=progress.accepted + receipt.accepted,
                duplicates=progress.duplicates + receipt.duplicates,
            )
            tell(progress)
        size = progress.report_bytes
        if rejected:
            rejected.sort(key=lambda each: each.line)
            size = await asyncio.to_thread(self._report.add, rejected)
        return replace(progress, line=window[-1][0], rejected=progress.rejected + len(rejected), report_bytes=size)


async def _patiently(attempt: Callable[[], Awaitable[Any]]) -> Any:
    """Await an attempt again and again while the database is busy or away."""
    wait, spent = 0.1, 0.0
    while True:
        try:
            return await attempt()
        except (UnavailableError, RateLimitedError):
            if spent >= PATIENCE:
                raise
            await asyncio.sleep(wait)
            spent += wait
            wait = min(2 * wait, 5.0)
