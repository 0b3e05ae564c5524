"""The numbers that everybody computes from, and how a computation is timed. No part of the engine: peers use it too."""

import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

TWO_MEANS = "two means"
TWO_RATES = "two rates"
MANY_MEANS = "3,000 means"
MANY_RATES = "3,000 rates"
ROWS = "1,000,000 rows, CUPED"
WORKS = (TWO_MEANS, TWO_RATES, MANY_MEANS, MANY_RATES, ROWS)

Cell = tuple[list[Any], ...]
"""One number per variant, control first, of each kind: units, means, variances; or conversions, units."""

MEANS = ((10_000, 12.3, 90.0), (10_120, 12.6, 95.0))
"""Control and treatment: units, mean, variance."""
RATES = ((1_234, 10_000), (1_310, 10_120))
"""Control and treatment: conversions, units."""

Read = Callable[[Any], list[list[float]]]
"""Turns an answer into [estimate, lower, upper] per comparison, so that answers can be held together."""
Contender = tuple[Callable[[], Any], Read]
"""What is timed, and how its answer is read afterwards."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Statistics of 20 slices x 50 metrics x 4 variants, as nested lists: what a database driver would return."""

    units: list[list[list[int]]]
    means: list[list[list[float]]]
    variances: list[list[list[float]]]
    conversions: list[list[list[int]]]


@dataclass(frozen=True, slots=True)
class Rows:
    """One row per unit: its arm, its value, and its value before the experiment."""

    arm: np.ndarray
    value: np.ndarray
    before: np.ndarray


@cache
def grid() -> Grid:
    """Return the grid, the same in every process."""
    generator = np.random.default_rng(2)
    units = np.repeat(generator.integers(800, 1_200, (20, 1, 4)), 50, axis=1)
    means, variances = generator.normal(10, 0.3, units.shape), generator.uniform(80, 100, units.shape)
    conversions = generator.binomial(units, 0.1)
    return Grid(units.tolist(), means.tolist(), variances.tolist(), conversions.tolist())


@cache
def rows() -> Rows:
    """Return the rows, the same in every process."""
    generator = np.random.default_rng(1)
    arm, before = generator.integers(0, 2, 1_000_000), generator.lognormal(1, 1, 1_000_000)
    return Rows(arm, 0.8 * before + generator.normal(0, 1, len(arm)) + 0.02 * arm, before)


def prepared(work: str) -> Any:
    """Return the numbers of a work: a list of cells, or rows."""
    if work == ROWS:
        return rows()
    if work == TWO_MEANS:
        return [tuple(map(list, zip(*MEANS, strict=True)))]
    if work == TWO_RATES:
        return [tuple(map(list, zip(*RATES, strict=True)))]
    table = grid()
    kinds = (table.units, table.means, table.variances) if work == MANY_MEANS else (table.conversions, table.units)
    return [cell for slices in zip(*kinds, strict=True) for cell in zip(*slices, strict=True)]


def seconds_per_run(run: Callable[[], Any], seconds: float) -> float:
    """Return the mean time of as many runs as fit, at least one; the garbage collector waits."""
    started = time.perf_counter()
    run()
    once = time.perf_counter() - started
    number = int(seconds / once) if once else 1_000
    return timeit.Timer(run).timeit(number) / number if number > 1 else once
