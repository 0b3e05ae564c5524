"""spotify-confidence: data frames in, data frames out. Thousands of comparisons take it half a minute: left out."""

from typing import Any

import pandas as pd
from spotify_confidence import StudentsTTest, ZTestLinreg

from tests.benchmarks import workloads as work
from tests.benchmarks.workloads import Cell, Contender, Rows

NAMES = {
    "numerator_column": "y",
    "numerator_sum_squares_column": "yy",
    "denominator_column": "n",
    "categorical_group_columns": "arm",
}


def _read(answer: Any) -> list[list[float]]:
    return answer[["difference", "ci_lower", "ci_upper"]].to_numpy().tolist()


def means(cells: list[Cell]) -> Contender:
    """Student's t-test of the first cell."""
    sums = [(n, n * mean, variance * (n - 1) + n * mean**2) for n, mean, variance in zip(*cells[0], strict=True)]
    frame = pd.DataFrame(sums, columns=["n", "y", "yy"]).assign(arm=range(len(sums)))

    def run() -> Any:
        return StudentsTTest(frame, **NAMES).difference(level_1=0, level_2=1)

    return run, _read


def adjusted(rows: Rows) -> Contender:
    """A z-test of values adjusted by regression, from sums that a data frame adds up."""

    def run() -> Any:
        frame = pd.DataFrame({"arm": rows.arm, "y": rows.value, "x": rows.before, "n": 1})
        frame = frame.assign(yy=frame.y * frame.y, xx=frame.x * frame.x, xy=frame.x * frame.y)
        test = ZTestLinreg(
            frame.groupby("arm").sum().reset_index(),
            **NAMES,
            feature_column="x",
            feature_sum_squares_column="xx",
            feature_cross_sum_column="xy",
        )
        return test.difference(level_1=0, level_2=1)

    return run, _read


WAYS = {work.TWO_MEANS: {"StudentsTTest": means}, work.ROWS: {"ZTestLinreg": adjusted}}
