"""An analysis as people read it in a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from omniforge_graph.cli.forest import Line, draw_forest, signed
from omniforge_graph.domain.analysis import (
    AnalysisResult,
    Comparison,
    Effect,
    GuardrailState,
    Notice,
    Progress,
    SliceAnalysis,
    Verdict,
)
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.findings import guardrail_finding
from omniforge_graph.domain.metric import MetricKind

VERDICT_STYLES = {
    Verdict.SHIP: "bold green",
    Verdict.KEEP_CONTROL: "bold yellow",
    Verdict.CONTINUE: "bold cyan",
    Verdict.INCONCLUSIVE: "bold",
    Verdict.INVALID: "bold red",
}
GUARDRAIL_STYLES = {GuardrailState.PASSED: "green", GuardrailState.FAILED: "red", GuardrailState.UNDECIDED: "cyan"}


def render(console: Console, experiment: PromptExperiment, result: AnalysisResult) -> None:
    """Print an analysis: a row per variant, the forest of the treatments, and what follows from it."""
    title = f"{experiment.name} · {experiment.status} · {result.metric} by {result.test}"
    console.print(escape(title), style="italic", highlight=False)
    if result.progress is not None:
        console.print(f"[dim]{told_progress(result.progress)}[/]", highlight=False)
    console.print(_table(experiment, result))
    names = {variant.id: variant.name for variant in experiment.variants}
    _print_forest(console, [_line(names[each.treatment_id], each) for each in result.comparisons])
    sentences = []
    for each in result.guardrails:
        sentences.append(guardrail_finding(each, names))
        console.print(f"[{GUARDRAIL_STYLES[each.state]}]{each.state:9}[/] {escape(sentences[-1])}", highlight=False)
    advice = result.recommendation
    console.print(f"[{VERDICT_STYLES[advice.verdict]}]{advice.verdict}[/] {escape(advice.summary)}")
    for reason in advice.reasons:
        if reason not in sentences:
            console.print(f"  · {escape(reason)}")
    for why in advice.why_not:
        console.print(f"  [dim]Why not {why.verdict}? {escape(why.reason)}[/]", highlight=False)
    _print_notices(console, result.notices)


def render_slices(console: Console, experiment: PromptExperiment, found: SliceAnalysis) -> None:
    """Print slices: for each the forest of its treatments, all on one scale."""
    names = {variant.id: variant.name for variant in experiment.variants}
    title = f"{experiment.name} · {found.metric} by {found.test}, by {found.dimension}"
    console.print(escape(title), style="italic", highlight=False)
    if not found.slices:
        console.print("No units have been exposed yet.")
    lines = [
        _line(f"  {names[comparison.treatment_id]}", comparison)
        for each in found.slices
        for comparison in each.comparisons
    ]
    *drawn, scale = draw_forest(lines, console.width)
    forest = iter(drawn)
    for each in found.slices:
        warning = " [red]proportions are off[/]" if each.sample_ratio is not None and each.sample_ratio.mismatch else ""
        console.print(f"[bold]{escape(each.value)}[/] [dim]{each.units:,} units[/]{warning}", highlight=False)
        for _ in each.comparisons:
            console.print(next(forest), markup=False, highlight=False)
    if drawn:
        console.print(scale, markup=False, highlight=False, style="dim")
    _print_notices(console, found.notices)


def told_progress(progress: Progress) -> str:
    """Return how far the experiment is, in one line."""
    units = f"{progress.units:,} units"
    if progress.planned_units is not None:
        units = f"{progress.units:,} of {progress.planned_units:,} units"
    parts = [str(progress.monitoring), units, "1 look" if progress.looks == 1 else f"{progress.looks} looks"]
    if progress.nominal_alpha:
        parts.append(f"alpha {progress.nominal_alpha:.2g}")
    if progress.days_left:
        hours = max(round(progress.days_left * 24), 1)
        parts.append(f"{progress.days_left:,.0f} days left" if hours >= 48 else f"{hours} h left")
    return " · ".join(parts)


def _table(experiment: PromptExperiment, result: AnalysisResult) -> Table:
    binary = experiment.metric(result.metric).kind is MetricKind.BINARY
    table = Table()
    table.add_column("Variant")
    tests = any(each.adjusted_p_value is not None for each in result.comparisons)
    beliefs = any(each.probability_better is not None for each in result.comparisons)
    headings = ["Units", "Rate" if binary else "Mean", "vs. control", f"{result.confidence_level:.0%} interval"]
    for heading in headings + ["p adjusted"] * tests + ["P(better)"] * beliefs:
        table.add_column(heading, justify="right", no_wrap=True)
    comparisons = {each.treatment_id: each for each in result.comparisons}
    for stats in result.variant_stats.values():
        name = escape(stats.name)
        name = f"[bold]{name}[/] ★" if stats.variant_id == result.winner else name
        row = [name, f"{stats.units:,}", _percent(stats.mean) if binary else _number(stats.mean)]
        if comparison := comparisons.get(stats.variant_id):
            relative = comparison.relative_effect
            row += [_share(relative.estimate), _interval(relative)]
            row += [_number(comparison.adjusted_p_value)] * tests + [_percent(comparison.probability_better)] * beliefs
        else:
            row += ["[dim]control[/]"]
        table.add_row(*row)
    return table


def _line(label: str, comparison: Comparison) -> Line:
    return Line(label, comparison.relative_effect, comparison.is_significant)


def _print_forest(console: Console, lines: list[Line]) -> None:
    for each in draw_forest(lines, console.width):
        console.print(each, markup=False, highlight=False)


def _print_notices(console: Console, notices: Iterable[Notice]) -> None:
    for notice in notices:
        console.print(f"  [yellow]![/] {escape(notice.message)} [dim]({notice.code})[/]")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _share(value: float | None) -> str:
    return "–" if value is None else signed(value)


def _interval(effect: Effect) -> str:
    if effect.lower is None and effect.upper is None:
        return "unbounded" if effect.estimate is not None else "–"
    return f"{_share(effect.lower)} … {_share(effect.upper)}"
