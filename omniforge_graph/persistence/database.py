"""A database: sessions and transactions on whichever engine the URL names, and one meaning for every failure."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from omniforge_graph.errors import OmniForgeError, UnavailableError
from omniforge_graph.persistence.address import SqliteAddress, parse_address
from omniforge_graph.persistence.listening import CHANNEL, listen
from omniforge_graph.persistence.postgres import PostgresEngine
from omniforge_graph.persistence.session import Limits, Session
from omniforge_graph.persistence.sqlite import SqliteEngine
from omniforge_graph.persistence.troubles import Troubles

logger = logging.getLogger(__name__)

REOPEN_SECONDS = 1.0


class Database:
    """An open database. Every block raises `UnavailableError` when the database is away or too slow.

    Nothing was changed then, with one exception that no client of a server can rule out: if the connection breaks
    while COMMIT is on its way, the change may have been made. Revisions and event ids make trying again safe.
    """

    def __init__(self, url: str, limits: Limits | None = None, *, telling: bool = False) -> None:
        """`telling` says that what fails is logged, once a minute for each kind."""
        self._address = address = parse_address(url)
        self._limits = limits = limits or Limits()
        self._line = asyncio.Lock()
        self._troubles = Troubles(address) if telling else None
        self.problem: UnavailableError | None = None
        """Why it could not be opened the last time."""
        self._engine: SqliteEngine | PostgresEngine = (
            SqliteEngine(address, limits) if isinstance(address, SqliteAddress) else PostgresEngine(address, limits)
        )

    async def open(self, *, create: bool = False) -> None:
        """Connect; `UnavailableError` or `ConfigurationError`, naming the database, if that fails.

        A SQLite file that does not exist is made only if `create` says so: a mistyped path must not look like an
        empty database.
        """
        try:
            with self._explained(opening=True):
                await self._engine.open(create=create)
        except UnavailableError as problem:
            await self._engine.close()
            self.problem = UnavailableError(f"{self._address} cannot be opened. {problem}")
            raise self.problem from problem.__cause__
        self.problem = None

    async def keep_opening(self) -> None:
        """Try to open the database until it is."""
        while self.problem is not None:
            await asyncio.sleep(REOPEN_SECONDS)
            try:
                await self.open()
            except OmniForgeError as problem:
                logger.debug("%s", problem)
            except Exception:
                logger.exception("%s cannot be opened", self._address)
        logger.warning("%s is open now", self._address)

    async def close(self) -> None:
        """Close what is open."""
        await self._engine.close()

    @property
    def announcing(self) -> str:
        """What to add to the columns of a statement so that the commit of its transaction is told to `listen`."""
        return "" if isinstance(self._address, SqliteAddress) else f", pg_notify('{CHANNEL}', '')"

    async def listen(self, notify: Callable[[], None]) -> None:
        """Call `notify` for each commit that was announced, until cancelled; return at once if it cannot be told."""
        if not isinstance(self._address, SqliteAddress):
            await listen(self._address, self._limits, notify)

    @asynccontextmanager
    async def in_line(self) -> AsyncIterator[None]:
        """Wait behind the other tasks of this process that change the lifecycle.

        The database would put them in one line anyway. Here they wait without a connection each, so that a rush of
        them leaves connections to the others and is not mistaken for a database that hangs.
        """
        with self._explained():
            async with asyncio.timeout(self._limits.queue):
                await self._line.acquire()
            try:
                yield
            finally:
                self._line.release()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Yield a session whose work is committed at the end of the block, or rolled back if the block raises."""
        with self._explained():
            async with self._engine.transaction() as session:
                yield session

    @asynccontextmanager
    async def reading(self, *, study: bool = False) -> AsyncIterator[Session]:
        """Yield a session for reading; `study` is for statements that go through many rows."""
        with self._explained():
            async with self._engine.reading(study=study) as session:
                yield session

    @asynccontextmanager
    async def migration(self) -> AsyncIterator[Any]:
        """Yield Tortoise's own client in a transaction that one process at a time can enter."""
        with self._explained():
            async with self._engine.migration() as client:
                yield client

    @contextmanager
    def _explained(self, *, opening: bool = False) -> Iterator[None]:
        if self.problem is not None and not opening:
            raise UnavailableError("The database cannot be reached right now; try again.")
        try:
            yield
        except Exception as error:
            meaning = self._engine.explain(error)
            if meaning is None:
                raise
            if self._troubles is not None and not opening and isinstance(meaning, UnavailableError):
                self._troubles.tell(error)
            raise meaning from error


@asynccontextmanager
async def connect(
    url: str, limits: Limits | None = None, *, create: bool = False, wait: bool = False
) -> AsyncIterator[Database]:
    """Open the database that a URL names for the length of a block.

    With `wait` the block also begins if the database is away; it is opened as soon as it is back. What fails then is
    logged, too: a command ends with its error, but a server goes on.
    """
    database = Database(url, limits, telling=wait)
    opening: asyncio.Task[None] | None = None
    try:
        try:
            await database.open(create=create)
        except UnavailableError:
            if not wait:
                raise
            opening = asyncio.create_task(database.keep_opening())
        yield database
    finally:
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        await database.close()
