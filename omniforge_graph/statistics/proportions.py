"""Differences between proportions: the z-test, Pearson's chi-square and the table of counts behind it."""

from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics

SMALL_EXPECTED = 5
"""Below this expected count the normal and chi-square approximations are not to be trusted (Cochran 1954)."""
_UNDERFLOW = 1e-290
_DEPTH = 200  # levels of the continued fraction: ample where it is needed, at statistics beyond a thousand


@dataclass(frozen=True, slots=True)
class CrossTable:
    """Counts of units by variant and by outcome, converted first; shape of both: (*slices, variants, 2).

    `expected` is what each cell would hold if all variants converted alike; NaN where a slice has no units.
    """

    observed: FloatArray
    expected: FloatArray


def cross_table(samples: SampleStatistics) -> CrossTable:
    """Return the observed and the expected counts of a BINARY metric."""
    converted = samples.conversions
    rate = _overall_rate(samples)
    return CrossTable(
        np.stack([converted, samples.units - converted], axis=-1),
        np.stack([samples.units * rate, samples.units * (1 - rate)], axis=-1),
    )


def two_proportion_z(
    control: SampleStatistics, treatment: SampleStatistics, *, pooled: bool = True, correction: bool = False
) -> FloatArray:
    """Return the standardised difference treatment - control; NaN without units or without variation.

    The standard error is that of the pooled rate, so that z^2 is Pearson's chi-square, or each rate's own (Wald).
    `correction` moves the difference half a unit towards 0 (Yates 1934), never past it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = 1 / control.units + 1 / treatment.units
        if pooled:
            units, converted = control.units + treatment.units, control.conversions + treatment.conversions
            variance = (converted / units) * ((units - converted) / units) * weight
        else:
            own = (each.mean * (1 - each.mean) / each.units for each in (control, treatment))
            variance = sum(own, np.zeros(()))
        difference = treatment.mean - control.mean
        if correction:
            difference = np.sign(difference) * np.maximum(np.abs(difference) - weight / 2, 0.0)
        return np.asarray(np.where(variance > 0, difference / np.sqrt(variance), np.nan))


def pearson_chi_square(samples: SampleStatistics, *, correction: bool = False) -> tuple[FloatArray, FloatArray]:
    """Return Pearson's chi-square of the (variants x converted or not) table and its degrees of freedom.

    Shape of both: (*slices,). Variants without units are left out. Without variation (nobody converts, or
    everybody) the statistic is NaN. `correction` is Yates's (1934), for two variants; with more it changes nothing.
    """
    present = samples.units > 0
    rate = np.nan_to_num(_overall_rate(samples))
    expected = samples.units * rate * (1 - rate)
    gap = np.abs(samples.conversions - samples.units * rate)
    if correction:
        gap = np.where(present.sum(axis=-1, keepdims=True) == 2, np.maximum(gap - 0.5, 0.0), gap)
    terms = np.divide(gap**2, expected, out=np.zeros_like(gap), where=expected > 0)
    varies = (rate * (1 - rate))[..., 0] > 0
    statistic = np.where(varies, terms.sum(axis=-1), np.nan)
    return statistic, np.maximum(present.sum(axis=-1) - 1.0, 0.0)


def chi_square_log10_p_value(statistic: FloatArray, degrees: FloatArray) -> FloatArray:
    """Return log10 of the chi-square distribution's upper tail, exact where the tail itself underflows.

    NaN where the statistic is, or without a degree of freedom. Legendre's continued fraction (DLMF 8.9.2).
    """
    valid = (degrees > 0) & ~np.isnan(statistic)
    x, a = np.where(valid, statistic, 1.0) / 2, np.where(valid, degrees, 1.0) / 2
    tail = scipy.special.gammaincc(a, x)
    tiny = tail < _UNDERFLOW
    log_tail = np.asarray(np.log(np.where(tiny, 1.0, tail)))
    if np.any(tiny):
        x, a = x[tiny], a[tiny]
        fraction = x + 2 * _DEPTH + 1 - a
        for level in range(_DEPTH, 0, -1):
            fraction = x + 2 * level - 1 - a - level * (level - a) / fraction
        log_tail[tiny] = a * np.log(x) - x - scipy.special.gammaln(a) - np.log(fraction)
    return np.asarray(np.where(valid, log_tail / np.log(10), np.nan))


def small_expected_counts(samples: SampleStatistics) -> BoolArray:
    """Return whether any cell of the (variants x converted or not) table expects fewer than 5 units; (*slices,)."""
    rate = np.nan_to_num(_overall_rate(samples))
    rarer = samples.units * np.minimum(rate, 1 - rate)
    return np.asarray(np.any(rarer < SMALL_EXPECTED, axis=-1))


def pairs_with_control(samples: SampleStatistics, control: int) -> SampleStatistics:
    """Return one two-variant sample, control first, for each treatment: shape (*slices, treatments, 2)."""
    alone, treatments = samples.split(control)
    units, mean, variance = (
        np.stack(np.broadcast_arrays(getattr(alone, name), getattr(treatments, name)), axis=-1)
        for name in ("units", "mean", "variance")
    )
    return SampleStatistics(units, mean, variance)


def _overall_rate(samples: SampleStatistics) -> FloatArray:
    """Return the rate of all variants together, with a last axis of one; NaN without units."""
    units = samples.units.sum(axis=-1, keepdims=True)
    converted = samples.conversions.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(converted, units, out=np.full_like(units, np.nan), where=units > 0))
