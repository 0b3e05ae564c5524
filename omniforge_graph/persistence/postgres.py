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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.exceptions import DBConnectionError

from omniforge_graph.errors import ConfigurationError, OmniForgeError, UnavailableError
from omniforge_graph.persistence.address import PostgresAddress
from omniforge_graph.persistence.outage import OUTAGE
from omniforge_graph.persistence.postgres_session import PostgresSession
from omniforge_graph.persistence.session import Limits, Session
from omniforge_graph.services.repository import RefusedRowError

POOL_SIZE = 10
ROLLBACK_LIMIT = 1.0
MIGRATION_LOCK = 0x6F6D6E69
"""The key of the advisory lock that lets one process migrate at a time: "omni"."""
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
_FAULTS_OF_ROWS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
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
        OUTAGE.over()
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


class PostgresEngine:
    """A PostgreSQL database."""

    def __init__(self, address: PostgresAddress, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._client = MendedPostgresClient(address, limits)

    async def open(self, *, create: bool) -> None:  # noqa: ARG002 - nobody but its owner makes a PostgreSQL database
        """Connect once, so that a wrong address is known now."""
        await self._client.create_connection(with_db=True)
        OUTAGE.over()

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

    def explain(self, error: BaseException) -> OmniForgeError | RefusedRowError | None:
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
        if isinstance(error, _FAULTS_OF_ROWS):
            return RefusedRowError(f"The database refuses a row: {error.args[0]}")
        return None
