"""An analysis in the terminal: everything is told, and nothing is wider than the terminal."""

import io
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from omniforge_graph.cli.findings import render, render_slices, told_progress
from omniforge_graph.domain.analysis import (
    AnalysisResult,
    Comparison,
    Effect,
    GuardrailResult,
    GuardrailState,
    Notice,
    Progress,
    Recommendation,
    SliceAnalysis,
    SliceResult,
    VariantStatistics,
    Verdict,
    WhyNot,
)
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan, Monitoring
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.statistics.sample_ratio import SampleRatio

VARIANTS = (
    Variant("c", "control", "v1", 5000, is_control=True),
    Variant("t", "[b]new[/]", "v2", 5000),
)
TRIAL = PromptExperiment(
    id="e",
    prompt_id="p",
    name="Which tone?",
    variants=VARIANTS,
    metrics=(Metric("won"), Metric("cost", MetricKind.CONTINUOUS)),
    allocation=AllocationPlan("seedseed", (lay_out([(each.id, each.basis_points) for each in VARIANTS]),)),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_by="me",
)
NOTHING = Effect(None, None, None)
PROGRESS = Progress(Monitoring.GROUP_SEQUENTIAL, 4, 3000, 6000, 3000, 0.5, 0.003, 0.003, False, 2000.0, 1.5)


def comparison(relative: Effect, **more) -> Comparison:
    told = {
        "p_value": 0.01,
        "log10_p_value": -2.0,
        "adjusted_p_value": 0.02,
        "probability_better": None,
        "expected_loss": None,
        "is_significant": True,
    }
    return Comparison("t", "c", Effect(0.1, 0.05, 0.15), relative, **(told | more))


def result(*comparisons: Comparison, **more) -> AnalysisResult:
    stats = {each.id: VariantStatistics(each.id, each.name, 1500, 0.4, 0.5, 0.01, 0.4, 600) for each in VARIANTS}
    advice = Recommendation(
        Verdict.SHIP, "Ship it.", ("Because it is better.",), (WhyNot(Verdict.CONTINUE, "All is found."),)
    )
    told = {"winner": "t", "is_significant": True, "metric": "won", "test": "z_test", "progress": PROGRESS} | more
    return AnalysisResult(
        variant_stats=stats,
        confidence_level=0.95,
        sample_size_sufficient=True,
        comparisons=comparisons,
        recommendation=advice,
        **told,
    )


def printed(draw, *arguments) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    draw(console, *arguments)
    text = console.file.getvalue()
    assert all(cell_len(line) <= 80 for line in text.splitlines()), text
    return text


def test_everything_is_told_once() -> None:
    guardrail = GuardrailResult("cost", "t", 0.3, 0.1, 0.2, 0.01, GuardrailState.PASSED)
    text = printed(render, TRIAL, result(comparison(Effect(0.25, 0.1, 0.4)), guardrails=(guardrail,)))
    for words in (
        "Which tone? · DRAFT · won by z_test",
        "GROUP_SEQUENTIAL · 3,000 of 6,000 units · 4 looks · alpha 0.003 · 36 h left\n",
        "95% interval",
        "+10.0% … +40.0%",
        "[b]new[/] ★",
        "p adjusted",
        "PASSED",
        "SHIP Ship it.",
        "Because it is better.",
        "Why not CONTINUE? All is found.",
    ):
        assert words in text
    assert "P(better)" not in text
    assert text.count("guardrail cost") == 1
    (line,) = [line for line in text.splitlines() if "●" in line]
    assert "│" in line
    assert line.endswith("+25.0% ★")


@pytest.mark.parametrize(
    ("effect", "words"),
    [(NOTHING, "–"), (Effect(0.5, None, None), "unbounded"), (Effect(0.5, None, 1e9), "– … +1.0e+11%")],
)
def test_what_is_unknown_or_unbounded_is_said(effect, words) -> None:
    unknown = comparison(effect, adjusted_p_value=None, probability_better=None, is_significant=False)
    text = printed(render, TRIAL, result(unknown, winner=None, progress=None, notices=(Notice("CODE", "Beware."),)))
    assert words in text
    assert "Beware. (CODE)" in text


def test_progress_without_a_plan_is_short() -> None:
    start = Progress(Monitoring.ALWAYS_VALID, 0, 0, None, None, None, 0.01, None, False)
    assert told_progress(start) == "ALWAYS_VALID · 0 units · 0 looks · alpha 0.01"


def test_slices_share_one_scale() -> None:
    def one(value: str, effect: Effect, mismatch: bool) -> SliceResult:
        ratio = SampleRatio((500, 500), (500.0, 500.0), 0.5, mismatch)
        return SliceResult(value, 1000, (), (comparison(effect),), ratio)

    slices = (one("de", Effect(0.2, 0.1, 0.4), False), one("[en]", Effect(-0.2, None, 0.1), True))
    text = printed(render_slices, TRIAL, SliceAnalysis("language", "won", "z_test", slices, (Notice("N", "Look."),)))
    lines = text.splitlines()
    assert lines[0] == "Which tone? · won by z_test, by language"
    assert lines[1] == "de 1,000 units"
    assert lines[3] == "[en] 1,000 units proportions are off"
    assert lines[2].index("│") == lines[4].index("┼")
    assert "◄" in lines[4]
    assert lines[5].split() == ["-23.0%", "0", "+40.0%"]
    none = printed(render_slices, TRIAL, SliceAnalysis("language", "won", "z_test", (), ()))
    assert "No units have been exposed yet." in none
