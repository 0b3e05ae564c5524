"""tea-tasting: aggregates in, effects out; the relative interval always comes with the absolute one."""

from typing import Any

import pyarrow as pa
import tea_tasting as tea
from tea_tasting.aggr import Aggregates

from tests.benchmarks import workloads as work
from tests.benchmarks.workloads import Cell, Contender, Rows


def _read(answer: list[Any]) -> list[list[float]]:
    return [[each.effect_size, each.effect_size_ci_lower, each.effect_size_ci_upper] for each in answer]


def means(cells: list[Cell]) -> Contender:
    """Welch's t-test."""
    metric = tea.Mean("x")

    def run() -> Any:
        arms = [[Aggregates(n, {"x": m}, {"x": v}) for n, m, v in zip(*cell, strict=True)] for cell in cells]
        return [metric.analyze_aggregates(cell[0], other) for cell in arms for other in cell[1:]]

    return run, _read


def adjusted(rows: Rows) -> Contender:
    """CUPED of a table made of the arrays."""

    def run() -> Any:
        table = pa.table({"variant": rows.arm, "y": rows.value, "x": rows.before})
        return [tea.Experiment(y=tea.Mean("y", "x")).analyze(table)["y"]]

    return run, _read


WAYS = {
    work.TWO_MEANS: {"Mean": means},
    work.MANY_MEANS: {"Mean": means},
    work.ROWS: {"Mean with a covariate": adjusted},
}
