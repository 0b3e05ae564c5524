"""SQLite: one connection that writes, two that read, and Tortoise's transactions mended.

The mends, each with a test that fails without it:

- Transactions begin with BEGIN IMMEDIATE. Tortoise's deferred BEGIN fails at once with "database is locked" when
  another process wrote between this one's read and its write; no timeout helps there.
- A task that is cancelled while its transaction begins gives the lock back. Tortoise keeps it for ever.
- A script inside a transaction stays inside: Python's ``executescript`` commits first.
- Every wait has a limit, and a statement that exceeds it, or whose task is cancelled, is interrupted.

The connection travels as a value, never in a context variable: a task started inside a transaction does not inherit it.
An acknowledged write survives the end of the process and, with synchronous=FULL, a loss of power.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import msgspec
import numpy as np
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper

from omniforge_graph.errors import ConfigurationError, OmniForgeError, UnavailableError
from omniforge_graph.persistence.address import SqliteAddress
from omniforge_graph.persistence.pack import Pack
from omniforge_graph.persistence.session import Limits, Packed, Row, Session, UniqueViolation

T = TypeVar("T")

OLDEST = (3, 35)
"""The first with RETURNING and materialized common table expressions."""
CHUNK = 500
"""Rows of one INSERT: far below SQLite's limit of 32,766 values, large enough to make the overhead vanish."""
_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_PASSING = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
}  # fmt: skip


class _Transaction(SqliteTransactionWrapper):
    """What Tortoise's migrations see of a transaction."""

    async def execute_script(self, query: str) -> None:
        for statement in query.split(";"):
            if statement.strip():
                await self.execute_query(statement)


class MendedSqliteClient(SqliteClient):
    """One connection of Tortoise's, with transactions that other tasks and processes cannot break."""

    def __init__(self, path: str, queue_limit: float, **pragmas: Any) -> None:
        super().__init__(
            path,
            connection_name="default",
            busy_timeout=int(queue_limit * 1000),
            journal_mode="WAL",
            synchronous="FULL",
            foreign_keys="ON",
            **pragmas,
        )
        self._queue_limit = queue_limit

    @property
    def raw(self) -> aiosqlite.Connection:
        """The driver's connection."""
        if self._connection is None:
            raise UnavailableError("The database is closed; open it again.")
        return self._connection

    async def create_connection(self, with_db: bool) -> None:
        """Open the file. Making a new one ready for several processes does not wait for the others: try again."""
        async with asyncio.timeout(self._queue_limit):
            while True:
                try:
                    await super().create_connection(with_db)
                    return await _offer_pack(self.raw)
                except sqlite3.OperationalError as error:
                    await self.close()
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                        raise
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[aiosqlite.Connection]:
        """Wait for the connection, and have it alone."""
        async with asyncio.timeout(self._queue_limit):
            await self._lock.acquire()
        try:
            yield self.raw
        finally:
            self._lock.release()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransactionWrapper]:
        """Commit what the block did, or roll it back if it raises or is cancelled, at any point."""
        async with self.turn() as connection:
            try:
                await connection.execute_fetchall("BEGIN IMMEDIATE")
                yield _Transaction(self)
                await connection.commit()
            except BaseException:
                # The connection's thread works in order: even if we are cancelled again while we wait here, whoever
                # gets the lock next finds no transaction open. Without one this does nothing.
                await connection.rollback()
                raise

    def _in_transaction(self) -> Any:
        return self.transaction()


async def _offer_pack(connection: Any) -> None:
    """Make the aggregate known; aiosqlite itself offers scalar functions only."""
    await connection._execute(connection._conn.create_aggregate, "pack", -1, Pack)  # noqa: SLF001


