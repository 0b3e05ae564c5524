"""Did units arrive in the planned proportions?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.samples import FloatArray
from omniforge_graph.statistics.tails import chi_square_p_value

SAMPLE_RATIO_ALARM = 0.001
"""The p-value below which the sample ratio is a mismatch."""
MINIMUM_EXPECTED = 8
"""Fewer units expected in a variant than this cannot tell a mismatch from chance."""
CONCENTRATION = 300.0
"""How many units the prior of the sequential test is worth: most sensitive at 5,000 units, and well from 1e3 to 1e6."""
_SMALL = 1e-290


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether units arrived in the planned proportions (Fabijan et al. 2019); None when there are too few to tell.

    `log10_p_value` keeps its digits where the p-value underflows; it is None too where no finite one exists.
    `sequential_p_value` is the one that may be watched all the time, where somebody asked for it.
    """

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float | None
    mismatch: bool
    log10_p_value: float | None = None
    sequential_p_value: float | None = None


def sample_ratio(observed: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Compare the units of each variant with the planned shares, in any scale (Pearson; Fabijan et al. 2019).

    A mismatch is a p-value below .001, or any unit in a variant that should get none. With fewer than 8 units
    expected in some variant, or a single variant that takes traffic, there is no p-value. It is meant for one look:
    `sequential_sample_ratio` may be watched.
    """
    p_value, log10_p_value = sample_ratio_p_values(observed, shares)
    return _judged(observed, shares, float(p_value), float(log10_p_value))


def sequential_sample_ratio(
    path: ArrayLike, shares: Sequence[float], concentration: float = CONCENTRATION
) -> SampleRatio:
    """Judge counts that are watched all the time (Lindon & Malek 2022): false alarms ever, one in 1,000 at most.

    `path` are the units of each variant so far, or a row of them for each time they were looked at, the last row now.
    The p-value is the smallest of them all. A unit in a variant that should get none is a mismatch.
    """
    counts = np.atleast_2d(np.asarray(path, dtype=np.float64))
    log10_p_value = float(np.min(sequential_sample_ratio_log10_p(counts, shares, concentration)))
    return _judged(counts[-1], shares, 10**log10_p_value, log10_p_value)


def sample_ratio_p_values(observed: ArrayLike, shares: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return Pearson's p-values of counts (*slices, variants) and their log10, by the rules of `sample_ratio`.

    NaN where there are too few units to tell; 0 where a variant that should get none has units.
    """
    units, weights = _checked(observed, shares)
    expected, taking = units.sum(axis=-1, keepdims=True) * weights, weights > 0
    degrees = int(taking.sum()) - 1
    if degrees < 1:
        p_value = np.full(units.shape[:-1], np.nan)
        log10_p_value = p_value.copy()
    else:
        told = expected[..., taking]
        enough = told.min(axis=-1) >= MINIMUM_EXPECTED
        terms = np.divide((units[..., taking] - told) ** 2, told, out=np.zeros_like(told), where=told > 0)
        statistic = np.where(enough, terms.sum(axis=-1), np.nan)
        p_value = chi_square_p_value(statistic, np.asarray(degrees))
        log10_p_value = _log_chi_square(statistic, degrees) / math.log(10)
    stray = np.any(units[..., ~taking] > 0, axis=-1)
    return np.where(stray, 0.0, p_value), np.where(stray, -np.inf, log10_p_value)


def sequential_sample_ratio_log10_p(
    observed: ArrayLike, shares: ArrayLike, concentration: float = CONCENTRATION
) -> FloatArray:
    """Return the log10 of the p-values of counts (*slices, variants): 1 over the Bayes factor, 1 at most.

    The Bayes factor is that of any shares, with a Dirichlet prior around the planned ones, against exactly these. The
    smallest p-value of all times is valid however often it is looked at.
    """
    units, weights = _checked(observed, shares)
    taking = weights > 0
    log_factor = log_bayes_factor(units[..., taking], weights[taking], concentration * weights[taking])
    stray = np.any(units[..., ~taking] > 0, axis=-1)
    return np.where(stray, -np.inf, -np.maximum(log_factor, 0.0) / math.log(10))


def log_bayes_factor(counts: ArrayLike, shares: ArrayLike, prior: ArrayLike) -> FloatArray:
    """Return the log Bayes factor of a Dirichlet-multinomial against fixed shares; categories on the last axis.

    `prior` are the Dirichlet's parameters, in the proportion of the shares or not. Written as a divergence plus
    Stirling's remainders, so that nothing cancels: counts of 1e9 keep all but their last digits.
    """
    counts, shares, prior = (np.asarray(each, dtype=np.float64) for each in (counts, shares, prior))
    return _log_marginal(counts, prior, shares) - _log_marginal(np.zeros_like(prior), prior, shares)


def _log_marginal(counts: FloatArray, prior: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the log of B(prior + counts) / prod(shares ** counts), less what does not depend on the counts."""
    x = prior + counts
    total = x.sum(axis=-1, keepdims=True)
    mean = total * shares
    # Exact where the prior is in proportion to the shares: the large numbers cancel before they are multiplied.
    excess = (counts - counts.sum(axis=-1, keepdims=True) * shares) + (prior - prior.sum() * shares)
    ratio = np.maximum(excess / mean, -1.0)
    divergence = np.sum(mean * (scipy.special.xlog1py(1 + ratio, ratio) - ratio), axis=-1)
    halves = 0.5 * (np.log(total[..., 0]) - np.sum(np.log(x), axis=-1))
    return np.asarray(divergence + halves + np.sum(_stirling(x), axis=-1) - _stirling(total)[..., 0])


def _stirling(x: FloatArray) -> FloatArray:
    """Return log gamma(x) less Stirling's approximation to it."""
    large = np.maximum(x, 20.0)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * large**2)) / large**2) / large**2) / large
    exact = scipy.special.gammaln(x) - (x - 0.5) * np.log(x) + x - 0.5 * math.log(2 * math.pi)
    return np.where(x < 20, exact, series)


