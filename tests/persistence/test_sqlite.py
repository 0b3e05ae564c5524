"""What only SQLite has: one file, one writer, statements that run in a thread of ours."""

import asyncio
import sqlite3

import pytest

from omniforge_graph.errors import ConfigurationError, UnavailableError
from omniforge_graph.persistence import Limits
from omniforge_graph.persistence.database import connect

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT COUNT(*) FROM n"
FAST = "SELECT value FROM ticket"


async def test_a_statement_beyond_its_limit_is_interrupted(sqlite_url):
    async with asyncio.timeout(30), connect(sqlite_url, Limits(command=0.1, study=0.1)) as database:
        for study in (False, True):
            with pytest.raises(UnavailableError, match="took too long"):
                async with database.reading(study=study) as session:
                    await session.rows(SLOW)
            async with database.reading(study=study) as session:
                assert (await session.rows(FAST))[0]["value"] == 0
        with pytest.raises(UnavailableError):  # noqa: PT012 - the transaction is the point
            async with database.transaction() as session:
                await session.run("UPDATE ticket SET value = 9")
                await session.rows(SLOW)
        async with database.transaction() as session:
            assert (await session.rows(FAST))[0]["value"] == 0


async def test_a_cancelled_statement_is_interrupted(sqlite_url):
    async with asyncio.timeout(30), connect(sqlite_url, Limits(command=25)) as database:

        async def read():
            async with database.reading() as session:
                await session.rows(SLOW)

        task = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.reading() as session:
            assert (await session.rows(FAST))[0]["value"] == 0


async def test_a_lock_that_is_never_released_is_an_error_that_may_be_tried_again(sqlite_url):
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    async with connect(sqlite_url, Limits(queue=0.2)) as database:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked"):
            async with database.transaction():
                pass
        other.execute("ROLLBACK")
        async with database.transaction() as session:
            await session.run("UPDATE ticket SET value = 1")
    assert other.execute(FAST).fetchone() == (1,)
    other.close()


async def test_a_full_queue_is_an_error_that_may_be_tried_again(sqlite_url):
    async with connect(sqlite_url, Limits(queue=0.1)) as database, database.transaction():
        with pytest.raises(UnavailableError, match="took too long"):
            async with database.transaction():
                pass


async def test_the_connections_are_set_up_to_last(sqlite_url):
    async with connect(sqlite_url) as database:
        async with database.transaction() as session:
            names = ("journal_mode", "synchronous", "foreign_keys")
            pragmas = {name: (await session.rows(f"PRAGMA {name}"))[0][name] for name in names}
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        with pytest.raises(UnavailableError, match="readonly"):
            async with database.reading() as session:
                await session.run("UPDATE ticket SET value = 1")


async def test_a_mistake_of_ours_is_not_called_unavailable(sqlite_url):
    async with connect(sqlite_url) as database, database.reading() as session:
        with pytest.raises(sqlite3.OperationalError, match="syntax"):
            await session.rows("SELEKT 1")


@pytest.mark.parametrize("create", [True, False])
async def test_a_folder_is_refused(tmp_path, create):
    with pytest.raises(ConfigurationError, match="is a folder; name a file in it"):
        async with connect(f"sqlite:///{tmp_path}", create=create):
            pass


async def test_an_old_library_is_refused(sqlite_url, monkeypatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 9))
    with pytest.raises(ConfigurationError, match=r"at least 3\.35"):
        async with connect(sqlite_url):
            pass
