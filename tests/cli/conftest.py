"""An experiment in a database on each engine, and the command run on it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from omniforge_graph import open_database
from omniforge_graph.cli import app
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.assembly import assemble

RUNNER = CliRunner(env={"COLUMNS": "160"})


@dataclass
class Place:
    """A database with a running experiment that measures `cost`."""

    url: str
    experiment: Any

    def run(self, *given: str, stdin: bytes | None = None):
        """Run a command; errors are raised here."""
        return RUNNER.invoke(app, [*given, "--database-url", self.url], input=stdin, catch_exceptions=False)

    def ask(self, work):
        """Await what a function makes of the services."""

        async def run():
            async with open_database(self.url) as repository:
                return await work(assemble(repository, load_plugins(), clock=lambda: datetime.now(UTC)))

        return asyncio.run(run())

    def rows(self, sql: str, *values: Any) -> list[tuple]:
        from omniforge_graph.persistence.database import connect

        async def run():
            async with connect(self.url) as database, database.transaction() as session:
                return [tuple(row) for row in await session.rows(sql, *values)]

        return asyncio.run(run())


async def _make(services):
    prompt = await services.prompts.create_prompt(PromptDraft("greeting", "Greeting", VersionDraft("Hello")))
    version = await services.prompts.create_version(prompt.id, VersionDraft("Hi"))
    variants = [
        {"name": name, "prompt_version_id": each.id, "traffic_percentage": 50}
        for name, each in (("old", prompt.current_version), ("new", version))
    ]
    metric = Metric("cost", MetricKind.CONTINUOUS, covariates=("cost",))
    experiment = await services.experiments.create_experiment(prompt.id, "n", "d", metric, variants, "ann")
    return await services.experiments.start_experiment(experiment.id)


def _place(url):
    place = Place(url, None)
    place.experiment = place.ask(_make)
    return place


@pytest.fixture
def place(database_url):
    """On each engine in turn."""
    return _place(database_url)


@pytest.fixture
def sqlite_place(sqlite_url):
    """On SQLite, for what has nothing to do with the engine."""
    return _place(sqlite_url)


@pytest.fixture
def long_ago():
    """A time of which outcomes may be purged."""
    return datetime.now(UTC) - timedelta(days=200)
