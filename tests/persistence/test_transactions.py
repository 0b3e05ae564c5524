"""The mends of Tortoise's transactions, on both engines: each of these fails or hangs without its mend."""

import asyncio
import random

import pytest

from omniforge_graph.errors import UnavailableError
from omniforge_graph.persistence import TortoiseRepository
from omniforge_graph.persistence.database import connect

COUNT_UP = "UPDATE ticket SET value = value + 1 WHERE id = 1"
READ = "SELECT value FROM ticket WHERE id = 1"


async def value(database):
    async with database.reading() as session:
        return (await session.rows(READ))[0]["value"]


@pytest.fixture
async def database(database_url):
    async with asyncio.timeout(60), connect(database_url) as opened:
        yield opened


async def test_a_block_is_committed_or_rolled_back_as_a_whole(database):
    async with database.transaction() as session:
        await session.run(COUNT_UP)
        await session.run(COUNT_UP)
    with pytest.raises(LookupError):  # noqa: PT012 - the transaction is the point
        async with database.transaction() as session:
            await session.run(COUNT_UP)
            raise LookupError
    assert await value(database) == 2


async def test_reading_first_and_writing_later_does_not_fail_because_another_process_wrote(database_url):
    """As several servers on one file: with a deferred BEGIN the second writer fails at once on SQLite."""

    async def read_then_write(database, entered, others):
        async with database.transaction() as session:
            await session.rows(READ)
            entered.set()
            await asyncio.wait([asyncio.ensure_future(others.wait())], timeout=0.2)
            await session.run(COUNT_UP)

    async with connect(database_url) as one, connect(database_url) as two:
        first, second = asyncio.Event(), asyncio.Event()
        await asyncio.gather(read_then_write(one, first, second), read_then_write(two, second, first))
        assert await value(one) == 2


async def test_a_cancelled_beginning_gives_the_connection_back(database):
    """Tasks that wait for the ticket are cancelled; Tortoise would keep SQLite's lock and hang the process."""

    async def count_up():
        async with database.transaction() as session:
            await session.run(COUNT_UP)

    async with database.transaction() as session:
        await session.run(COUNT_UP)
        waiting = [asyncio.create_task(count_up()) for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
    assert all(task.cancelled() for task in waiting)
    await count_up()
    assert await value(database) == 2


@pytest.mark.parametrize("seed", range(5))
async def test_a_storm_of_cancellations_breaks_nothing(database, seed):
    """Whatever the moment, twice in a row included: what was acknowledged is there and the database goes on."""
    chance = random.Random(seed)
    acknowledged = 0

    async def count_up():
        nonlocal acknowledged
        async with database.transaction() as session:
            await session.rows(READ)
            await session.run(COUNT_UP)
        acknowledged += 1

    for _ in range(60):
        task = asyncio.create_task(count_up())
        if chance.random() < 0.8:
            for _ in range(chance.randint(1, 2)):
                await asyncio.sleep(chance.uniform(0, 0.004))
                task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None
    before = await value(database)
    assert before >= acknowledged > 0  # a commit that was cancelled on its way may have arrived
    await count_up()
    assert await value(database) == before + 1


async def test_a_task_started_inside_a_transaction_does_not_inherit_it(database):
    repository = TortoiseRepository(database)
    looked, begin, seen = asyncio.Event(), asyncio.Event(), []

    async def look():
        seen.append(await repository.head())
        looked.set()
        await begin.wait()
        seen.append(await repository.head())
        async with database.transaction() as session:
            await session.run(COUNT_UP)

    async with database.transaction() as session:
        await session.run(COUNT_UP)
        task = asyncio.create_task(look())
        await looked.wait()
    begin.set()
    await task
    assert seen == [0, 1]
    assert await repository.head() == 2


async def test_readers_do_not_wait_for_a_writer(database):
    async with database.transaction() as session:
        await session.run(COUNT_UP)
        assert await asyncio.gather(*(value(database) for _ in range(5))) == [0] * 5


async def test_two_databases_at_once_in_one_process(sqlite_url, postgres_url):
    async with connect(sqlite_url) as one, connect(postgres_url) as two:
        async with one.transaction() as first, two.transaction() as second:
            await first.run(COUNT_UP)
            await second.run("UPDATE ticket SET value = 7")
        assert (await value(one), await value(two)) == (1, 7)


async def test_a_closed_database_says_so(database_url):
    async with connect(database_url) as database:
        pass
    with pytest.raises(UnavailableError, match="closed"):
        await value(database)
