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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper

from omniforge_graph.errors import ConfigurationError, OmniForgeError, UnavailableError
from omniforge_graph.persistence.address import SqliteAddress
from omniforge_graph.persistence.pack import Pack
from omniforge_graph.persistence.session import Limits, Session
from omniforge_graph.persistence.sqlite_session import SqliteSession
from omniforge_graph.services.repository import RefusedRowError

OLDEST = (3, 35)
"""The first with RETURNING and materialized common table expressions."""
FOR_WRITING = {"cache_size": -65_536, "wal_autocheckpoint": 16_000, "journal_size_limit": 64 * 1024 * 1024}
"""64 MiB of pages at hand and as many in the log before they move into the file: outcomes of many units touch many
pages of an index, and each moves once for many outcomes."""
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


class SqliteEngine:
    """A SQLite file. Readers never wait for the writer, and short reads never for an analysis."""

    def __init__(self, address: SqliteAddress, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._writer = MendedSqliteClient(address.path, limits.queue, **FOR_WRITING)
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

    def explain(self, error: BaseException) -> OmniForgeError | RefusedRowError | None:
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
        of_a_row = isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError))
        return RefusedRowError(f"The database refuses a row: {error}") if of_a_row else None


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
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; name a file in it.", path=("database_url",))
    if not create and not path.exists():
        raise UnavailableError("There is no such file: run `omniforge-graph migrate` to make it.")
