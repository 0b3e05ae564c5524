"""The way of events to the database: a bounded backlog in front, and many requests committed together behind it."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from omniforge_graph.errors import RateLimitedError, UnavailableError
from omniforge_graph.telemetry import Telemetry

Record = TypeVar("Record")

GROUP = 10_000
"""Events of one transaction, unless a single request brings more."""
BACKLOG = 100_000
WINDOW = 10.0
"""Seconds over which the rate of writing is averaged."""
MAX_RETRY_AFTER = 60


class Backlog:
    """Counts the events that were taken on and are not written yet, and refuses more once so many wait.

    A batch is taken on whole, whatever its size: if there had to be room for all of it, small ones would always be
    faster, and a large one would never come in. So as many as the limit and one batch may wait.
    """

    def __init__(self, limit: int, telemetry: Telemetry) -> None:
        self._limit = limit
        self._telemetry = telemetry
        self._waiting = 0
        self._written = 0.0
        self._since = 0.0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """Events that were taken on and are not written yet."""
        return self._waiting

    @contextmanager
    def taken_on(self, count: int) -> Iterator[None]:
        """Hold a place for so many events until the block ends: written, if it does not raise.

        Raises:
            RateLimitedError: too many wait; `retry_after` is when they should be written.
            UnavailableError: the process is about to end.
        """
        if self._closed:
            raise UnavailableError("This process is about to end; try again, and another one will answer.")
        if self._waiting >= self._limit:
            self._telemetry.events_limited += count
            retry_after = self._retry_after()
            raise RateLimitedError(
                f"{self._waiting:,} events wait to be written, and no more may; try again after {retry_after} s.",
                retry_after=retry_after,
            )
        if not self._waiting:
            self._written, self._since = 0.0, time.monotonic()
            self._empty.clear()
        self._waiting += count
        try:
            yield
            self._written += count
        finally:
            self._waiting -= count
            if not self._waiting:
                self._empty.set()

    def _retry_after(self) -> int:
        """Return the whole seconds until what waits is written, at the rate of late."""
        took = time.monotonic() - self._since
        if took > WINDOW:  # forget half of it
            self._since += took / 2
            self._written /= 2
            took /= 2
        rate = self._written / took if took > 0 else 0.0
        return min(max(math.ceil(self._waiting / rate), 1), MAX_RETRY_AFTER) if rate else 1

    async def close(self) -> None:
        """Take no more on, and wait until all is written or was given up; `GroupCommit` may still be at the latter."""
        self._closed = True
        await self._empty.wait()


class GroupCommit(Generic[Record]):
    """Writes what several requests bring in one transaction: while one is written, the next ones gather.

    `write` writes records in one transaction and returns for each whether it was new. It is never called twice at the
    same time, nor cancelled with a request.
    """

    def __init__(self, write: Callable[[Sequence[Record]], Awaitable[Sequence[bool]]], size: int = GROUP) -> None:
        self._write = write
        self._size = size
        self._queue: deque[_Request[Record]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def write(self, records: Sequence[Record]) -> Sequence[bool]:
        """Return for each record whether it was new, once all are durable.

        Whatever `write` raised for these records is raised here: the fault of one request is not that of the others.
        Who is cancelled here does not know whether the records were written.
        """
        if not records:
            return ()
        request = _Request(records)
        self._queue.append(request)
        if self._writer is None:
            self._writer = asyncio.create_task(self._run())
        return await request.answer

    async def close(self) -> None:
        """Wait until nothing is being written, not even for those who gave up; nobody may bring more."""
        if self._writer is not None:
            await asyncio.wait({self._writer})

    async def _run(self) -> None:
        group: list[_Request[Record]] = []
        try:
            while group := self._next_group():
                await self._commit(group)
        finally:
            self._writer = None
            for request in (*group, *self._queue):  # none, unless this task was cancelled
                request.answer.cancel()
            self._queue.clear()

    def _next_group(self) -> "list[_Request[Record]]":
        group: list[_Request[Record]] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].records) <= self._size):
            request = self._queue.popleft()
            if not request.answer.done():  # else its client has gone
                group.append(request)
                size += len(request.records)
        return group

    async def _commit(self, group: "Sequence[_Request[Record]]") -> None:
        """Write a group in one transaction; if that is refused, each request in its own."""
        records = group[0].records if len(group) == 1 else [each for request in group for each in request.records]
        try:
            new = await self._write(records)
        except Exception as problem:  # noqa: BLE001 - it is raised where somebody waits for it
            if len(group) > 1 and not isinstance(problem, UnavailableError):
                for request in group:
                    await self._commit([request])
                return
            for request in group:
                request.fail(problem)
            return
        start = 0
        for request in group:
            request.succeed(new[start : start + len(request.records)])
            start += len(request.records)


class _Request(Generic[Record]):
    """Records that belong together, and what their sender waits for."""

    __slots__ = ("answer", "records")

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.answer: asyncio.Future[Sequence[bool]] = asyncio.get_running_loop().create_future()

    def succeed(self, new: Sequence[bool]) -> None:
        """Give the answer, unless nobody waits for it any more."""
        if not self.answer.done():
            self.answer.set_result(new)

    def fail(self, problem: Exception) -> None:
        """Give the reason why there is no answer."""
        if not self.answer.done():
            self.answer.set_exception(problem)
