"""`results`: what an experiment's data say, drawn in the terminal or as JSON."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from omniforge_graph.cli.findings import render, render_slices
from omniforge_graph.cli.settings import DatabaseUrl, DisablePlugin, read_settings
from omniforge_graph.domain.analysis import AnalysisResult, SliceAnalysis
from omniforge_graph.domain.caller import OPERATOR
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.persistence import open_database
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.assembly import assemble
from omniforge_graph.services.lookup import find_experiment


def results(
    experiment: Annotated[str, typer.Argument(help="The experiment's id.")],
    metric: Annotated[str | None, typer.Option(help="A metric's key.", show_default="the success metric")] = None,
    test: Annotated[str | None, typer.Option(help="A statistical test's name.", show_default="the plan's")] = None,
    dimension: Annotated[
        str | None, typer.Option(help="Show each value of this attribute of the exposures by itself.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    database_url: DatabaseUrl = None,
    disable_plugin: DisablePlugin = None,
) -> None:
    """Show what an experiment's data say: a forest of intervals, how far it is, what to do and why.

    Looking at a running experiment's goals counts as a look.
    """
    settings = read_settings(disable_plugin, database_url=database_url)
    with Console(stderr=True).status("Analysing"):
        found, result = asyncio.run(
            _analyze(settings.database_url, settings.disabled_plugins, experiment, metric, test, dimension)
        )
    if as_json:
        plain = msgspec.to_builtins(result, str_keys=True)
        typer.echo(msgspec.json.format(msgspec.json.encode(plain), indent=2))
    elif isinstance(result, SliceAnalysis):
        render_slices(Console(), found, result)
    else:
        render(Console(), found, result)


async def _analyze(
    url: str,
    disabled: tuple[str, ...],
    experiment_id: str,
    metric: str | None,
    test: str | None,
    dimension: str | None,
) -> tuple[PromptExperiment, AnalysisResult | SliceAnalysis]:
    async with open_database(url) as repository:
        await repository.ping()
        analyses = assemble(repository, load_plugins(disabled)).analyses
        experiment = await find_experiment(repository, experiment_id, OPERATOR)
        if dimension is not None:
            return experiment, await analyses.slices(experiment, dimension, metric=metric, test=test)
        return experiment, await analyses.analyze(experiment, metric=metric, test=test)
