"""Long work on the event loop, done in pieces: whatever else is due gets its turn in between."""

import asyncio
from collections import deque
from time import perf_counter
from typing import Final
from weakref import WeakKeyDictionary

TURN: Final = 0.002
"""Seconds after which others get their turn. A piece takes that and one step more, so steps are to be short."""


class Turns:
    """The turns of one piece of long work, of which the first begins now.

    However many of them are under way, the event loop comes round after each turn of one: what has just arrived never
    waits for a turn of each.
    """

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = perf_counter() + TURN

    async def give(self) -> None:
        """Let others have their turn if ours has been long enough; to be called after each step."""
        if perf_counter() >= self._end:
            await self.give_now()

    async def give_now(self) -> None:
        """Let others have their turn, before a step that may be long."""
        await _queue_of(asyncio.get_running_loop()).wait()
        self._end = perf_counter() + TURN


class _Queue:
    """Long work that waits for its next turn, in the order in which it will have it."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._next, loop)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the turn of the first, and see to the next one when the loop has come round."""
        turn = self._waiting.popleft()
        if not turn.done():  # else it was given up
            turn.set_result(None)
        if self._waiting:
            loop.call_soon(self._next, loop)


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()


def _queue_of(loop: asyncio.AbstractEventLoop) -> _Queue:
    queue = _queues.get(loop)
    if queue is None:
        queue = _queues[loop] = _Queue()
    return queue
