"""Fisher's exact test for 2 x 2 tables, from single units to counts of 1e9, with bounded work per table.

Given the margins, the treatment's conversions follow a hypergeometric distribution. Its logarithm is computed from
deviances, where nothing large cancels; a tail is then the probability at its edge times a sum of ratios that stops
when its terms no longer count. Where that would take more than about a thousand terms, the distribution is so wide
and smooth that the Euler-Maclaurin formula with one correction is exact to 1e-9.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy

from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics

_TIE = 1e-7  # R's relative tolerance: less likely than the table seen, or as likely
_TERMS = 64
_NEGLIGIBLE = 1e-17
_WIDE = 100.0  # standard deviations of this many units are smooth
_LENGTH = np.log(1 / _NEGLIGIBLE)
_POINTS, _WEIGHTS = (each.ravel() for each in np.polynomial.legendre.leggauss(60))
_SIGNS = (1, -1, -1, 1)  # what one more in the first cell does to the four
_STIRLING = (1 / 12, 1 / 360, 1 / 1260, 1 / 1680)

Probabilities: TypeAlias = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class _Hypergeometric:
    """Converted units among `drawn` out of `units`, of which `marked` are converted; 1-d arrays of tables."""

    units: FloatArray
    marked: FloatArray
    drawn: FloatArray

    def where(self, mask: BoolArray) -> "_Hypergeometric":
        return _Hypergeometric(self.units[mask], self.marked[mask], self.drawn[mask])

    @property
    def mirrored(self) -> "_Hypergeometric":
        """The distribution of the unconverted units instead."""
        return _Hypergeometric(self.units, self.units - self.marked, self.drawn)

    @property
    def least(self) -> FloatArray:
        return np.maximum(self.drawn - (self.units - self.marked), 0.0)

    @property
    def mode(self) -> FloatArray:
        return np.floor((self.drawn + 1) * (self.marked + 1) / (self.units + 2))

    @property
    def standard_deviation(self) -> FloatArray:
        share = self.marked / self.units
        return np.sqrt(self.drawn * share * (1 - share) * (self.units - self.drawn) / np.maximum(self.units - 1, 1))

    def log_probability(self, x: FloatArray) -> FloatArray:
        """Return the log probability at x, which may lie between whole numbers; arguments broadcast from the left."""
        shape = (..., *(None,) * (x.ndim - 1))
        units, marked, drawn = self.units[shape], self.marked[shape], self.drawn[shape]
        left, unmarked = units - drawn, units - marked
        counts = x, drawn - x, marked - x, left - marked + x
        expected = [row * (column / units) for row in (drawn, left) for column in (marked, unmarked)]
        # All four cells lie equally far from what is expected. The smallest tells how far without cancellation.
        wide, mostly = drawn > left, marked > unmarked
        gaps = [sign * (count - mean) for count, mean, sign in zip(counts, expected, _SIGNS, strict=True)]
        gap = np.where(wide, np.where(mostly, gaps[3], gaps[2]), np.where(mostly, gaps[1], gaps[0]))
        result = _rest(marked) + _rest(unmarked) + _rest(drawn) + _rest(left) - _rest(units)
        for count, mean, sign in zip(counts, expected, _SIGNS, strict=True):
            result = result - _rest(count) - _deviance(mean, sign * gap)
        return result

    def ratio(self, x: FloatArray) -> FloatArray:
        """Return P(x + 1) / P(x), 0 at the end of the support."""
        shape = (..., *(None,) * (x.ndim - 1))
        units, marked, drawn = self.units[shape], self.marked[shape], self.drawn[shape]
        up = np.maximum(marked - x, 0.0) * np.maximum(drawn - x, 0.0)
        return np.asarray(up / ((x + 1) * np.maximum(units - marked - drawn + x + 1, 1.0)))


def fisher_exact(
    control: SampleStatistics, treatment: SampleStatistics, alternative: Alternative = Alternative.TWO_SIDED
) -> Probabilities:
    """Return Fisher's exact p-value (1935) and its log10; NaN where a side has no units.

    Two-sided, it is the probability of all tables that are no likelier than the one seen (the definition of R's
    fisher.test, with its tolerance of 1e-7); where all units convert, or none, it is 1.
    """
    counts = np.broadcast_arrays(control.units, control.conversions, treatment.units, treatment.conversions)
    shape = counts[0].shape
    n1, x1, n2, x2 = (each.ravel() for each in counts)
    known = (n1 > 0) & (n2 > 0)
    tables, seen = _Hypergeometric((n1 + n2)[known], (x1 + x2)[known], n2[known]), x2[known]
    log_p = np.full(n1.shape, np.nan)
    if seen.size:
        with np.errstate(divide="ignore", under="ignore"):
            log_p[known] = np.minimum(_LOG_P_VALUES[alternative](tables, seen), 0.0)
    return np.exp(log_p).reshape(shape), (log_p / np.log(10)).reshape(shape)


def exact_where(
    mask: BoolArray,
    approximate: Probabilities,
    control: SampleStatistics,
    treatment: SampleStatistics,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Probabilities:
    """Return the p-values and their log10, Fisher's where `mask` says so; the others cost nothing."""
    if not np.any(mask):
        return approximate
    before, after = (
        SampleStatistics.of_rates(*(np.broadcast_to(each, mask.shape)[mask] for each in (s.conversions, s.units)))
        for s in (control, treatment)
    )
    p_value, log10_p_value = (each.copy() for each in approximate)
    p_value[mask], log10_p_value[mask] = fisher_exact(before, after, alternative)
    return p_value, log10_p_value


