"""Our schema and services behind Strawberry's own ASGI view, with its parser and validation caches."""

from contextlib import asynccontextmanager

import strawberry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from omniforge_graph.config import load_settings
from omniforge_graph.graphql.context import Context, read_caller
from omniforge_graph.graphql.mutations import Mutation
from omniforge_graph.graphql.queries import Query
from omniforge_graph.persistence import open_database
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.assembly import assemble

schema = strawberry.Schema(Query, Mutation, extensions=[ParserCache(), ValidationCache()])


class View(GraphQL):
    """Strawberry's view with our context."""

    async def get_context(self, request, response):
        """Return the context of a request; tracked exposures are queued at once."""
        return Context(request.app.state.services, read_caller(request.headers))


@asynccontextmanager
async def lifespan(app):
    """Open the database for the length of the server's life."""
    async with open_database(load_settings().database_url) as repository:
        app.state.services = assemble(repository, load_plugins(()))
        await app.state.services.feed.pull()
        yield


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/ready", lambda _request: PlainTextResponse("ready")),
        Mount("/graphql", View(schema, graphql_ide=None)),
    ],
)
