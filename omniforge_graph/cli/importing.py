"""`import`: events from files."""

import asyncio
import gc
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from omniforge_graph.cli.files import EventFile
from omniforge_graph.cli.formats import FileFormat
from omniforge_graph.cli.reporting import ReportFile
from omniforge_graph.cli.settings import DatabaseUrl, DisablePlugin, read_settings
from omniforge_graph.config import Settings
from omniforge_graph.domain.caller import Caller
from omniforge_graph.errors import ConfigurationError
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.session import PATIENT
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.event_rows import EventKind, RowReader
from omniforge_graph.services.importing import Importer, ImportProgress
from omniforge_graph.services.recorder import EventRecorder

STDIN = "-"


OBJECTS = 1_000_000
"""Objects more than before at which garbage is searched for."""


def import_events(
    kind: Annotated[EventKind, typer.Argument(help="What the file holds.", metavar="exposures|outcomes")],
    file: Annotated[str, typer.Argument(help="CSV, JSON Lines or Parquet; - is standard input.")],
    format: Annotated[  # noqa: A002 - the option's name
        FileFormat | None, typer.Option(help="csv, jsonl or parquet.", show_default="by the file's name")
    ] = None,
    map: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--map",
            help="The field of a column whose name is none; nothing after = leaves it out. May be given several times.",
            metavar="COLUMN=FIELD",
        ),
    ] = None,
    set: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--set", help="The value of a field for all events. May be given several times.", metavar="FIELD=VALUE"
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="A name: each of its lines is recorded once, whatever file it comes in.",
            show_default="the file's content",
        ),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Record as a caller who is confined to this tenant.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where rejected lines go.", show_default="FILE.rejected.jsonl")
    ] = None,
    database_url: DatabaseUrl = None,
    disable_plugin: DisablePlugin = None,
) -> None:
    """Import exposures or outcomes from a file; exit with 1 if a line was rejected.

    Recording the same file again records nothing twice, and an import that was interrupted goes on where it stopped.

    Examples:

    omniforge-graph import outcomes ratings.csv --map score=value --set metric=rating

    omniforge-graph import exposures exposures.jsonl.gz --tenant acme
    """
    settings = read_settings(disable_plugin, database_url=database_url)
    mapping, constants = _pairs(map, "--map COLUMN=FIELD"), _pairs(set, "--set FIELD=VALUE")
    with _local(file, format) as events, _little_garbage():
        options = msgspec.json.encode([kind, sorted(mapping.items()), sorted(constants.items())])
        content = blake2b(events.digest() + options, digest_size=16).hexdigest()
        rows = RowReader(kind, source or f"file-{content[:20]}", mapping, constants)
        target = ReportFile(report or Path(f"{'stdin' if file == STDIN else file}.rejected.jsonl"))
        if target.path.exists() and target.path.samefile(events.path):
            raise ConfigurationError(f"{file} cannot be its own report: name another.", path=("report",))
        caller = Caller(actor="import", tenant_id=tenant)
        try:
            made = asyncio.run(_import(settings, events, rows, target, caller, f"{content}:{source or ''}"))
        except KeyboardInterrupt:
            Console(stderr=True).print("Interrupted. The same command goes on where this one stopped.")
            raise typer.Exit(130) from None
    typer.echo(
        f"{made.accepted:,} {kind} recorded, {made.duplicates:,} were there already, {made.rejected:,} lines rejected"
        + (f": see {target.path}" if made.rejected else ".")
    )
    if made.rejected:
        raise typer.Exit(1)


async def _import(
    settings: Settings, events: EventFile, rows: RowReader, report: ReportFile, caller: Caller, name: str
) -> ImportProgress:
    registry = load_plugins(settings.disabled_plugins)
    async with open_database(settings.database_url, PATIENT) as repository:
        await repository.ping()
        recorder = EventRecorder(repository, registry=registry)
        record = recorder.record_exposures if rows.kind is EventKind.EXPOSURES else recorder.record_outcomes
        importer = Importer(partial(record, caller=caller), repository, report)
        id_ = blake2b(f"{name}:{caller.tenant_id or ''}".encode(), digest_size=20).hexdigest()
        with _bar(events) as tell:
            return await importer.run(id_, partial(events.read, rows), tell)


@contextmanager
def _bar(events: EventFile) -> Iterator[Callable[[ImportProgress], None]]:
    """Show how far an import is, on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), DownloadColumn(),
        TextColumn("{task.fields[done]:,} events, {task.fields[rate]:,.0f}/s"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(Path(events.name).name), total=events.size, done=0, rate=0.0)
        before: list[int] = []

        def tell(now: ImportProgress) -> None:
            done = now.accepted + now.duplicates
            if not before:
                before.append(done)
            spent = progress.tasks[task].elapsed or 0.0
            rate = (done - before[0]) / spent if spent else 0.0
            progress.update(task, completed=events.position, done=done, rate=rate)

        yield tell


@contextmanager
def _local(file: str, format: FileFormat | None) -> Iterator[EventFile]:  # noqa: A002 - the option's name
    """Yield the file; standard input is kept in one for as long as it takes."""
    if file != STDIN:
        yield EventFile(Path(file), format)
        return
    if format is None:
        raise ConfigurationError(
            "Nothing tells the format of standard input: give --format csv, jsonl or parquet.", path=("format",)
        )
    with tempfile.NamedTemporaryFile(prefix="omniforge-") as copy:
        try:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
        except OSError as problem:
            raise ConfigurationError(
                f"Standard input could not be kept in {copy.name} ({problem.strerror}): name another folder by TMPDIR.",
                path=("file",),
            ) from problem
        yield EventFile(Path(copy.name), format, name="standard input")


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Search for garbage seldom: each time all that is alive is gone through, and that is a hundred thousand lines."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _pairs(given: Sequence[str] | None, form: str) -> dict[str, str]:
    pairs = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{each!r} is not of the form {form}.", path=(form[2:5],))
        pairs[name.strip()] = value.strip()
    return pairs