def _greater(tables: _Hypergeometric, seen: FloatArray) -> FloatArray:
    """Return log P(X >= seen). Each tail is summed outwards; the rest is what is left of 1."""
    outer = seen >= tables.mode
    result = np.empty_like(seen)
    result[outer] = _log_tail(tables.where(outer), seen[outer])
    inner, below = tables.where(~outer), seen[~outer] - 1
    missing = np.full_like(below, -np.inf)
    some = below >= inner.least
    missing[some] = _log_tail(inner.mirrored.where(some), (inner.drawn - below)[some])
    result[~outer] = np.log1p(-np.exp(np.minimum(missing, 0.0)))
    return result


def _less(tables: _Hypergeometric, seen: FloatArray) -> FloatArray:
    return _greater(tables.mirrored, tables.drawn - seen)


def _two_sided(tables: _Hypergeometric, seen: FloatArray) -> FloatArray:
    low = seen < tables.mode
    marked = np.where(low, tables.units - tables.marked, tables.marked)
    tables, seen = _Hypergeometric(tables.units, marked, tables.drawn), np.where(low, tables.drawn - seen, seen)
    at_most = tables.log_probability(seen) + _TIE
    # The far side's edge: the last x below the mode that is no likelier than the table seen.
    inside, outside = tables.least - 1, np.maximum(tables.mode, tables.least)
    likeliest = tables.log_probability(outside) <= at_most
    while np.any(outside - inside > 1):
        middle = np.floor((inside + outside) / 2)
        unlikely = tables.log_probability(np.maximum(middle, tables.least)) <= at_most
        open_ = outside - inside > 1
        inside = np.where(open_ & unlikely, middle, inside)
        outside = np.where(open_ & ~unlikely, middle, outside)
    result = _log_tail(tables, seen)
    far = inside >= tables.least
    result[far] = np.logaddexp(result[far], _log_tail(tables.mirrored.where(far), (tables.drawn - inside)[far]))
    return np.where(likeliest, 0.0, result)


_LOG_P_VALUES = {Alternative.TWO_SIDED: _two_sided, Alternative.GREATER: _greater, Alternative.LESS: _less}


def _log_tail(tables: _Hypergeometric, edge: FloatArray) -> FloatArray:
    """Return log P(X >= edge) for an edge at the mode or above it."""
    deviation = tables.standard_deviation
    slope = -np.log(np.maximum(tables.ratio(edge), 1e-300))
    smooth = (deviation > _WIDE) & (slope * 1000 < _LENGTH)
    total = np.empty_like(edge)
    total[smooth] = _integral(tables.where(smooth), edge[smooth], slope[smooth], deviation[smooth])
    total[~smooth] = _sum(tables.where(~smooth), edge[~smooth])
    return tables.log_probability(edge) + np.log(total)


def _sum(tables: _Hypergeometric, edge: FloatArray) -> FloatArray:
    """Return P(X >= edge) / P(edge) term by term."""
    total, term, left = np.ones_like(edge), np.ones_like(edge), np.arange(edge.size)
    while left.size:
        ratios = tables.ratio(edge[:, None] + np.arange(_TERMS))
        terms = term[:, None] * np.cumprod(ratios, axis=1)
        total[left] += terms.sum(axis=1)
        going = terms[:, -1] > _NEGLIGIBLE * total[left]
        tables, edge, term, left = tables.where(going), edge[going] + _TERMS, terms[going, -1], left[going]
    return total


def _integral(tables: _Hypergeometric, edge: FloatArray, slope: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return P(X >= edge) / P(edge) as an integral from half a unit below the edge (Euler-Maclaurin)."""
    start = edge - 0.5
    # Log-concave: past the edge it falls at least as exp(-slope x), and about as exp(-x^2 / 2 variance).
    reach = np.minimum(_LENGTH / np.maximum(slope, 1e-300), deviation * np.sqrt(2 * _LENGTH) * 1.1)
    nodes = start[:, None] + reach[:, None] / 2 * (_POINTS + 1)
    at_edge = tables.log_probability(edge)
    heights = np.exp(tables.log_probability(nodes) - at_edge[:, None])
    area = reach / 2 * (heights @ _WEIGHTS)
    steepness = -np.log(tables.ratio(edge - 1))  # at half a unit below the edge
    return np.asarray(area - steepness / 24 * np.exp(tables.log_probability(start) - at_edge))


def _deviance(expected: FloatArray, gap: FloatArray) -> FloatArray:
    """Return count log(count / expected) - count + expected, for count = expected + gap."""
    relative = np.divide(
        gap, expected, out=np.zeros(np.broadcast_shapes(gap.shape, expected.shape)), where=expected > 0
    )
    relative = np.maximum(relative, -1.0)
    return np.asarray(expected * (scipy.special.xlog1py(1 + relative, relative) - relative))


def _rest(x: FloatArray) -> FloatArray:
    """Return log x! - x log x + x: Stirling's series, or the logarithm of the gamma function where x is small."""
    x = np.maximum(x, 0.0)
    large, small = np.maximum(x, 16.0), np.minimum(x, 16.0)
    square, (a, b, c, d) = large**2, _STIRLING
    series = 0.5 * np.log(2 * np.pi * large) + (a - (b - (c - d / square) / square) / square) / large
    direct = scipy.special.gammaln(small + 1) - scipy.special.xlogy(small, small) + small
    return np.where(x >= 16, series, direct)
