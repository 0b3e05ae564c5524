"""The schema executed in this process, on SQLite, with every statement counted."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from omniforge_graph import open_database
from omniforge_graph.domain.caller import Caller
from omniforge_graph.graphql.context import Context
from omniforge_graph.graphql.schema import WEIGHTS, schema
from omniforge_graph.graphql.transport import Engine, Limits, Request, Response
from omniforge_graph.persistence.sqlite import SqliteSession
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.assembly import Services, assemble


class Api:
    """Executes operations and counts the statements each of them takes."""

    def __init__(self, services: Services, *, plans: bool) -> None:
        self.services = services
        self.engine = Engine(schema, Limits(weights=WEIGHTS), plans=plans, plan_after=1)
        self.statements: list[str] = []

    async def run(self, query: str, variables: dict[str, Any] | None = None, caller: Caller | None = None) -> dict:
        """Return the response's body as a client decodes it."""
        self.statements.clear()
        request = Request(query, variables=msgspec.Raw(msgspec.json.encode(variables)))
        operation = self.engine.prepare(request)
        if isinstance(operation, Response):
            return operation.body()
        contexts: Callable[[], Context] = lambda: Context(self.services, caller or Caller())  # noqa: E731
        response = await self.engine.execute(operation, request.variables, contexts)
        return msgspec.json.decode(msgspec.json.encode(response.body()))

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> dict:
        """Return the response's data; there must be no errors."""
        body = await self.run(query, variables)
        assert "errors" not in body, body
        return body["data"]


@pytest.fixture(params=[True, False], ids=["plans", "graphql-core"])
async def api(request, sqlite_url, monkeypatch):
    async with open_database(sqlite_url) as repository:
        made = Api(assemble(repository, installed_plugins()), plans=request.param)
        rows = SqliteSession.rows

        async def counted(self, sql, *values):
            made.statements.append(sql)
            return await rows(self, sql, *values)

        monkeypatch.setattr(SqliteSession, "rows", counted)
        yield made
