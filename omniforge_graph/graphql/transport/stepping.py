"""Coroutines run as far as they go without waiting: most have their answer at hand, and a time limit costs more."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def in_time(work: Awaitable[T], seconds: float, late: Callable[[], Exception]) -> T:
    """Await the work; if it takes longer than `seconds`, cancel it and raise what `late` returns.

    A coroutine that never waits pays nothing for the limit. It runs in this task, as with a plain await.
    """
    if type(work) is not types.CoroutineType:
        return await _limited(work, seconds, late)
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    return await _limited(_resume(work, awaited), seconds, late)


async def _limited(work: Awaitable[T], seconds: float, late: Callable[[], Exception]) -> T:
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
