"""`results`: an experiment's analysis as a readable table."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from omniforge_graph.cli.settings import DatabaseUrl, DisablePlugin, read_settings
from omniforge_graph.domain.analysis import AnalysisResult, Effect, Verdict
from omniforge_graph.domain.caller import OPERATOR
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.persistence import open_database
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.assembly import assemble
from omniforge_graph.services.lookup import find_experiment

VERDICT_STYLES = {
    Verdict.SHIP: "bold green",
    Verdict.KEEP_CONTROL: "bold yellow",
    Verdict.CONTINUE: "bold cyan",
    Verdict.INCONCLUSIVE: "bold",
    Verdict.INVALID: "bold red",
}


def results(
    experiment: Annotated[str, typer.Argument(help="The experiment's id.")],
    metric: Annotated[str | None, typer.Option(help="A metric's key.", show_default="the success metric")] = None,
    test: Annotated[str | None, typer.Option(help="A statistical test's name.", show_default="the plan's")] = None,
    database_url: DatabaseUrl = None,
    disable_plugin: DisablePlugin = None,
) -> None:
    """Show what an experiment's data say, with intervals."""
    settings = read_settings(disable_plugin, database_url=database_url)
    console = Console()
    with console.status("Analysing"):
        found, result = asyncio.run(
            _analyze(settings.database_url, settings.disabled_plugins, experiment, metric, test)
        )
    render(console, found, result)


async def _analyze(
    url: str, disabled: tuple[str, ...], experiment_id: str, metric: str | None, test: str | None
) -> tuple[PromptExperiment, AnalysisResult]:
    async with open_database(url) as repository:
        await repository.ping()
        services = assemble(repository, load_plugins(disabled))
        experiment = await find_experiment(repository, experiment_id, OPERATOR)
        return experiment, await services.analyses.analyze(experiment, metric=metric, test=test)


def render(console: Console, experiment: PromptExperiment, result: AnalysisResult) -> None:
    """Print an analysis: one row per variant, each treatment with its effect against the control."""
    binary = experiment.metric(result.metric).kind is MetricKind.BINARY
    level = f"{result.confidence_level:.0%} interval"
    table = Table(
        title=f"{escape(experiment.name)} · {experiment.status} · {escape(result.metric)} by {result.test}",
        title_justify="left",
    )
    table.add_column("Variant")
    for heading in ("Units", "Rate" if binary else "Mean", "Relative effect", level, "p (Holm)", "P(better)"):
        table.add_column(heading, justify="right")
    comparisons = {each.treatment_id: each for each in result.comparisons}
    for stats in result.variant_stats.values():
        name = escape(stats.name)
        name = f"[bold]{name}[/] ★" if stats.variant_id == result.winner else name
        center = _percent(stats.mean) if binary else _number(stats.mean)
        row = [name, f"{stats.units:,}", center]
        if comparison := comparisons.get(stats.variant_id):
            relative = comparison.relative_effect
            row += [_signed(relative.estimate), _interval(relative), _number(comparison.adjusted_p_value)]
            row += [_percent(comparison.probability_better)]
        else:
            row += ["[dim]control[/]", "", "", ""]
        table.add_row(*row)
    console.print(table)
    advice = result.recommendation
    console.print(f"[{VERDICT_STYLES[advice.verdict]}]{advice.verdict}[/] {escape(advice.summary)}")
    for reason in advice.reasons:
        console.print(f"  · {escape(reason)}")
    for notice in result.notices:
        console.print(f"  [yellow]![/] {escape(notice.message)} [dim]({notice.code})[/]")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2%}"


def _interval(effect: Effect) -> str:
    if effect.lower is None and effect.upper is None:
        return "unbounded" if effect.estimate is not None else "–"
    return f"{_signed(effect.lower)} … {_signed(effect.upper)}"
