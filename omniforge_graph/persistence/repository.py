"""The repository: all of the port on one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omniforge_graph.errors import UnavailableError
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.events import EventStore
from omniforge_graph.persistence.experiments import ExperimentStore
from omniforge_graph.persistence.importing import ImportProgressStore
from omniforge_graph.persistence.looks import LookStore
from omniforge_graph.persistence.metrics import MetricStore
from omniforge_graph.persistence.prompts import PromptStore
from omniforge_graph.persistence.rebuilding import RebuildingStore
from omniforge_graph.persistence.retention import RetentionStore
from omniforge_graph.persistence.schema import check_schema
from omniforge_graph.persistence.session import Limits
from omniforge_graph.persistence.units import UnitStore


class TortoiseRepository(
    PromptStore,
    ExperimentStore,
    MetricStore,
    EventStore,
    UnitStore,
    LookStore,
    RebuildingStore,
    RetentionStore,
    ImportProgressStore,
):
    """Stores everything in SQLite or PostgreSQL, by models and migrations of Tortoise."""

    def check_open(self) -> None:
        """Raise an `UnavailableError` that says why, if the database has not been reached yet."""
        if self._database.problem is not None:
            raise UnavailableError(self._database.problem.message)

    async def ping(self) -> None:
        """Return if the database answers and its schema is this release's; else `SchemaError`, `UnavailableError`."""
        async with self._database.reading() as session:
            await check_schema(session)


@asynccontextmanager
async def open_database(
    url: str, limits: Limits | None = None, *, wait: bool = False
) -> AsyncIterator[TortoiseRepository]:
    """Open the database that a URL names and yield the repository on it.

    With `wait` a database that cannot be reached is no error here: every method raises `UnavailableError` until it is
    back, which is tried every second.

    Raises:
        ConfigurationError: the URL or what it names is wrong.
        UnavailableError: the database cannot be reached.
    """
    async with connect(url, limits, wait=wait) as database:
        yield TortoiseRepository(database)
