"""`make bench`: what the server costs, against a raw ASGI echo of the same run."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.benchmarks.measuring import Figures, Plan, run
from tests.benchmarks.report import as_json, as_table


def main(
    quick: Annotated[
        bool, typer.Option("--quick", help="Two rounds of 0.3 s: whether it works, not how fast.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.05, max=60, help="Length of a round in seconds.")] = 1.0,
    only: Annotated[
        list[str] | None, typer.Option(help="Measure rows whose name has this part, such as postgres; repeatable.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure requests per second of one worker beside a raw ASGI echo."""
    plan = Plan(seconds=seconds, only=tuple(only or ()))
    if quick:
        plan = Plan(seconds=0.3, rounds=2, units=1_000, only=plan.only)
    console = Console()
    rows = _measure(plan, console)
    if not rows:
        console.print(f"No scenario has {' or '.join(plan.only)} in its name.")
        raise typer.Exit(2)
    wide = console if console.is_terminal else Console(width=140)
    wide.print(as_table(rows, plan))
    if json_file is not None:
        json_file.write_bytes(as_json(rows, plan))
    failing = [row for row in rows if row.failed]
    for row in failing:
        console.print(f"{row.name}: {row.failed:,} failed; the first: {row.complaint}", markup=False)
    raise typer.Exit(1 if failing else 0)


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
