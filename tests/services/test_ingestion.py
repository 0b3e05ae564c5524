"""The way of events to the database: bounded in front, together behind, and each request answered for itself."""

import asyncio
import time

import pytest

from omniforge_graph.errors import RateLimitedError, UnavailableError
from omniforge_graph.services.ingestion import MAX_RETRY_AFTER, Backlog, GroupCommit
from omniforge_graph.telemetry import Telemetry


class Store:
    """Takes numbers, each once; refuses batches with a bad one. Writes only while its gate is open."""

    def __init__(self):
        self.batches = []
        self.known = set()
        self.bad = None
        self.problem = ValueError("bad")
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, records):
        self.batches.append(list(records))
        await self.gate.wait()
        if self.bad in records:
            raise self.problem
        new = []
        for each in records:
            new.append(each not in self.known)
            self.known.add(each)
        return new


@pytest.fixture
def store():
    return Store()


async def started(*coroutines):
    """Tasks that have come as far as they can."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def written(commit, first, *others):
    """Tasks that write: the others come while the first one is at it."""
    return [*await started(commit.write(first)), *await started(*map(commit.write, others))]


async def test_what_comes_while_one_is_written_is_written_together(store):
    commit = GroupCommit(store.write)
    store.gate.clear()
    tasks = await written(commit, [1, 2], [2, 3], [3, 4], [4])
    store.gate.set()
    assert await asyncio.gather(*tasks) == [[True, True], [False, True], [False, True], [False]]
    assert store.batches == [[1, 2], [2, 3, 3, 4, 4]]


async def test_a_group_ends_before_the_request_that_would_make_it_too_large(store):
    commit = GroupCommit(store.write, size=3)
    store.gate.clear()
    tasks = await written(commit, [1], [2, 3], [4], [5], [6, 7, 8, 9], [10])
    store.gate.set()
    await asyncio.gather(*tasks)
    assert store.batches == [[1], [2, 3, 4], [5], [6, 7, 8, 9], [10]]


async def test_nothing_is_written_for_nothing(store):
    assert await GroupCommit(store.write).write([]) == ()
    assert store.batches == []


async def test_the_fault_of_one_request_is_not_that_of_the_others(store):
    commit = GroupCommit(store.write)
    store.gate.clear()
    store.bad = 3
    tasks = await written(commit, [1], [2], [3], [4])
    store.gate.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [[True], [True], store.problem, [True]]
    assert store.batches == [[1], [2, 3, 4], [2], [3], [4]]


async def test_a_database_that_is_away_is_asked_once_for_all_of_a_group(store):
    commit = GroupCommit(store.write)
    store.gate.clear()
    store.bad, store.problem = 3, UnavailableError("away")
    tasks = await written(commit, [1], [2], [3], [4])
    store.gate.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [[True], *[store.problem] * 3]
    assert store.batches == [[1], [2, 3, 4]]
    assert await commit.write([5]) == [True]


async def test_a_client_that_goes_takes_nobody_with_it(store):
    commit = GroupCommit(store.write)
    store.gate.clear()
    tasks = await written(commit, [1], [2], [3])
    tasks[0].cancel()  # being written
    tasks[1].cancel()  # waiting
    await started()
    store.gate.set()
    assert await tasks[2] == [True]
    assert store.batches == [[1], [3]]
    assert store.known == {1, 3}


async def test_closing_waits_for_what_is_written_though_its_client_has_gone(store):
    commit = GroupCommit(store.write)
    await commit.close()
    store.gate.clear()
    (task,) = await written(commit, [1])
    task.cancel()
    (closing,) = await started(commit.close())
    assert task.cancelled()
    assert not closing.done()
    store.gate.set()
    await closing
    assert store.known == {1}
    await commit.close()


async def test_a_writer_that_is_cancelled_leaves_nobody_waiting(store):
    commit = GroupCommit(store.write)
    store.gate.clear()
    tasks = await written(commit, [1], [2])
    commit._writer.cancel()
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task
    store.gate.set()
    assert await commit.write([3]) == [True]


async def test_more_than_may_wait_is_refused_with_the_time_to_come_again(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    telemetry = Telemetry()
    backlog = Backlog(1000, telemetry)
    with backlog.taken_on(600):
        with backlog.taken_on(400):
            now[0] = 2.0
            with pytest.raises(RateLimitedError) as refusal, backlog.taken_on(1):
                pass
            assert refusal.value.retry_after == 1  # nothing is known yet
        with backlog.taken_on(400):
            # 400 in two seconds: those 1,000 that wait take five more.
            with pytest.raises(RateLimitedError, match="1,000 events wait") as refusal, backlog.taken_on(401):
                pass
            assert refusal.value.retry_after == 5
            now[0] = 10_000.0
            with pytest.raises(RateLimitedError) as refusal, backlog.taken_on(500):
                pass
            assert refusal.value.retry_after == MAX_RETRY_AFTER
    assert telemetry.events_limited == 902
    assert backlog.waiting == 0


async def test_a_large_batch_is_taken_on_as_readily_as_a_small_one():
    backlog = Backlog(10, Telemetry())
    with backlog.taken_on(4), backlog.taken_on(4), backlog.taken_on(50):
        assert backlog.waiting == 58
        for size in (1, 50):
            with pytest.raises(RateLimitedError), backlog.taken_on(size):
                pass


async def test_what_failed_gives_its_place_back():
    backlog = Backlog(10, Telemetry())
    with pytest.raises(ValueError, match="no"), backlog.taken_on(10):
        raise ValueError("no")
    assert backlog.waiting == 0


async def test_closing_takes_nothing_more_on_and_waits_for_what_is_on_its_way():
    backlog = Backlog(10, Telemetry())
    with backlog.taken_on(1):
        (closing,) = await started(backlog.close())
        with pytest.raises(UnavailableError), backlog.taken_on(1):
            pass
        assert not closing.done()
    await closing
