"""Simulated data: sufficient statistics of many experiments at every look at once, shape (simulations, looks, 2)."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from omniforge_graph.statistics.samples import FloatArray, SampleStatistics
from tests.calibration.checking import Generator

IntArray: TypeAlias = NDArray[np.int_]

BUYERS = 0.1
SIGMA = 1.2


def rates(
    rng: Generator, simulations: int, looks: int, step: int | IntArray, control: float, treatment: float
) -> SampleStatistics:
    """Return conversions of independent units, `step` more in each variant at each look, or as many as it lists."""
    steps = np.broadcast_to(step, (looks,))
    conversions = rng.binomial(steps[:, None], [control, treatment], (simulations, looks, 2)).cumsum(axis=1)
    return SampleStatistics.of_rates(conversions, np.broadcast_to(steps.cumsum()[:, None], conversions.shape))


def revenue(rng: Generator, simulations: int, looks: int, step: int, lift: float = 0.0) -> SampleStatistics:
    """Return revenue per unit: one unit in ten buys, for a lognormal amount; the treatment's amounts are scaled."""
    buyers = rng.binomial(step, BUYERS, (simulations, looks, 2))
    ends = buyers.ravel().cumsum()
    amounts = rng.lognormal(0.0, SIGMA, int(ends[-1]))

    def sums(values: FloatArray) -> FloatArray:
        whole = np.concatenate([[0.0], values.cumsum()])
        return np.diff(whole[np.concatenate([[0], ends])]).reshape(buyers.shape)

    scale = np.array([1.0, 1.0 + lift])
    return summed(sums(amounts) * scale, sums(amounts**2) * scale**2, step)


def skewed(rng: Generator, simulations: int, looks: int, step: int, sigma: float) -> SampleStatistics:
    """Return lognormal values of every unit."""
    values = rng.lognormal(0.0, sigma, (simulations, looks, 2, step))
    return summed(values.sum(axis=-1), (values**2).sum(axis=-1), step)


def normal(rng: Generator, simulations: int, looks: int, step: int, effect: float = 0.0) -> SampleStatistics:
    """Return standard normal values of every unit, the treatment's shifted: sums and squares are drawn as such."""
    mean = rng.normal(0.0, step**-0.5, (simulations, looks, 2))
    squares = rng.chisquare(step - 1, mean.shape) if step > 1 else np.zeros(mean.shape)
    mean = mean + np.array([0.0, effect])
    return summed(step * mean, squares + step * mean**2, step)


def summed(sums: FloatArray, squares: FloatArray, step: int) -> SampleStatistics:
    """Return the statistics of looks from each step's sums. Plain sums of squares do: means are as small as spreads."""
    total, square = sums.cumsum(axis=1), squares.cumsum(axis=1)
    units = _units(*sums.shape[:2], step)
    mean = total / units
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(units > 1, np.maximum(square - total * mean, 0.0) / (units - 1), np.nan)
    return SampleStatistics(units, mean, variance)


def at(samples: SampleStatistics, look: int) -> SampleStatistics:
    """Return the statistics of one look, shape (simulations, 2)."""
    return SampleStatistics(samples.units[:, look], samples.mean[:, look], samples.variance[:, look])


def _units(simulations: int, looks: int, step: int) -> FloatArray:
    units = step * np.arange(1.0, looks + 1)
    return np.broadcast_to(units[:, None], (simulations, looks, 2)).copy()
