"""The command `omniforge-graph`."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from omniforge_graph.cli.demo import demo
from omniforge_graph.cli.importing import import_events
from omniforge_graph.cli.plan import plan
from omniforge_graph.cli.plugins import plugins
from omniforge_graph.cli.results import results
from omniforge_graph.cli.retention import purge
from omniforge_graph.cli.schema import schema
from omniforge_graph.cli.serve import migrate, serve
from omniforge_graph.cli.totals import totals
from omniforge_graph.errors import OmniForgeError

__all__ = ["app", "main"]

app = typer.Typer(
    name="omniforge-graph",
    help="Controlled experiments on LLM prompt versions, through one GraphQL API.\n\n"
    "Settings can also be given by variables OMNIFORGE_<NAME>, such as OMNIFORGE_DATABASE_URL; an option wins.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for command in (serve, migrate, demo, results, plan, totals, purge, plugins, schema):
    app.command()(command)
app.command("import")(import_events)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only when asked

        typer.echo(version("omniforge-graph"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that belong to no command."""


def main() -> None:
    """Run the command; an expected error is one line on standard error and exit code 2."""
    try:
        app()
    except OmniForgeError as problem:
        message = f"[bold red]{problem.code}[/] {escape(problem.message)}"
        Console(stderr=True).print(message, highlight=False, soft_wrap=True)
        sys.exit(2)
