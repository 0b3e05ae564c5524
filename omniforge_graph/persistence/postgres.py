"""PostgreSQL: Tortoise's pool, with its transactions mended.

The mends, each with a test that fails without it:

- A transaction whose BEGIN fails gives its connection back and leaves nothing behind. Tortoise leaves the dead
  connection in the task's context, and a long-lived task stays broken until it ends.
- Waiting for a connection and for each statement has a limit, so that a frozen server or network cannot hold a
  request. A connection that does not even answer ROLLBACK is dropped.
- The connection travels as a value, never in a context variable: tasks started inside a transaction do not inherit it.

A client that freezes inside a transaction is thrown out by the server after ten seconds, so that it cannot hold the
ticket's lock against all others.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from itertools import count
from typing import Any

import asyncpg
import numpy as np
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.exceptions import DBConnectionError

from omniforge_graph.errors import ConfigurationError, OmniForgeError, UnavailableError
from omniforge_graph.persistence.address import PostgresAddress
from omniforge_graph.persistence.session import Limits, Packed, Row, Session, UniqueViolation

POOL_SIZE = 10
ROLLBACK_LIMIT = 1.0
MIGRATION_LOCK = 0x6F6D6E69
"""The key of the advisory lock that lets one process migrate at a time: "omni"."""
TOTALS_LOCK = 0x756E6974
"""The key of the advisory lock between those who record exposures and outcomes: "unit"."""
FEW_ROWS = ", ".join(
    f"set_config('{name}', 'off', true)" for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)
_PASSING = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.PostgresSystemError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InternalServerError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the connection dies between two messages
)
_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    DBConnectionError,
)
_UNMIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


class MendedPostgresClient(AsyncpgDBClient):
    """Tortoise's pool, with transactions that survive interruptions and a server that does not answer."""

    def __init__(self, address: PostgresAddress, limits: Limits) -> None:
        super().__init__(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.name,
            connection_name="default",
            minsize=1,
            maxsize=POOL_SIZE,
            timeout=limits.acquire,
            command_timeout=limits.command,
            application_name="omniforge-graph",
            # What a statement sees must be as new as the lock that the statement before it waited for.
            server_settings={
                "idle_in_transaction_session_timeout": "10000",
                "default_transaction_isolation": "read committed",
            },
            **({} if address.tls is None else {"ssl": address.tls}),
        )
        self._limits = limits

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Any]:
        """Take a connection out of the pool and bring it back."""
        if self._pool is None:
            raise UnavailableError("The database is closed; open it again.")
        connection = await self._pool.acquire(timeout=self._limits.acquire)
        try:
            yield connection
        finally:
            await self._pool.release(connection, timeout=ROLLBACK_LIMIT)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[TransactionWrapper]:
        """Commit what the block did, or roll it back if it raises or is cancelled, at any point."""
        async with self.turn() as connection:
            transaction = connection.transaction()
            try:
                await transaction.start()
                client = TransactionWrapper(self)
                client._connection = connection  # noqa: SLF001 - as Tortoise's own context does
                yield client
                await transaction.commit()
            except BaseException:
                await _abandon(connection, transaction)
                raise

    def _in_transaction(self) -> Any:
        return self.transaction()


async def _abandon(connection: Any, transaction: Any) -> None:
    """Roll back; a connection that cannot even do that is dropped, and the server rolls back when it notices."""
    try:
        async with asyncio.timeout(ROLLBACK_LIMIT):
            await transaction.rollback()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


