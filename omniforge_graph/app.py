"""The composition root: opens the database, loads the plugins, wires the doors. It decides nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import BaseRoute, Route

from omniforge_graph.config import Settings, load_settings
from omniforge_graph.errors import UnavailableError
from omniforge_graph.graphql.context import Context, read_caller
from omniforge_graph.graphql.example import EXAMPLE_QUERY
from omniforge_graph.graphql.schema import schema
from omniforge_graph.graphql.transport import GraphQLApp
from omniforge_graph.persistence import open_repository
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.plugin.registry import PluginRegistry, PluginStatus
from omniforge_graph.services.assembly import Services, assemble
from omniforge_graph.services.repository import PromptRepository

logger = logging.getLogger(__name__)


class State(TypedDict):
    """What the running application holds."""

    services: Services


def create_app(settings: Settings | None = None) -> Starlette:
    """Return the ASGI application; settings come from `OMNIFORGE_*` variables unless given.

    Raises:
        ConfigurationError: a setting is unknown or bad, or no plugins are installed.
    """
    settings = settings or load_settings()
    registry = load_plugins(settings.disabled_plugins)
    for plugin in registry.plugins:
        if plugin.status is PluginStatus.FAILED:
            logger.error("Plugin %s of %s is not loaded: %s", plugin.name, plugin.distribution, plugin.error)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        async with open_repository(settings.database_url) as repository:
            services = build_services(repository, registry, settings)
            app.state.services = services
            tasks = [asyncio.create_task(services.feed.run()), asyncio.create_task(services.tracker.run())]
            try:
                yield State(services=services)
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                await services.tracker.close()

    app = Starlette(lifespan=lifespan)

    def make_context(headers: Mapping[str, str]) -> Context:
        return Context(app.state.services, read_caller(headers))

    graphql = GraphQLApp(
        schema,
        make_context,
        default_query=EXAMPLE_QUERY,
        max_body_bytes=settings.max_body_bytes,
        request_timeout=settings.request_timeout,
    )
    routes: list[BaseRoute] = [
        Route("/", _home),
        Route("/health/live", _live),
        Route("/health/ready", _ready),
        *graphql.routes("/graphql"),
        *registry.routes(settings),
    ]
    app.router.routes.extend(routes)
    return app


def build_services(repository: PromptRepository, registry: PluginRegistry, settings: Settings) -> Services:
    """Wire the use cases with the settings that concern them."""
    return assemble(
        repository,
        registry,
        refresh_interval=settings.refresh_interval,
        flush_interval=settings.flush_interval,
    )


async def _home(_request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")


async def _live(_request: Request) -> JSONResponse:
    """The process answers: nothing more is claimed."""
    return JSONResponse({"status": "live"})


async def _ready(request: Request) -> JSONResponse:
    """Whether requests can be served: the database answers with the schema we expect, and selection is loaded."""
    services: Services = request.app.state.services
    checks = {"database": "ok", "selection": "ok"}
    try:
        async with asyncio.timeout(3):
            await services.repository.ping()
    except (UnavailableError, TimeoutError) as problem:
        checks["database"] = str(problem) or "the database does not answer"
    if services.feed.age == float("inf"):
        checks["selection"] = "prompts and experiments are not loaded yet"
    ready = all(check == "ok" for check in checks.values())
    return JSONResponse(
        {"status": "ready" if ready else "not ready", "checks": checks}, status_code=200 if ready else 503
    )
