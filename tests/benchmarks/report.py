"""The figures as a table for people and as JSON for programs."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import msgspec
from rich.table import Table

from tests.benchmarks.against import OURS, Speed
from tests.benchmarks.growth import Growth
from tests.benchmarks.measuring import Figures, Plan
from tests.benchmarks.pieces import Pieces
from tests.benchmarks.processes import cores
from tests.benchmarks.wire import Rival

LIBRARIES = (
    "uvicorn",
    "uvloop",
    "httptools",
    "graphql-core",
    "strawberry-graphql",
    "aiosqlite",
    "asyncpg",
    "msgspec",
    "numpy",
    "scipy",
)


def as_table(rows: Sequence[Figures], plan: Plan) -> Table:
    """Return the table; a row with failures says so instead of pretending."""
    how = f"medians of {plan.rounds} rounds of {plan.seconds:g} s, one worker"
    pinned = "server and client on a core each" if cores() else "processes not pinned to cores"
    table = Table(title="Requests per second beside a raw ASGI echo", caption=f"{how}, {pinned}")
    table.add_column("scenario", no_wrap=True)
    for name in ("conns", "req/s", "echo", "ratio", "p50 ms", "p99 ms", "events/s", "driver rows/s", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            str(row.connections),
            f"{row.rate:,.0f}" if row.rate >= 100 else f"{row.rate:,.1f}",
            f"{row.echo_rate:,.0f}",
            f"{row.ratio:.2g}",
            f"{row.p50:,.1f}",
            f"{row.p99:,.1f}",
            "" if row.events_rate is None else f"{row.events_rate:,.0f}",
            "" if row.plain_rate is None else f"{row.plain_rate:,.0f}",
            f"[bold red]{row.failed:,}[/]" if row.failed else "0",
        )
    return table


def speed_table(speeds: Sequence[Speed], importing: float) -> Table:
    """Return our statistics beside those of the peers: how many times our time they take."""
    caption = f"medians of rounds; import omniforge_graph takes {importing:.3f} s"
    table = Table(title="Statistics against peers", caption=caption)
    for name in ("work", "who", "way"):
        table.add_column(name, no_wrap=True)
    for name in ("time", "ratio", "apart"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in speeds:
        ours = row.who == OURS
        table.add_row(
            row.work if ours else "",
            f"[bold]{row.who}[/]" if ours else row.who,
            row.way,
            _duration(row.seconds),
            "" if row.ratio is None else f"{row.ratio:,.3g} x",
            "" if row.apart is None else f"{row.apart:.0e}",
        )
    return table


def wire_table(rows: Sequence[Rival]) -> Table:
    """Return selection beside the other servers: our rate in relation to each one's."""
    table = Table(title="Selection beside other servers", caption="medians of rounds taken in turns, one worker each")
    table.add_column("what", no_wrap=True)
    for name in ("req/s", "to echo", "ours to it", "selections/s", "p50 ms", "p99 ms", "p99 to echo", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            f"{row.rate:,.0f}",
            f"{row.to_echo:.3g}",
            "" if row.ours is None else f"{row.ours:.3g} x",
            "" if row.selections is None else f"{row.selections:,.0f}",
            f"{row.p50:,.2f}",
            f"{row.p99:,.2f}",
            f"{row.p99_to_echo:.2g}",
            f"[bold red]{row.failed:,}[/]" if row.failed else "0",
        )
    return table


def growth_table(rows: Sequence[Growth]) -> Table:
    """Return what an analysis takes as outcomes and units grow, beside the first row of its engine."""
    table = Table(title="An analysis as outcomes pile up, and as units do", caption="medians of one process")
    for name in ("engine", "units", "outcomes", "time", "ratio"):
        table.add_column(name, justify="left" if name == "engine" else "right", no_wrap=True)
    for row in rows:
        first = next(each for each in rows if each.engine == row.engine)
        ratio = f"{row.seconds / first.seconds:,.2g} x"
        table.add_row(row.engine, f"{row.units:,}", f"{row.outcomes:,}", _duration(row.seconds), ratio)
    return table


def pieces_table(rows: Sequence[Pieces]) -> Table:
    """Return for how long a batch holds the event loop in one piece."""
    table = Table(title="The longest pieces of the event loop while a batch is recorded", caption="in one process")
    for name in ("engine", "batch"):
        table.add_column(name, no_wrap=True)
    for name in ("median", "longest", "whole batch"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.engine, row.batch, *map(_duration, (row.usual, row.longest, row.took)))
    return table


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:,.1f} us"
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def as_json(
    rows: Sequence[Figures],
    plan: Plan,
    speeds: Sequence[Speed] = (),
    importing: float | None = None,
    growth: Sequence[Growth] = (),
    wire: Sequence[Rival] = (),
    pieces: Sequence[Pieces] = (),
) -> bytes:
    """Return everything that was measured, and on what."""
    document: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "pinned": cores() is not None,
        "libraries": {name: version(name) for name in LIBRARIES},
        "plan": plan,
        "figures": rows,
        "statistics": speeds,
        "import_seconds": importing,
        "growth": growth,
        "wire": wire,
        "pieces": pieces,
    }
    return msgspec.json.format(msgspec.json.encode(document))