def _log_chi_square(statistic: FloatArray, degrees: int) -> FloatArray:
    """Return the log of the chi-square distribution's upper tail: a finite sum for whole degrees of freedom."""
    known = ~np.isnan(statistic)
    x = np.where(known, statistic, 0.0) / 2
    start = 1.0 if degrees % 2 == 0 else 0.5
    first = -x if degrees % 2 == 0 else math.log(2) + scipy.special.log_ndtr(-np.sqrt(2 * x))
    powers = np.arange(start, degrees / 2)
    with np.errstate(divide="ignore"):
        rest = powers * np.log(x)[..., None] - x[..., None] - scipy.special.gammaln(powers + 1)
    terms = np.concatenate([first[..., None], rest], axis=-1)
    return np.where(known, np.minimum(np.logaddexp.reduce(terms, axis=-1), 0.0), np.nan)


def _checked(observed: ArrayLike, shares: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return counts and shares that sum to 1, or to 0 if nobody should get units."""
    units, weights = np.asarray(observed, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    if not np.all(np.isfinite(units)) or np.any(units < 0) or np.any(units != np.floor(units)):
        raise ValidationError("observed must be whole numbers from 0 up.", path=("observed",))
    if weights.ndim != 1 or not np.all(np.isfinite(weights)) or np.any(weights < 0):
        raise ValidationError("shares must be a list of numbers from 0 up.", path=("shares",))
    if units.ndim == 0 or units.shape[-1] != weights.size:
        raise ValidationError("shares must have one number for each variant observed.", path=("shares",))
    whole = weights.sum()
    return units, weights / whole if whole > 0 else weights


def _judged(observed: ArrayLike, shares: Sequence[float], p_value: float, log10_p_value: float) -> SampleRatio:
    units, weights = _checked(observed, shares)
    return SampleRatio(
        observed=tuple(int(each) for each in units),
        expected=tuple((units.sum() * weights).tolist()),
        p_value=None if math.isnan(p_value) else p_value,
        mismatch=p_value < SAMPLE_RATIO_ALARM,
        log10_p_value=log10_p_value if math.isfinite(log10_p_value) else None,
    )
