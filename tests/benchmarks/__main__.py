"""`make bench`: the server against a raw ASGI echo, the statistics against other libraries, and how analyses grow."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.benchmarks.against import HOW_TO_INSTALL, Speed, compare_speed, missing, peers, seconds_to_import
from tests.benchmarks.growth import Growth, measure_growth
from tests.benchmarks.measuring import Figures, Plan, run
from tests.benchmarks.pieces import Pieces, measure_pieces
from tests.benchmarks.report import as_json, as_table, growth_table, pieces_table, speed_table, wire_table
from tests.benchmarks.soak import REQUESTS, soak
from tests.benchmarks.wire import Rival, Shape, measure_wire
from tests.benchmarks.workloads import WORKS
from tests.benchmarks.world import BATCH


class Part(StrEnum):
    """What there is to measure."""

    SERVER = "server"
    STATISTICS = "statistics"
    GROWTH = "growth"
    WIRE = "wire"
    PIECES = "pieces"
    SOAK = "soak"


def main(
    quick: Annotated[
        bool, typer.Option("--quick", help="Two rounds of 0.3 s: whether it works, not how fast.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.05, max=60, help="Length of a round in seconds.")] = 1.0,
    only: Annotated[
        list[str] | None, typer.Option(help="Measure rows whose name has this part, such as postgres; repeatable.")
    ] = None,
    part: Annotated[list[Part] | None, typer.Option(help="Measure this part; repeatable. All but the soak.")] = None,
    requests: Annotated[int, typer.Option(min=1_000, help="Requests of the soak.")] = REQUESTS,
    peers_python: Annotated[
        Path | None, typer.Option("--peers", help="The interpreter where the peers of the statistics are installed.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure requests per second of one worker beside a raw ASGI echo, and the statistics beside other libraries."""
    plan = Plan(seconds=seconds, only=tuple(only or ()))
    if quick:
        plan = Plan(seconds=0.3, rounds=2, units=1_000, only=plan.only)
    console = Console()
    wide = console if console.is_terminal else Console(width=140)
    rows = _measure(plan, console) if Part.SERVER in (part or Part) else []
    if rows:
        wide.print(as_table(rows, plan))
    works = tuple(each for each in WORKS if plan.wants(each)) if Part.STATISTICS in (part or Part) else ()
    speeds, importing = _compare(works, plan, peers_python, wide) if works else ([], None)
    growth = _grow(quick, console) if Part.GROWTH in (part or Part) and not plan.only else []
    if growth:
        wide.print(growth_table(growth))
    wire = _wire(plan, quick, console, wide) if Part.WIRE in (part or Part) and not plan.only else []
    pieces = _pieces(quick, console) if Part.PIECES in (part or Part) and not plan.only else []
    if pieces:
        wide.print(pieces_table(pieces))
    if part and Part.SOAK in part:
        with tempfile.TemporaryDirectory(prefix="omniforge-bench-") as folder:
            soak(Path(folder), requests, console.print)
        return
    if not (rows or works or growth or wire or pieces):
        console.print(f"No scenario has {' or '.join(plan.only)} in its name.")
        raise typer.Exit(2)
    if json_file is not None:
        json_file.write_bytes(as_json(rows, plan, speeds, importing, growth, wire, pieces))
    failing = [row for row in (*rows, *wire) if row.failed]
    for row in failing:
        console.print(f"{row.name}: {row.failed:,} failed; the first: {row.complaint}", markup=False)
    raise typer.Exit(1 if failing else 0)


def _compare(
    works: tuple[str, ...], plan: Plan, interpreter: Path | None, console: Console
) -> tuple[list[Speed], float]:
    with peers(interpreter, plan.seconds / 4) as ask:
        absent = missing(ask)
        speeds = list(compare_speed(works, ask, plan.seconds / 4, plan.rounds))
    importing = seconds_to_import()
    console.print(speed_table(speeds, importing))
    for name, reason in absent.items():
        console.print(f"{name} is left out: {reason}", markup=False)
    if absent:
        console.print(HOW_TO_INSTALL, markup=False)
    return speeds, importing


def _wire(plan: Plan, quick: bool, console: Console, wide: Console) -> list[Rival]:
    shape = Shape(seconds=plan.seconds, rounds=plan.rounds)
    if quick:
        shape = Shape(seconds=0.3, rounds=2, many=100)
    with (
        tempfile.TemporaryDirectory(prefix="omniforge-bench-") as folder,
        console.status("Selecting") as status,
    ):
        rows, left_out = measure_wire(Path(folder), shape, status.update)
    wide.print(wire_table(rows))
    for reason in left_out:
        console.print(reason, markup=False)
    return rows


def _grow(quick: bool, console: Console) -> list[Growth]:
    outcomes, units = ((10_000, 100_000, 1_000_000), (10_000, 1_000, 100_000))
    if quick:
        outcomes, units = (100, 1_000), (100, 1_000)
    with (
        tempfile.TemporaryDirectory(prefix="omniforge-bench-") as folder,
        console.status("Analysing") as status,
    ):
        return measure_growth(Path(folder), outcomes, units, status.update)


def _pieces(quick: bool, console: Console) -> list[Pieces]:
    rounds, size = (2, 500) if quick else (8, BATCH)
    with tempfile.TemporaryDirectory(prefix="omniforge-bench-") as folder, console.status("Recording") as status:
        return measure_pieces(Path(folder), rounds, size, status.update)


def _measure(plan: Plan, console: Console) -> list[Figures]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Drawn between rounds only: a bar that moves by itself would take part in the measurement.
    with (
        tempfile.TemporaryDirectory(prefix="omniforge-bench-") as folder,
        Progress(*columns, console=console, auto_refresh=False, transient=True) as progress,
    ):
        task = progress.add_task("starting", total=1.0)

        def told(name: str, share: float) -> None:
            progress.update(task, description=name, completed=share, refresh=True)

        return list(run(plan, Path(folder), told))


if __name__ == "__main__":
    typer.run(main)