class SqliteSession(Session):
    """Statements on a connection that is this task's alone."""

    def __init__(self, connection: aiosqlite.Connection, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and return its rows."""
        return list(await self._limited(self._connection.execute_fetchall(_translate(sql), _adapt(values))))  # type: ignore[arg-type]

    async def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        cursor = await self._limited(self._connection.execute(_translate(sql), _adapt(values)))
        changed = cursor.rowcount
        await cursor.close()
        return changed

    async def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        cursor = await self._limited(self._connection.executemany(_translate(sql), values))
        await cursor.close()

    async def insert_new(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], returning: str
    ) -> list[Row]:
        """Insert many rows but those a unique index refuses. One statement for each chunk of rows."""
        inserted: list[Row] = []
        marks = f"({', '.join('?' * len(columns))})"
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            sql = (
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([marks] * len(chunk))} "  # noqa: S608
                f"ON CONFLICT DO NOTHING RETURNING {returning}"
            )
            inserted += await self.rows(sql, *(value for row in chunk for value in row))
        return inserted

    async def packed(
        self, head: str, selects: Sequence[str], labels: Sequence[str], numbers: Sequence[str], values: Sequence[Any]
    ) -> list[Packed]:
        """Run several SELECTs as one statement; an aggregate of ours packs the doubles."""
        names = ", ".join(labels)
        parts = (
            f"SELECT {place} AS place, {names}, pack({', '.join(numbers)}) FROM ({select}) GROUP BY {names}"  # noqa: S608
            for place, select in enumerate(selects)
        )
        found: list[Packed] = [{} for _ in selects]
        for record in await self.rows(f"{head} {' UNION ALL '.join(parts)}", *values):
            place, *label, doubles = tuple(record)
            found[place][tuple(label)] = np.frombuffer(doubles).reshape(-1, len(numbers)).T  # type: ignore[call-overload]
        return found

    def json_text(self, column: str) -> str:
        """Return an expression for the text under a key of JSON in a column."""
        return f"json_extract({column}, ?)"

    def json_key(self, key: str) -> str:
        """Return the path of a key."""
        return f'$."{key}"'

    async def lock_totals(self, *, shared: bool) -> None:
        """Return at once: a transaction that writes is alone from its beginning."""

    async def _limited(self, work: Awaitable[T]) -> T:
        """Await a statement; beyond the limit, or when cancelled, interrupt it."""
        try:
            async with asyncio.timeout(self._limit):
                return await work
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _UNIQUE:
                raise UniqueViolation(str(error)) from error
            raise
        except (TimeoutError, asyncio.CancelledError):
            # The connection's thread is still at it, and the next task's statement would wait behind this one.
            await self._connection.interrupt()
            raise


class SqliteEngine:
    """A SQLite file. Readers never wait for the writer, and short reads never for an analysis."""

    def __init__(self, address: SqliteAddress, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._writer = MendedSqliteClient(address.path, limits.queue)
        self._reader = MendedSqliteClient(address.path, limits.queue, query_only="ON")
        self._student = MendedSqliteClient(address.path, limits.queue, query_only="ON")

    async def open(self, *, create: bool) -> None:
        """Open the file; where there is none, make it if `create` says so."""
        _check_file(Path(self._address.path), create=create)
        for client in (self._writer, self._reader, self._student):
            await client.create_connection(with_db=True)

    async def close(self) -> None:
        """Close what was opened."""
        for client in (self._student, self._reader, self._writer):
            await client.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Yield a session in a transaction that holds the write lock."""
        async with self._writer.transaction():
            yield SqliteSession(self._writer.raw, self._limits.command)

    @asynccontextmanager
    async def reading(self, *, study: bool = False) -> AsyncIterator[Session]:
        """Yield a session that cannot write."""
        limit = self._limits.study if study else self._limits.command
        async with (self._student if study else self._reader).turn() as connection:
            yield SqliteSession(connection, limit)

    @asynccontextmanager
    async def migration(self) -> AsyncIterator[Any]:
        """Yield Tortoise's client in a transaction that no other process shares."""
        async with self._writer.transaction() as client:
            yield client

    def explain(self, error: BaseException) -> OmniForgeError | None:
        """Return what an error of the driver means for a caller, None if it is a mistake of ours."""
        if isinstance(error, TimeoutError):
            return UnavailableError("The database took too long; try again.")
        if not isinstance(error, sqlite3.Error) or (code := getattr(error, "sqlite_errorcode", None)) is None:
            return None
        if code == sqlite3.SQLITE_NOTADB:
            return ConfigurationError(f"{self._address} is not a database; name another.", path=("database_url",))
        if code & 0xFF in _PASSING:  # the low byte is the primary code, the rest only refines it
            return UnavailableError(f"The database cannot be used right now ({error}); try again.")
        if "no such table" in str(error) or "no such column" in str(error):
            return UnavailableError("The database lacks tables of this release: run `omniforge-graph migrate`.")
        return None


def _check_file(path: Path, *, create: bool) -> None:
    """Refuse what cannot be opened before SQLite makes a file of it."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise ConfigurationError(
            f"SQLite {sqlite3.sqlite_version} is too old: at least {'.'.join(map(str, OLDEST))} is needed, or use "
            "a Python that brings a newer one, or PostgreSQL.",
            path=("database_url",),
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder {path.parent} does not exist; create it.", path=("database_url",))
    if not create and not path.exists():
        raise UnavailableError("There is no such file: run `omniforge-graph migrate` to make it.")


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    return sql.replace("(?*)", "(SELECT value FROM json_each(?))")


def _adapt(values: Sequence[Any]) -> list[Any]:
    return [
        msgspec.json.encode(list(value)).decode() if isinstance(value, list | tuple | set | frozenset) else value
        for value in values
    ]
