"""Several comparisons at once: p-values adjusted for their number along the last axis, as R's ``p.adjust`` does.

An adjusted p-value is the smallest error rate at which the procedure rejects; it never falls where the p-value rises.
A NaN stays NaN and does not count.
"""

from collections.abc import Callable, Mapping

import numpy as np

from omniforge_graph.statistics.samples import FloatArray


def bonferroni(p_values: FloatArray) -> FloatArray:
    """Return p-values times their number: the chance of any false finding is held, whatever depends on what."""
    count = np.sum(~np.isnan(p_values), axis=-1, keepdims=True)
    return np.asarray(np.minimum(p_values * count, 1.0))


def holm(p_values: FloatArray) -> FloatArray:
    """Hold the chance of any false finding, whatever depends on what (Holm 1979); never behind Bonferroni."""
    return _adjusted(p_values, lambda rank, count: count + 1 - rank, np.maximum.accumulate)


def hochberg(p_values: FloatArray) -> FloatArray:
    """Hold the chance of any false finding among independent or positively dependent tests (Hochberg 1988)."""
    return _adjusted(p_values, lambda rank, count: count + 1 - rank, _from_the_largest)


def hommel(p_values: FloatArray) -> FloatArray:
    """Hold the chance of any false finding as Hochberg does, and never behind it (Hommel 1988; Wright 1992)."""
    adjusted = np.full_like(p_values, np.nan)
    for place in np.ndindex(p_values.shape[:-1]):
        known = ~np.isnan(p_values[place])
        adjusted[place][known] = _closed(p_values[place][known])
    return adjusted


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Hold the expected share of false findings, for independent or positively dependent tests (B. & H. 1995)."""
    return _adjusted(p_values, lambda rank, count: count / rank, _from_the_largest)


def benjamini_yekutieli(p_values: FloatArray) -> FloatArray:
    """Hold the expected share of false findings, whatever depends on what (Benjamini & Yekutieli 2001)."""

    def factor(rank: FloatArray, count: FloatArray) -> FloatArray:
        harmonic = np.cumsum(1 / rank)
        return np.take(harmonic, np.maximum(count.astype(np.intp) - 1, 0)) * count / rank

    return _adjusted(p_values, factor, _from_the_largest)


ADJUSTMENTS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "bonferroni": bonferroni,
    "holm": holm,
    "hochberg": hochberg,
    "hommel": hommel,
    "benjamini_hochberg": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
}
"""Every procedure by its name."""


def _closed(p_values: FloatArray) -> FloatArray:
    """Return the largest p-value of Simes's test (1986) over all sets of hypotheses that hold each of them."""
    order = np.argsort(p_values)
    ascending, n = p_values[order], p_values.size
    largest = ascending.copy()
    for size in range(2, n + 1):
        # Of the sets of this size with a hypothesis, the one with the others of largest p-value is rejected last.
        others = ascending[n - size + 1 :]
        least = np.min(size * others / np.arange(2, size + 1))
        with_it = np.minimum(size * ascending[: n - size + 1], least)
        largest = np.maximum(largest, np.append(with_it, np.full(size - 1, with_it[-1])))
    adjusted = np.empty_like(p_values)
    adjusted[order] = largest
    return adjusted


def _from_the_largest(stepped: FloatArray, axis: int) -> FloatArray:
    """Return the running minimum from the last; NaN, which sorts last, is passed over."""
    return np.flip(np.fmin.accumulate(np.flip(stepped, axis), axis=axis), axis)


def _adjusted(
    p_values: FloatArray,
    factor: Callable[[FloatArray, FloatArray], FloatArray],
    accumulate: Callable[..., FloatArray],
) -> FloatArray:
    """Multiply each p-value by a factor of its rank, from 1, and of their count, and make the result monotone."""
    if p_values.shape[-1] == 0:
        return p_values
    order = np.argsort(p_values, axis=-1)
    ascending = np.take_along_axis(p_values, order, axis=-1)
    count = np.sum(~np.isnan(p_values), axis=-1, keepdims=True).astype(np.float64)
    rank = np.arange(1.0, p_values.shape[-1] + 1)
    stepped = accumulate(ascending * np.maximum(factor(rank, count), 0.0), axis=-1)
    adjusted = np.where(np.isnan(ascending), np.nan, np.minimum(stepped, 1.0))
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, axis=-1)
    return result
