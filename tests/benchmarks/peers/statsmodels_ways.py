"""statsmodels: general tools, put together as its documentation shows."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import statsmodels.api as sm
from statsmodels.stats import proportion
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from tests.benchmarks import workloads as work
from tests.benchmarks.workloads import Cell, Contender, Rows


def _values(n: int, mean: float, variance: float) -> DescrStatsW:
    """Return what CompareMeans wants, values: two weighted ones with the mean and the variance that are given."""
    half = sqrt(variance * (n - 1) / n)
    return DescrStatsW(np.array([mean - half, mean + half]), np.array([n / 2, n / 2]))


def _welch(control: DescrStatsW, treatment: DescrStatsW) -> Any:
    both = CompareMeans(treatment, control)
    return both.ttest_ind(usevar="unequal"), both.tconfint_diff(usevar="unequal")


def _read_welch(answer: list[Any]) -> list[list[float]]:
    return [[sum(ends) / 2, *ends] for _, ends in answer]


def means(cells: list[Cell]) -> Contender:
    """Welch's t-test and its interval."""

    def run() -> Any:
        arms = [[_values(*each) for each in zip(*cell, strict=True)] for cell in cells]
        return [_welch(cell[0], other) for cell in arms for other in cell[1:]]

    return run, _read_welch


def rates(pair: Callable[[int, int, int, int], Any]) -> Callable[[list[Cell]], Contender]:
    """A test and an interval of each pair."""

    def prepare(cells: list[Cell]) -> Contender:
        def run() -> Any:
            arms = [list(zip(*cell, strict=True)) for cell in cells]
            return [pair(*other, *cell[0]) for cell in arms for other in cell[1:]]

        return run, lambda answer: [[estimate, *ends] for estimate, _, ends in answer]

    return prepare


def _agresti_caffo(x: int, n: int, x_0: int, n_0: int) -> Any:
    test = proportion.test_proportions_2indep(x, n, x_0, n_0)
    return test.diff, test, proportion.confint_proportions_2indep(x, n, x_0, n_0, method="agresti-caffo")


def _newcombe(x: int, n: int, x_0: int, n_0: int) -> Any:
    test = proportion.proportions_ztest([x, x_0], [n, n_0])
    return x / n - x_0 / n_0, test, proportion.confint_proportions_2indep(x, n, x_0, n_0, method="newcomb")


def regression(rows: Rows) -> Contender:
    """Least squares of the value on the arm and the value before."""

    def run() -> Any:
        table = np.column_stack([np.ones(len(rows.arm)), rows.arm, rows.before])
        found = sm.OLS(rows.value, table).fit()
        return found.params[1], found.pvalues[1], found.conf_int()[1]

    return run, lambda answer: [[answer[0], *answer[2]]]


def adjusted_by_hand(rows: Rows) -> Contender:
    """Welch's t-test of values that the caller has adjusted."""

    def run() -> Any:
        covariance = np.cov(rows.value, rows.before)
        left = rows.value - covariance[0, 1] / covariance[1, 1] * rows.before
        return [_welch(*(DescrStatsW(left[rows.arm == each]) for each in (0, 1)))]

    return run, _read_welch


WAYS = {
    work.TWO_MEANS: {"CompareMeans": means},
    work.TWO_RATES: {"Agresti-Caffo": rates(_agresti_caffo), "z-test, Newcombe": rates(_newcombe)},
    work.MANY_MEANS: {"CompareMeans": means},
    work.MANY_RATES: {"Agresti-Caffo": rates(_agresti_caffo), "z-test, Newcombe": rates(_newcombe)},
    work.ROWS: {"OLS": regression, "CompareMeans, adjusted by hand": adjusted_by_hand},
}
