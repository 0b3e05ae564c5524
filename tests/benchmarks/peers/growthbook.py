"""gbstats: the classes, which are its fastest way; its engine for data frames takes seven times as long."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
from gbstats.models.statistics import ProportionStatistic, RegressionAdjustedStatistic, SampleMeanStatistic

from tests.benchmarks import workloads as work
from tests.benchmarks.workloads import Cell, Contender, Rows


def _test(pairs: list[Any], *scales: str) -> list[Any]:
    configs = [FrequentistConfig(difference_type=each) for each in scales]
    return [[TwoSidedTTest(*pair, config).compute_result() for config in configs] for pair in pairs]


def _read(answer: list[Any]) -> list[list[float]]:
    return [[found[0].expected, *found[0].ci] for found in answer]


def means(*scales: str) -> Callable[[list[Cell]], Contender]:
    """Welch's t-test on one scale or on several; sums and sums of squares are given for free."""

    def prepare(cells: list[Cell]) -> Contender:
        sums = [
            [(n, n * mean, variance * (n - 1) + n * mean**2) for n, mean, variance in zip(*cell, strict=True)]
            for cell in cells
        ]

        def run() -> Any:
            arms = [[SampleMeanStatistic(n=n, sum=x, sum_squares=xx) for n, x, xx in cell] for cell in sums]
            return _test([(cell[0], other) for cell in arms for other in cell[1:]], *scales)

        return run, _read

    return prepare


def rates(cells: list[Cell]) -> Contender:
    """The same t-test for proportions: there is no other."""

    def run() -> Any:
        arms = [[ProportionStatistic(n=n, sum=x) for x, n in zip(*cell, strict=True)] for cell in cells]
        return _test([(cell[0], other) for cell in arms for other in cell[1:]], "absolute")

    return run, _read


def adjusted(rows: Rows) -> Contender:
    """CUPED from sums, which a data frame adds up."""
    frame = pd.DataFrame({"arm": rows.arm, "y": rows.value, "x": rows.before})

    def run() -> Any:
        wide = frame.assign(yy=frame.y * frame.y, xx=frame.x * frame.x, xy=frame.x * frame.y)
        grouped = wide.groupby("arm")
        sums, sizes = grouped.sum(), grouped.size()

        def arm(key: int) -> RegressionAdjustedStatistic:
            n, x = int(sizes[key]), sums.loc[key]
            return RegressionAdjustedStatistic(
                n=n,
                post_statistic=SampleMeanStatistic(n=n, sum=x.y, sum_squares=x.yy),
                pre_statistic=SampleMeanStatistic(n=n, sum=x.x, sum_squares=x.xx),
                post_pre_sum_of_products=x.xy,
                theta=0,
            )

        return _test([(arm(0), arm(1))], "absolute")

    return run, _read


WAYS = {
    work.TWO_MEANS: {"absolute": means("absolute"), "absolute and relative": means("absolute", "relative")},
    work.TWO_RATES: {"absolute": rates},
    work.MANY_MEANS: {"absolute": means("absolute"), "absolute and relative": means("absolute", "relative")},
    work.MANY_RATES: {"absolute": rates},
    work.ROWS: {"sums by pandas": adjusted},
}
