"""One question to the database for all who have the same kind of question at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Together(Generic[Answer]):
    """Asks for keys: while one question is out, those who come wait for the next one, which asks for all of theirs.

    So what anybody learns was read after they asked, as if they had asked alone.
    """

    def __init__(self, ask: Callable[[Collection[str]], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._line = asyncio.Lock()
        self._keys: set[str] = set()
        self._next: asyncio.Future[Answer] | None = None

    async def ask(self, keys: Collection[str]) -> Answer:
        """Return the answer for these keys, and perhaps for others."""
        self._keys.update(keys)
        if self._next is None:
            self._next = asyncio.ensure_future(self._out())
            # Nobody may be left to hear of a failure, once those who asked were cancelled.
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._next)

    async def _out(self) -> Answer:
        async with self._line:
            keys, self._keys, self._next = self._keys, set(), None
            return await self._ask(keys)
