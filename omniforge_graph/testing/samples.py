"""Sample statistics to try a statistical test on: healthy, poor, with and without a difference. All seeded."""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics

_SEED = 20_240_607


def healthy(kind: MetricKind, shape: tuple[int, ...], *, times: int = 1) -> SampleStatistics:
    """Return samples of 1,000 to 5,000 units per variant, times `times`, with moderate and differing effects."""
    generator = np.random.default_rng(_SEED)
    units = generator.integers(1000, 5000, shape).astype(np.float64)
    if kind is MetricKind.BINARY:
        conversions = np.floor(units * generator.uniform(0.1, 0.6, shape))
        return SampleStatistics.of_rates(conversions * times, units * times)
    mean, variance = generator.uniform(5, 15, shape), generator.uniform(2, 30, shape)
    return SampleStatistics.of(units * times, mean, variance)


def no_difference(kind: MetricKind, slices: int) -> SampleStatistics:
    """Return two variants of 1,000 units each, drawn from one distribution, `slices` times."""
    generator = np.random.default_rng(_SEED)
    units = np.full((slices, 2), 1000.0)
    if kind is MetricKind.BINARY:
        return SampleStatistics.of_rates(generator.binomial(1000, 0.3, units.shape), units)
    mean = generator.normal(10, np.sqrt(4 / units))
    variance = 4 * generator.chisquare(units - 1) / (units - 1)
    return SampleStatistics.of(units, mean, variance)


def clear_difference(kind: MetricKind) -> SampleStatistics:
    """Return a control, a much larger and a much smaller treatment, of 20,000 units each."""
    units = np.full(3, 20_000.0)
    if kind is MetricKind.BINARY:
        return SampleStatistics.of_rates([10_000, 15_000, 5_000], units)
    return SampleStatistics.of(units, [10.0, 15.0, 5.0], [4.0, 4.0, 4.0])


def poor(kind: MetricKind) -> SampleStatistics:
    """Return slices of three variants that a test may not be able to judge: shape (slices, 3)."""
    if kind is MetricKind.BINARY:
        cases = [
            ((0, 0, 0), (0, 0, 0)),  # nobody came
            ((0, 0, 5), (0, 10, 10)),  # nobody met the control
            ((5, 0, 0), (10, 0, 1)),  # nobody met a treatment
            ((0, 1, 1), (1, 1, 1)),  # one unit each
            ((0, 0, 0), (100, 100, 100)),  # nobody converted
            ((100, 100, 100), (100, 100, 100)),  # everybody converted
            ((0, 100, 1), (100, 100, 2)),  # all against nothing
            ((0, 1, 3), (10_000_000, 10_000_000, 5)),  # lopsided
        ]
        return SampleStatistics.of_rates([case[0] for case in cases], [case[1] for case in cases])
    rows: list[list[tuple[float, float, float]]] = [
        [(0, 0, 0), (0, 0, 0), (0, 0, 0)],  # nobody came
        [(0, 0, 0), (10, 1, 1), (10, 2, 1)],  # nobody met the control
        [(10, 1, 1), (0, 0, 0), (1, 2, 0)],  # nobody met a treatment
        [(1, 1, 0), (1, 2, 0), (1, 3, 0)],  # one unit each
        [(2, 1, 0), (2, 1, 0), (2, 2, 0)],  # no variance, equal and unequal means
        [(100, 0, 0), (100, 0, 0), (100, 5, 3)],  # nothing measured but zeros
        [(100, 3, 0), (100, 4, 2), (1, 4, 0)],  # variance in one variant only
        [(1e7, 1e15, 1e20), (1e7, 1e15, 1e20), (5, 1e-15, 1e-30)],  # huge and tiny
    ]
    units, mean, variance = np.moveaxis(np.array(rows, dtype=np.float64), -1, 0)
    return SampleStatistics.of(units, mean, variance)


def stack(samples: Sequence[SampleStatistics]) -> SampleStatistics:
    """Return the slices of all samples, one after the other along the first axis."""
    units, mean, variance = (
        np.concatenate([getattr(each, name) for each in samples]) for name in ("units", "mean", "variance")
    )
    return SampleStatistics(units, mean, variance)


def slice_of(sample: SampleStatistics, index: int) -> SampleStatistics:
    """Return one slice, without its axis."""
    return SampleStatistics(sample.units[index], sample.mean[index], sample.variance[index])


def reordered(sample: SampleStatistics, order: Sequence[int]) -> SampleStatistics:
    """Return the variants in another order."""

    def take(values: FloatArray) -> FloatArray:
        return values[..., list(order)]

    return SampleStatistics(take(sample.units), take(sample.mean), take(sample.variance))


def told(sample: SampleStatistics, treatments: BoolArray) -> str:
    """Return the slices in which any of `treatments` is true, in words."""
    rows = np.flatnonzero(treatments.any(axis=-1))
    return "; ".join(
        f"units {sample.units[row]}, mean {sample.mean[row]}, variance {sample.variance[row]}" for row in rows
    )
