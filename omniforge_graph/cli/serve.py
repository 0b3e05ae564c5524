"""`serve` and `migrate`."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from omniforge_graph.cli.migrating import migrate_or_stand_by
from omniforge_graph.cli.settings import DatabaseUrl, DisablePlugin, read_settings
from omniforge_graph.config import PREFIX, Settings
from omniforge_graph.errors import ConfigurationError
from omniforge_graph.graphql.example import EXAMPLE_QUERY
from omniforge_graph.persistence import migrate as apply_migrations
from omniforge_graph.plugin.manager import check_disabled

KEEP_ALIVE_SECONDS = 75
"""Longer than the idle time of common connection pools, so that the client is the one to close."""

SWITCHES = "On and off"
"""Apart from the options, which would give up as much width for the names of the others as to be cut off."""


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.", show_default="8000")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.", show_default="1")] = None,
    database_url: DatabaseUrl = None,
    state_dir: Annotated[
        str | None,
        typer.Option(
            help="The folder for what outlives a process while the database is away.",
            show_default=".omniforge beside the SQLite file or in the working directory",
        ),
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo",
            help="Seed a demonstration and send it traffic.",
            show_default="demo",
            rich_help_panel=SWITCHES,
        ),
    ] = None,
    disable_plugin: DisablePlugin = None,
    allowed_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="An origin (https://host) whose pages may use the API. May be given several times.", metavar="ORIGIN"
        ),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="critical, error, warning, info or debug.", show_default="info")
    ] = None,
    refresh_interval: Annotated[
        float | None,
        typer.Option(help="Seconds within which a process sees the others' changes.", show_default="1.0"),
    ] = None,
    flush_interval: Annotated[
        float | None,
        typer.Option(help="Seconds that tracked exposures wait before they are written together.", show_default="0.2"),
    ] = None,
    outcome_retention_days: Annotated[
        int | None,
        typer.Option(help="Days after which outcomes are kept as sums only; 0 keeps them for ever.", show_default="0"),
    ] = None,
    ingest_queue_events: Annotated[
        int | None,
        typer.Option(help="Once so many events wait to be written: RATE_LIMITED.", show_default="100000"),
    ] = None,
    request_timeout: Annotated[
        float | None, typer.Option(help="Seconds after which a request is given up.", show_default="10.0")
    ] = None,
    operation_plans: Annotated[
        bool | None,
        typer.Option(
            "--operation-plans/--no-operation-plans",
            help="Compile operations that come again; answers are the same without, only slower.",
            show_default="operation-plans",
            rich_help_panel=SWITCHES,
        ),
    ] = None,
    max_body_bytes: Annotated[
        int | None, typer.Option(help="The largest request body, in bytes.", show_default="4194304")
    ] = None,
) -> None:
    """Serve the GraphQL API, after bringing the database up to date."""
    settings = read_settings(
        disable_plugin,
        host=host,
        port=port,
        workers=workers,
        database_url=database_url,
        state_dir=state_dir,
        demo=demo,
        allowed_origins=tuple(allowed_origin) if allowed_origin else None,
        log_level=log_level,
        refresh_interval=refresh_interval,
        flush_interval=flush_interval,
        outcome_retention_days=outcome_retention_days,
        ingest_queue_events=ingest_queue_events,
        request_timeout=request_timeout,
        operation_plans=operation_plans,
        max_body_bytes=max_body_bytes,
    )
    check_disabled(settings.disabled_plugins)
    _check_port(settings)
    import uvicorn  # noqa: PLC0415 - only the server pays for it

    migrate_or_stand_by(settings)
    os.environ.update(as_environment(settings))  # What the worker processes read.
    _greet(settings)
    with _demonstration(settings):
        uvicorn.run(
            "omniforge_graph.app:create_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_level=settings.log_level,
            access_log=settings.log_level == "debug",
            # Nothing here reads the client's address, and nobody needs the server's name: both cost each request.
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=10,
            ws_max_size=settings.max_body_bytes,
        )


def migrate(database_url: DatabaseUrl = None) -> None:
    """Bring the database up to date; does nothing if it is."""
    settings = read_settings(database_url=database_url)
    console = Console()
    with console.status("Migrating the database"):
        asyncio.run(apply_migrations(settings.database_url))
    console.print("The database is up to date.")


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as the variables that would give them."""
    values = msgspec.to_builtins(settings)
    return {
        PREFIX + name.upper(): ",".join(value) if isinstance(value, list | tuple) else str(value)
        for name, value in values.items()
    }


def base_url(settings: Settings) -> str:
    """Return the address at which this machine reaches the server."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _check_port(settings: Settings) -> None:
    """Refuse a taken port before anything is made, and before the demonstration talks to whoever has it."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        raise ConfigurationError(
            f"Cannot listen on {settings.host}:{settings.port} ({problem.strerror or problem}): "
            "choose another --host or --port, or end the program that has it.",
            path=("port",),
        ) from None


def _greet(settings: Settings) -> None:
    address = base_url(settings)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n[bold]OmniForge Graph[/] serves [link={address}/graphql]{address}/graphql[/]")
    console.print("Open it in a browser for GraphiQL, or POST to it. A query to try:\n")
    console.print(EXAMPLE_QUERY, markup=False, style="cyan")


@contextmanager
def _demonstration(settings: Settings) -> Iterator[None]:
    """Run the demonstration as a client of its own: it uses the public API and nothing else."""
    if not settings.demo or settings.port == 0:
        yield
        return
    command = [sys.executable, "-m", "omniforge_graph", "demo", "--url", base_url(settings), "--quiet"]
    with subprocess.Popen(command) as process:  # noqa: S603 - our own command
        try:
            yield
        finally:
            process.terminate()
