"""Coroutines under a time limit that only those pay for which wait."""

import asyncio

import pytest

from omniforge_graph.graphql.transport.stepping import in_time


class LateError(Exception):
    """The limit is over."""


async def run(work, seconds=5.0):
    return await in_time(work, seconds, lambda: LateError("late"))


async def test_what_does_not_wait_is_answered_in_the_same_step():
    async def answer():
        return asyncio.current_task()

    assert await run(answer(), 0.0) is asyncio.current_task()


async def test_what_waits_goes_on_in_the_same_task():
    async def answer():
        first = asyncio.current_task()
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await asyncio.sleep(0.001)
        return first is asyncio.current_task()

    assert await run(answer())


async def test_what_is_no_coroutine_is_awaited():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 7)
    assert await run(future) == 7


@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_an_error_comes_through(waits):
    async def fail():
        for _ in range(waits):
            await asyncio.sleep(0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await run(fail())


async def test_a_coroutine_that_handles_an_error_of_what_it_waits_for_goes_on():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, KeyError("theirs"))

    async def answer():
        try:
            await future
        except KeyError:
            await asyncio.sleep(0)
            return "handled"

    assert await run(answer()) == "handled"


@pytest.mark.parametrize("kind", ["coroutine", "future"])
async def test_what_takes_too_long_is_cancelled(kind):
    ended = []

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    work = wait() if kind == "coroutine" else asyncio.ensure_future(wait())
    with pytest.raises(LateError):
        await run(work, 0.01)
    await asyncio.sleep(0)
    assert ended == [True]


async def test_a_time_limit_of_the_work_itself_is_its_own():
    async def hurried():
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await run(hurried())


async def test_cancelling_the_task_cancels_the_work():
    ended = asyncio.Event()

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(run(wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_that_is_dropped_half_way_is_closed():
    ended = []

    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    outer = run(wait())
    outer.send(None)
    outer.close()
    assert ended == [True]
