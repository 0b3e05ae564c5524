"""`totals`: what analyses read, compared with the events it was made of."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from omniforge_graph.cli.settings import DatabaseUrl, read_settings
from omniforge_graph.domain.caller import OPERATOR
from omniforge_graph.persistence import TortoiseRepository, open_database
from omniforge_graph.persistence.session import PATIENT
from omniforge_graph.services.lookup import find_experiment

PAUSE = 0.01
"""Seconds between two steps, for those who record events meanwhile."""


def totals(
    experiment: Annotated[
        str | None, typer.Option(help="The id of an experiment; only its totals.", show_default="all")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Mend nothing; exit with 1 if a total is wrong.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Compare the totals that analyses read with the recorded events, and make those that are wrong anew.

    A server may run meanwhile, and events be recorded.
    """
    settings = read_settings(database_url=database_url)
    units, wrong = asyncio.run(_check(settings.database_url, experiment, repair=not check))
    if not wrong:
        typer.echo(f"The totals of {units:,} exposed units are those of their events.")
        return
    for name, count in wrong.items():
        typer.echo(f"{name}: {count:,} totals {'are wrong' if check else 'were wrong and are made anew'}.")
    if check:
        raise typer.Exit(1)


async def _check(url: str, experiment_id: str | None, *, repair: bool) -> tuple[int, dict[str, int]]:
    wrong: dict[str, int] = {}
    units = 0
    async with open_database(url, PATIENT) as repository:
        await repository.ping()
        if experiment_id is not None:
            await find_experiment(repository, experiment_id, OPERATOR)
        console = Console(stderr=True)
        columns = (TextColumn("Units"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("units", total=await _exposed(repository, experiment_id))
            async for step in repository.check_totals(experiment_id, repair=repair):
                units += step.units
                progress.advance(task, step.units)
                if step.wrong:
                    wrong[step.experiment_id] = wrong.get(step.experiment_id, 0) + step.wrong
                await asyncio.sleep(PAUSE)
    return units, wrong


async def _exposed(repository: TortoiseRepository, experiment_id: str | None) -> int:
    ids = await repository.experiment_ids() if experiment_id is None else [experiment_id]
    return sum(sum(counts.values()) for counts in (await repository.exposure_counts(ids)).values())
