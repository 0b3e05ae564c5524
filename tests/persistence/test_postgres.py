"""What only PostgreSQL has: a network that breaks, a server that freezes, a pool that empties."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from omniforge_graph.errors import UnavailableError
from omniforge_graph.persistence import Limits, open_database
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.postgres import POOL_SIZE

COUNT_UP = "UPDATE ticket SET value = value + 1"
READ = "SELECT value FROM ticket"
IMPATIENT = Limits(acquire=0.5, command=0.3)


class Wire:
    """A TCP connection to the server that can freeze, with nothing lost and nothing passed on, or be cut."""

    def __init__(self):
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.refused = None
        self._writers = set()
        self._tasks = set()

    def freeze(self):
        self.flowing.clear()

    def thaw(self):
        self.flowing.set()

    def refuse(self):
        """Cut all connections, and from now on each new one, which `refused` counts."""
        self.refused = 0
        self.cut()

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def to(self, url):
        address, _, name = url.rpartition("/")
        host, _, port = address.rpartition("@")[2].partition(":")

        async def meet(reader, writer):
            if self.refused is not None:
                self.refused += 1
                writer.transport.abort()
                return
            self._tasks.add(asyncio.current_task())
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            self._writers |= {writer, far_writer}
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        try:
            yield f"postgres://postgres:any@127.0.0.1:{server.sockets[0].getsockname()[1]}/{name}"
        finally:
            self.thaw()
            self.cut()
            server.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, reader, writer):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@pytest.fixture
async def wire():
    return Wire()


@pytest.fixture
async def database(postgres_url, wire):
    async with asyncio.timeout(60), wire.to(postgres_url) as url, connect(url, IMPATIENT) as opened:
        yield opened


async def count_up(database):
    async with database.transaction() as session:
        await session.run(COUNT_UP)


async def value(database):
    async with database.reading() as session:
        return (await session.rows(READ))[0]["value"]


async def test_a_frozen_server_is_an_error_in_time(database, wire):
    await count_up(database)
    wire.freeze()
    for attempt in (value, count_up, value):
        async with asyncio.timeout(10):
            with pytest.raises(UnavailableError):
                await attempt(database)
    wire.thaw()
    await count_up(database)
    assert await value(database) == 2


async def test_a_frozen_server_is_an_error_in_time_from_the_start(postgres_url, wire):
    async with wire.to(postgres_url) as url:
        wire.freeze()
        async with asyncio.timeout(10):
            with pytest.raises(UnavailableError, match="cannot be opened"):
                async with connect(url, IMPATIENT):
                    pass


async def test_a_study_may_take_longer(postgres_url):
    async with connect(postgres_url, Limits(command=0.1, study=30)) as database:
        async with database.reading(study=True) as session:
            await session.rows("SELECT pg_sleep(0.3)")
        with pytest.raises(UnavailableError, match="took too long"):
            async with database.reading() as session:
                await session.rows("SELECT pg_sleep(0.3)")


async def test_a_rush_of_changes_leaves_connections_to_the_others(postgres_url, make):
    other = await asyncpg.connect(postgres_url)
    async with open_database(postgres_url) as repository:
        experiments = [await make.stored_experiment(repository) for _ in range(3 * POOL_SIZE)]
        before = await repository.head()
        async with other.transaction():
            await other.execute(COUNT_UP)
            starts = [asyncio.create_task(repository.save(make.starting(each))) for each in experiments]
            await asyncio.sleep(0.2)
            assert await asyncio.wait_for(repository.head(), 1) == before
        await asyncio.gather(*starts)
    await other.close()


async def test_a_server_that_freezes_inside_a_transaction(database, wire):
    async with asyncio.timeout(10):
        with pytest.raises(UnavailableError):  # noqa: PT012 - the transaction is the point
            async with database.transaction() as session:
                await session.run(COUNT_UP)
                wire.freeze()
                await session.rows(READ)
    wire.thaw()
    assert await value(database) == 0
    await count_up(database)
    assert await value(database) == 1


async def test_a_task_that_lives_long_recovers_from_an_interruption(database, wire):
    """Tortoise leaves the dead connection in the task's context: the same task would fail for ever."""
    await count_up(database)
    for _ in range(3):
        wire.cut()
        await asyncio.sleep(0)
        with suppress(UnavailableError):
            await count_up(database)
        before = await value(database)
        await count_up(database)
        assert await value(database) == before + 1


