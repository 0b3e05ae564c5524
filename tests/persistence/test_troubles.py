"""What fails in the database is in the log: once a minute for each kind, not once for each request."""

import logging

import asyncpg
import pytest

from omniforge_graph.errors import UnavailableError
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.troubles import Troubles

DISK_FULL = """
DO $$ BEGIN RAISE EXCEPTION 'could not extend file "base/1"' USING ERRCODE = 'disk_full'; END $$
"""


def test_each_kind_is_told_once_a_minute(caplog):
    now = [0.0]
    troubles = Troubles("The database", clock=lambda: now[0])
    for seconds in (0.0, 1.0, 59.9, 60.0, 61.0):
        now[0] = seconds
        troubles.tell(OSError("gone"))
    troubles.tell(asyncpg.DiskFullError("full"))
    text = "The database fails, requests are answered UNAVAILABLE: "
    assert caplog.messages == [text + "OSError('gone')"] * 2 + [text + "DiskFullError('full')"]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_a_full_disk_of_sqlite_is_one_line_in_the_log(sqlite_url, caplog):
    async with connect(sqlite_url, wait=True) as database:
        for _ in range(3):
            with pytest.raises(UnavailableError):  # noqa: PT012 - the transaction is the point
                async with database.transaction() as session:
                    await session.rows("PRAGMA max_page_count = 1")
                    await session.run("CREATE TABLE large AS SELECT randomblob(100000) AS content")
        async with database.reading() as session:
            assert await session.rows("SELECT 1 AS one")
    (line,) = caplog.messages
    assert line.startswith("The SQLite file ")
    assert "database or disk is full" in line


async def test_a_full_disk_of_postgres_is_one_line_in_the_log(postgres_url, caplog):
    async with connect(postgres_url, wait=True) as database:
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await _run(database, DISK_FULL)
    (line,) = caplog.messages
    assert line.startswith("The PostgreSQL database ")
    assert "DiskFullError('could not extend file" in line


async def test_a_command_tells_its_error_itself(sqlite_url, caplog):
    async with connect(sqlite_url) as database:
        with pytest.raises(UnavailableError):
            await _run(database, "SELECT * FROM no_table")
    assert caplog.messages == []


async def test_a_mistake_of_ours_is_no_trouble_of_the_database(database_url, caplog):
    async with connect(database_url, wait=True) as database:
        with pytest.raises(Exception, match="syntax"):
            await _run(database, "SELEKT")
    assert caplog.messages == []


async def _run(database, statement):
    async with database.transaction() as session:
        await session.run(statement)
