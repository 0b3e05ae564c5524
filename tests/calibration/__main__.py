"""`make calibrate`: do the promised error rates hold? Simulated, beside the best peer's figures; exit code 1 if not."""

import importlib
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.calibration.checking import SEED, Check, Measured, run

TOPICS = ("fixed", "sequential", "intervals", "estimators", "families", "mismatch", "bayes", "journeys", "oracles")


def checks_of(topic: str) -> list[Check]:
    """Return the checks of a topic, a module of this package."""
    found: list[Check] = importlib.import_module(f"tests.calibration.{topic}").checks()
    return found


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    quick: Annotated[bool, typer.Option("--quick", help="As few simulations as the test suite runs.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Some topics: {', '.join(TOPICS)}; repeatable.")] = None,
    row: Annotated[str, typer.Option(help="Only checks with a row whose name has this part.")] = "",
    seed: Annotated[int, typer.Option(help="Other random numbers.")] = SEED,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Measure how often what the statistics promise holds."""
    console = Console()
    measured: list[Measured] = []
    for topic in only or TOPICS:
        for check in checks_of(topic):
            if any(row in each.name for each in check.rows):
                with console.status(check.rows[0].name):
                    measured += run(check, quick=quick, seed=seed)
    if not measured:
        console.print(f"No check of these topics has {row!r} in the name of a row.")
        raise typer.Exit(2)
    if markdown:
        print(as_markdown(measured))
    else:
        wide = console if console.is_terminal else Console(width=150)
        wide.print(as_table(measured))
    raise typer.Exit(1 if any(each.passed is False for each in measured) else 0)


def cells(each: Measured) -> tuple[str, ...]:
    """Return a row's cells: what, simulations, band, our figure, the best peer's, verdict."""
    verdict = {True: "pass", False: "FAIL", None: "-" if each.figure is not None else "not here"}[each.passed]
    return (
        each.row.name,
        f"{each.simulations:,}" if each.simulations else "exact",
        "reported" if each.band is None else interval(each),
        "" if each.figure is None else number(each.figure, each.row.digits),
        each.row.peer,
        verdict,
    )


def interval(each: Measured) -> str:
    """Return a band as people read it: shares have no need of 0 and 1."""
    assert each.band is not None
    assert each.row.band is not None
    low, high = (number(end, each.row.digits) for end in (each.band.low, each.band.high))
    if each.band.low == each.band.high:
        return low
    if each.row.band.low <= 0:
        return f"≤ {high}"
    return f"≥ {low}" if each.row.band.high >= 1 else f"{low} to {high}"


def number(value: float, digits: int) -> str:
    """Return a figure with its digits, in scientific notation where they would hide it."""
    return f"{value:.1e}" if 0 < abs(value) < 10**-digits else f"{value:.{digits}f}"


def as_table(measured: list[Measured]) -> Table:
    """Return the table for a terminal."""
    table = Table(title="Calibration")
    table.add_column("check", overflow="fold")
    for name in ("simulations", "band", "ours", "best peer"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for each in measured:
        *plain, verdict = cells(each)
        table.add_row(*plain, f"[bold red]{verdict}[/]" if each.passed is False else verdict, f"{each.seconds:.1f}")
    return table


def as_markdown(measured: list[Measured]) -> str:
    """Return the table for a page."""
    head = "| check | simulations | required | ours | best peer | |\n|---|---:|---:|---:|---:|---|"
    return "\n".join([head, *(f"| {' | '.join(cells(each))} |" for each in measured)])


if __name__ == "__main__":
    app()