async def test_an_outage_is_a_line_at_its_beginning_and_one_at_its_end(database, wire, caplog):
    for _ in range(2):
        await count_up(database)
        caplog.clear()
        wire.refuse()
        while wire.refused < 8 or not caplog.records:
            with suppress(UnavailableError):
                await value(database)
            await asyncio.sleep(0.01)
        for _ in range(3):  # what the pool says of each attempt; it makes one a second at most
            logging.getLogger("asyncpg.pool").warning("Failed to restore the pool connection floor; retrying")
        logging.getLogger("asyncpg.pool").warning("of something else")
        wire.refused = None
        await value(database)
        first, other, last = caplog.records
        assert first.getMessage().startswith("PostgreSQL cannot be reached, trying again until it can: Connection")
        assert first.exc_info is None
        assert other.getMessage() == "of something else"
        assert last.getMessage() == "PostgreSQL can be reached again"


async def test_a_connection_cut_inside_a_transaction_changes_nothing(database, wire):
    with pytest.raises(UnavailableError):  # noqa: PT012 - the transaction is the point
        async with database.transaction() as session:
            await session.run(COUNT_UP)
            wire.cut()
            await session.run(COUNT_UP)
    assert await value(database) == 0


async def test_a_cancelled_request_on_a_frozen_server_ends(database, wire):
    wire.freeze()
    task = asyncio.create_task(count_up(database))
    await asyncio.sleep(0.1)
    task.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([task])
    wire.thaw()
    await count_up(database)
    assert await value(database) == 1


async def test_an_empty_pool_is_an_error_in_time(database):
    async def hold(full, release):
        async with database.transaction():
            full.release()
            await release.wait()

    full, release = asyncio.Semaphore(0), asyncio.Event()
    holders = [asyncio.create_task(hold(full, release)) for _ in range(POOL_SIZE)]
    for _ in holders:
        await full.acquire()
    with pytest.raises(UnavailableError, match="took too long"):
        await value(database)
    release.set()
    await asyncio.gather(*holders)
    assert await value(database) == 0


async def test_a_backend_that_is_killed_is_replaced(postgres_url):
    admin = await asyncpg.connect(postgres_url)
    async with connect(postgres_url) as database:
        async with database.reading() as session:
            pid = (await session.rows("SELECT pg_backend_pid() AS pid"))[0]["pid"]
        with pytest.raises(UnavailableError):  # noqa: PT012 - the transaction is the point
            async with database.transaction() as session:
                assert (await session.rows("SELECT pg_backend_pid() AS pid"))[0]["pid"] == pid
                await admin.execute("SELECT pg_terminate_backend($1)", pid)
                await session.run(COUNT_UP)
        await count_up(database)
        assert await value(database) == 1
    await admin.close()


async def test_a_mistake_of_ours_is_not_called_unavailable(postgres_url):
    async with connect(postgres_url) as database, database.reading() as session:
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await session.rows("SELEKT 1")


async def test_a_study_is_never_joined_row_by_row_and_leaves_the_connection_as_it_was(postgres_url):
    async with connect(postgres_url) as database:
        async with database.reading(study=True) as session:
            assert (await session.rows("SHOW enable_nestloop"))[0]["enable_nestloop"] == "off"
        async with database.reading() as session:
            assert (await session.rows("SHOW enable_nestloop"))[0]["enable_nestloop"] == "on"
