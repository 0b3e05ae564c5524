"""Coroutines run as far as they go without waiting: most have their answer at hand, and a time limit costs more."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

Late: TypeAlias = Callable[[], Exception]
"""Makes the error of work that took too long."""


async def in_time(work: Awaitable[T], seconds: float, late: Late) -> T:
    """Await the work; if it takes longer than `seconds`, cancel it and raise what `late` returns.

    A coroutine that never waits pays nothing for the limit. It runs in this task, as with a plain await.
    """
    result = at_once(work, seconds, late)
    return await result.rest if isinstance(result, Waiting) else result


def at_once(work: Awaitable[T], seconds: float, late: Late) -> "T | Waiting[T]":
    """Do what `in_time` does as far as it goes without waiting; `Waiting` holds the rest, to be awaited at once.

    For the hottest paths: it saves them a coroutine. It must be called in the task that awaits the rest.
    """
    if type(work) is not types.CoroutineType:
        return Waiting(_limited(work, seconds, late))
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    return Waiting(_limited(_resume(work, awaited), seconds, late))


class Waiting(Generic[T]):
    """Work that has begun and waits."""

    __slots__ = ("rest",)

    def __init__(self, rest: Awaitable[T]) -> None:
        self.rest = rest


async def _limited(work: Awaitable[T], seconds: float, late: Late) -> T:
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await work
    except TimeoutError:
        if deadline.expired():
            raise late() from None
        raise


@types.coroutine
def _resume(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that was started and waits for `awaited`."""
    try:
        while True:
            try:
                sent = yield awaited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle, cancellation too
                awaited = work.throw(error)
            else:
                awaited = work.send(sent)
    except StopIteration as done:
        result: T = done.value
        return result
