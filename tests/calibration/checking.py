"""What a calibration check is: simulations that measure figures, and the band each figure has to lie in.

A band is written for a number of simulations. It holds what may truly be, plus the noise of that many: 3.3 standard
errors, which a sound method leaves about once in a thousand. Run with fewer simulations, it widens by 3.3 times what
the standard error grows.
"""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import numpy as np

SEED = 20_260_919
ERRORS_ALLOWED = 3.3
BLOCK = 1_000
"""Simulations that are worked on together, so that memory does not grow with their number."""

Generator: TypeAlias = np.random.Generator


@dataclass(frozen=True, slots=True)
class Band:
    """The figures that pass. `spread` is the standard deviation of what one simulation adds; 0 for an exact figure."""

    low: float
    high: float
    spread: float = 0.0

    def widened(self, simulations: int, planned: int) -> "Band":
        """Return the band for another number of simulations than the planned one."""
        if not self.spread:
            return self
        more = ERRORS_ALLOWED * self.spread * (simulations**-0.5 - planned**-0.5)
        return Band(self.low - more, self.high + more, self.spread)

    def holds(self, figure: float) -> bool:
        """Return whether a figure passes; NaN does not."""
        return self.low <= figure <= self.high


def share(low: float, high: float, nominal: float) -> Band:
    """Return the band of a share of the simulations that is `nominal` if all is well."""
    return Band(low, high, math.sqrt(nominal * (1 - nominal)))


def around(nominal: float, simulations: int) -> Band:
    """Return the band of a share that has to be `nominal`, to the noise of so many simulations."""
    error = ERRORS_ALLOWED * math.sqrt(nominal * (1 - nominal) / simulations)
    return share(nominal - error, nominal + error, nominal)


def at_most(nominal: float, simulations: int) -> Band:
    """Return the band of a share that must not exceed `nominal`, to the noise of so many simulations."""
    return share(0.0, around(nominal, simulations).high, nominal)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of the table: what it is, where it has to lie (None: reported only), and the best peer's figure."""

    name: str
    band: Band | None
    peer: str = ""
    digits: int = 4


@dataclass(frozen=True, slots=True)
class Check:
    """Simulations and the rows they fill.

    `measure(rng, simulations)` returns one figure per row, or None if it cannot be done here. `quick` simulations are
    enough for the test suite; 0 for a check without any.
    """

    rows: tuple[Row, ...]
    measure: Callable[[Generator, int], tuple[float, ...] | None]
    simulations: int = 0
    quick: int = 0


def check_of(
    name: str,
    band: Band | None,
    measure: Callable[[Generator, int], tuple[float, ...] | None],
    simulations: int = 0,
    quick: int = 0,
    *,
    peer: str = "",
) -> Check:
    """Return a check of a single row."""
    return Check((Row(name, band, peer),), measure, simulations, quick)


@dataclass(frozen=True, slots=True)
class Measured:
    """A row with its figure; None where it could not be measured here."""

    row: Row
    simulations: int
    band: Band | None
    figure: float | None
    seconds: float

    @property
    def passed(self) -> bool | None:
        """Whether the figure lies in its band; None where there is nothing to judge."""
        return None if self.figure is None or self.band is None else self.band.holds(self.figure)


def run(check: Check, *, quick: bool = False, seed: int = SEED) -> list[Measured]:
    """Run a check, the same in every order of checks: its random numbers follow from its first row's name."""
    simulations = check.quick if quick else check.simulations
    started = perf_counter()
    figures = check.measure(np.random.default_rng([seed, zlib.crc32(check.rows[0].name.encode())]), simulations)
    seconds = perf_counter() - started
    found = figures if figures is not None else (None,) * len(check.rows)
    return [
        Measured(row, simulations, row.band and row.band.widened(simulations, check.simulations), figure, seconds)
        for row, figure in zip(check.rows, found, strict=True)
    ]


def rate_of(
    outcomes: Callable[[int], tuple[np.ndarray, ...]], simulations: int, block: int = BLOCK
) -> tuple[float, ...]:
    """Return the mean of each outcome over the simulations; `outcomes(count)` simulates some of them."""
    parts = [outcomes(min(block, simulations - done)) for done in range(0, simulations, block)]
    return tuple(float(np.concatenate(each).mean()) for each in zip(*parts, strict=True))
