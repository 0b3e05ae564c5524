"""The composition root: opens the database, loads the plugins, wires the doors. It decides nothing."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypedDict

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from omniforge_graph.config import Settings, load_settings
from omniforge_graph.errors import SchemaError, UnavailableError
from omniforge_graph.graphql.context import Context, vary
from omniforge_graph.graphql.example import EXAMPLE_QUERY
from omniforge_graph.graphql.repeating import repeatable
from omniforge_graph.graphql.schema import WEIGHTS, schema
from omniforge_graph.graphql.transport import BackgroundQueue, GraphQLApp, Headers, Limits
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.saved import SnapshotFile
from omniforge_graph.persistence.state import state_file
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.assembly import Services, assemble
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.retention import OutcomePurger
from omniforge_graph.services.spool import Spool
from omniforge_graph.telemetry import Telemetry

GRAPHQL_PATH = "/graphql"
STALE_SECONDS = 30
"""After so long without a refresh, selection may no longer be what was decided elsewhere."""

SWITCH_INTERVAL = 0.001
"""Seconds for which a thread keeps Python's lock while the event loop waits for it."""


class State(TypedDict):
    """What the running application holds."""

    services: Services


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Return the ASGI application; settings come from `OMNIFORGE_*` variables unless given.

    Raises:
        ConfigurationError: a setting is unknown or bad, or no plugins are installed.
    """
    settings = settings or load_settings()
    registry = load_plugins(settings.disabled_plugins)
    telemetry = Telemetry()
    running: Services | None = None

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        nonlocal running
        async with open_database(settings.database_url, wait=True) as repository:
            services = build_services(repository, registry, settings, telemetry)
            if not await services.standby.begin():
                repository.check_open()
            app.state.services = running = services
            runners = services.feed, services.tracker, services.standby
            tasks = [asyncio.create_task(each.run()) for each in runners]
            if settings.outcome_retention_days:
                purger = OutcomePurger(repository, timedelta(days=settings.outcome_retention_days))
                tasks.append(asyncio.create_task(purger.run()))
            # What has been loaded by now stays: to look through it again and again for garbage would hold up everybody.
            gc.freeze()
            # A thread that checks or computes gives Python's lock back to the loop sooner than after the usual 5 ms.
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL))
            try:
                yield State(services=services)
            finally:
                # First, while all that it needs still works: what it cannot write must reach the disk in time.
                await services.tracker.close()
                await services.recorder.close()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await services.standby.close()

    starlette = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _home),
            Route("/health/live", _live),
            Route("/health/ready", _ready),
            Route("/metrics", _metrics),
            *registry.routes(settings),
        ],
    )

    def make_context(headers: Headers, background: BackgroundQueue | None) -> Context:
        assert running is not None, "no request comes before the start"
        return Context.of(running, headers, background)

    graphql = GraphQLApp(
        schema,
        make_context,
        path=GRAPHQL_PATH,
        # The API stands in front: routing and request objects would cost it more than its own work.
        otherwise=starlette,
        default_query=EXAMPLE_QUERY,
        title="OmniForge Graph",
        limits=Limits(weights=WEIGHTS),
        max_body_bytes=settings.max_body_bytes,
        request_timeout=settings.request_timeout,
        allowed_origins=settings.allowed_origins,
        plans=settings.operation_plans,
        observe=telemetry.request,
        repeatable=repeatable,
        vary=vary,
    )

    if not settings.allowed_origins:
        return graphql.door
    return CORSMiddleware(
        graphql.door,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        allow_credentials=True,
        max_age=3600,
    )


def build_services(
    repository: PromptRepository, registry: PluginRegistry, settings: Settings, telemetry: Telemetry
) -> Services:
    """Wire the use cases with the settings that concern them."""
    return assemble(
        repository,
        registry,
        refresh_interval=settings.refresh_interval,
        flush_interval=settings.flush_interval,
        ingest_backlog=settings.ingest_queue_events,
        snapshots=SnapshotFile.of(settings.state_dir, settings.database_url),
        spool=Spool(state_file(settings.state_dir, settings.database_url, "exposures")),
        telemetry=telemetry,
    )


async def _home(_request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")


async def _live(_request: Request) -> JSONResponse:
    """The process answers: nothing more is claimed."""
    return JSONResponse({"status": "live"})


async def _metrics(request: Request) -> Response:
    """What this worker counted, for Prometheus."""
    services: Services = request.app.state.services
    text, media_type = services.telemetry.render(request.headers.get("accept", ""))
    return Response(text, headers={"content-type": media_type, "cache-control": "no-store"})


async def _ready(request: Request) -> JSONResponse:
    """Whether requests can be served: `ready` if all can, `degraded` if selection can while the database is away.

    A process that only cannot reach the database is no worse than the others, who share it, so it stays in service.
    One that serves what the database no longer says, or needs another schema, is taken out.
    """
    services: Services = request.app.state.services
    standing = services.selector.standing()
    checks = {"database": "ok", "selection": "ok"}
    away = False
    try:
        async with asyncio.timeout(3):
            await services.repository.ping()
    except (UnavailableError, TimeoutError) as problem:
        checks["database"] = str(problem) or "the database does not answer"
        away = not isinstance(problem, SchemaError)
    if standing.saved_at is not None:
        checks["selection"] = f"serving the snapshot saved at {standing.saved_at.isoformat(timespec='seconds')}"
    elif standing.age == float("inf"):
        checks["selection"] = "prompts and experiments are not loaded yet"
    elif standing.age > max(STALE_SECONDS, 10 * services.feed.interval):
        checks["selection"] = f"prompts and experiments have not been refreshed for {standing.age:.0f} s"
    if all(check == "ok" for check in checks.values()):
        status = "ready"
    else:
        status = "degraded" if away and standing.age < float("inf") else "not ready"
    return JSONResponse({"status": status, "checks": checks}, status_code=503 if status == "not ready" else 200)
