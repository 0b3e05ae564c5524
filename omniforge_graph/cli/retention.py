"""`purge`: outcomes of long ago become sums."""

import asyncio
import re
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from omniforge_graph.cli.settings import DatabaseUrl, read_settings
from omniforge_graph.errors import ConfigurationError
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.session import PATIENT
from omniforge_graph.services.retention import OutcomePurger


def purge(
    older_than: Annotated[str, typer.Option(help="The age in days or weeks, such as 90d or 12w.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count them and change nothing.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Keep outcomes older than an age as sums only; every total and every result stays what it is.

    A server may run meanwhile. What was purged cannot be brought back.
    """
    age = _age(older_than)
    settings = read_settings(database_url=database_url)
    count = asyncio.run(_purge(settings.database_url, age, dry_run=dry_run))
    what = f"{count:,} outcomes older than {age.days} days"
    typer.echo(f"{what} would be kept as sums only." if dry_run else f"{what} are kept as sums only now.")


async def _purge(url: str, age: timedelta, *, dry_run: bool) -> int:
    async with open_database(url, PATIENT) as repository:
        await repository.ping()
        purger = OutcomePurger(repository, age)
        waiting = await purger.waiting()
        if dry_run:
            return waiting
        console = Console(stderr=True)
        columns = (TextColumn("Outcomes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("outcomes", total=waiting)
            return await purger.sweep(lambda count: progress.advance(task, count))


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([dw])", text.strip())
    if found is None:
        raise ConfigurationError(
            f"--older-than {text!r} is no age: give days or weeks, such as 90d or 12w.", path=("olderThan",)
        )
    return timedelta(days=int(found[1]) * (7 if found[2] == "w" else 1))