class PostgresSession(Session):
    """Statements on a connection that is this task's alone."""

    def __init__(self, connection: Any, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and return its rows."""
        with _unique():
            rows: list[Row] = await self._connection.fetch(_translate(sql), *values, timeout=self._limit)
            return rows

    async def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        with _unique():
            status: str = await self._connection.execute(_translate(sql), *values, timeout=self._limit)
            return int(status.rpartition(" ")[2])

    async def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        with _unique():
            await self._connection.executemany(_translate(sql), values, timeout=self._limit)

    async def insert_new(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], returning: str
    ) -> list[Row]:
        """Insert many rows but those a unique index refuses. One text for any number of rows."""
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), 1))
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) "  # noqa: S608
            f"ON CONFLICT DO NOTHING RETURNING {returning}"
        )
        return await self.rows(sql, *zip(*rows, strict=True)) if rows else []

    async def packed(
        self, head: str, selects: Sequence[str], labels: Sequence[str], numbers: Sequence[str], values: Sequence[Any]
    ) -> list[Packed]:
        """Run several SELECTs as one statement; the server packs the doubles, which is faster than a row for each."""
        names, packs = ", ".join(labels), ", ".join(f"string_agg(float8send({each}), ''::bytea)" for each in numbers)
        parts = (
            f"SELECT {place} AS place, {names}, {packs} FROM ({select}) AS part GROUP BY {names}"  # noqa: S608
            for place, select in enumerate(selects)
        )
        found: list[Packed] = [{} for _ in selects]
        for record in await self.rows(f"{head} {' UNION ALL '.join(parts)}", *values):
            place, *row = record.values()
            doubles = [np.frombuffer(each, dtype=">f8") for each in row[len(labels) :]]
            found[place][tuple(row[: len(labels)])] = np.array(doubles, dtype=np.float64)
        return found

    def json_text(self, column: str) -> str:
        """Return an expression for the text under a key of JSON in a column; it sorts as Python does."""
        return f'(CAST({column} AS JSON) ->> CAST(? AS TEXT)) COLLATE "C"'

    def json_key(self, key: str) -> str:
        """Return the key itself."""
        return key

    async def lock_totals(self, *, shared: bool) -> None:
        """Wait for the advisory lock, and have what follows go by indexes.

        A batch is small beside the tables it is joined with, whatever the planner believes of tables that have just
        been filled: a fold that went through them whole would take seconds.
        """
        await self.rows(f"SELECT {FEW_ROWS}, pg_advisory_xact_lock{'_shared' if shared else ''}(?)", TOTALS_LOCK)


class PostgresEngine:
    """A PostgreSQL database."""

    def __init__(self, address: PostgresAddress, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._client = MendedPostgresClient(address, limits)

    async def open(self, *, create: bool) -> None:  # noqa: ARG002 - nobody but its owner makes a PostgreSQL database
        """Connect once, so that a wrong address is known now."""
        await self._client.create_connection(with_db=True)

    async def close(self) -> None:
        """Close the pool."""
        await self._client.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Yield a session in a transaction."""
        async with self._client.transaction() as client:
            yield PostgresSession(client._connection, self._limits.command)  # noqa: SLF001

    @asynccontextmanager
    async def reading(self, *, study: bool = False) -> AsyncIterator[Session]:
        """Yield a session for reading.

        A study goes through many rows. For tables that have just been filled the planner knows no better than that
        they are nearly empty, and would join them row by row: minutes instead of milliseconds. A study forbids that.
        It also forbids compiling, which takes longer than what it saves in a statement of many parts.
        """
        if not study:
            async with self._client.turn() as connection:
                yield PostgresSession(connection, self._limits.command)
            return
        async with self._client.transaction() as client:
            session = PostgresSession(client._connection, self._limits.study)  # noqa: SLF001
            await session.rows("SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)")
            yield session

    @asynccontextmanager
    async def migration(self) -> AsyncIterator[Any]:
        """Yield Tortoise's client in a transaction that no other process shares."""
        async with self._client.transaction() as client:
            await client.execute_query("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK])
            yield client

    def explain(self, error: BaseException) -> OmniForgeError | None:
        """Return what an error of the driver means for a caller, None if it is a mistake of ours."""
        if isinstance(error, _REFUSED):
            return ConfigurationError(
                f"{self._address} refuses us: check that it exists, and the user and the password.",
                path=("database_url",),
            )
        if isinstance(error, _UNMIGRATED):
            return UnavailableError("The database lacks tables of this release: run `omniforge-graph migrate`.")
        if isinstance(error, TimeoutError):
            return UnavailableError("The database took too long; try again.")
        if isinstance(error, _PASSING):
            return UnavailableError("The database cannot be reached right now; try again.")
        return None


@contextmanager
def _unique() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise UniqueViolation(str(error)) from error


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", sql.replace("IN (?*)", "= ANY(?)"))
