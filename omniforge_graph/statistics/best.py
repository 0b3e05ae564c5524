"""Which of several variants is best, given the posterior distribution of each: chances and expected losses.

P(best_i) is the integral of f_i times the product of F_j over the others; the loss of choosing i is the expectation
of max over the others minus i, where positive (Stucchio 2015, for two). All by quadrature, to about 1e-9 relative.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.quadrature import DEPTHS, Tables, in_blocks, panels, tabulate
from omniforge_graph.statistics.samples import FloatArray

_FARTHEST, _SHARPEST = 100.0, 1e-9
_PER_CUTS = 11 * 10  # nodes that each set of cuts brings


@dataclass(frozen=True, slots=True)
class BetaComparison:
    """Treatment against control: probabilities that it is greater or less, and what is expected to be gained by it.

    `gain` is E max(treatment - control, 0), `loss` is E max(control - treatment, 0).
    """

    greater: FloatArray
    less: FloatArray
    gain: FloatArray
    loss: FloatArray


@dataclass(frozen=True, slots=True)
class Best:
    """Of each variant the probability that it has the greatest value, and the expected loss of choosing it.

    Shape of both: (*slices, variants). NaN where a variant has no proper distribution.
    """

    probability: FloatArray
    expected_loss: FloatArray


def compare_betas(control: Beta, treatment: Beta) -> BetaComparison:
    """Return the probabilities and the expected gain and loss (Stucchio 2015)."""
    arrays = np.broadcast_arrays(control.a, control.b, treatment.a, treatment.b)
    shape = arrays[0].shape
    found = in_blocks(_compare, tuple(each.ravel() for each in arrays), 5 * _PER_CUTS)
    greater, less, gain, loss = (each.reshape(shape) for each in found)
    return BetaComparison(greater, less, gain, loss)


def best_of_betas(variants: Beta) -> Best:
    """Return which of the rates on the last axis is the greatest; for the least, give the mirrored distributions."""
    shape = np.broadcast_shapes(np.shape(variants.a), np.shape(variants.b))
    a, b = (np.broadcast_to(each, shape).reshape(-1, shape[-1]) for each in (variants.a, variants.b))
    probability, loss = in_blocks(_best_betas, (a, b), 6 * _PER_CUTS * shape[-1] ** 2)
    return Best(probability.reshape(shape), loss.reshape(shape))


def best_of_normals(mean: FloatArray, standard_deviation: FloatArray) -> Best:
    """Return which of the normal variables on the last axis is the greatest; for the least, negate the means."""
    mean, deviation = np.broadcast_arrays(mean, standard_deviation)
    rows = tuple(each.reshape(-1, mean.shape[-1]) for each in (mean, deviation))
    proper = np.all(np.isfinite(rows[0]) & np.isfinite(rows[1]) & (rows[1] > 0), axis=-1)
    probability, loss = (np.full(rows[0].shape, np.nan) for _ in range(2))
    if np.any(proper):
        arrays = rows[0][proper], rows[1][proper]
        probability[proper], loss[proper] = in_blocks(_best_normals, arrays, 6 * _PER_CUTS * mean.shape[-1] ** 2)
    return Best(probability.reshape(mean.shape), loss.reshape(mean.shape))


def _compare(a1: FloatArray, b1: FloatArray, a2: FloatArray, b2: FloatArray) -> tuple[FloatArray, ...]:
    pair = Beta(np.stack([a1, a2], axis=-1), np.stack([b1, b2], axis=-1))
    # The product of both densities is beta-shaped too: its cuts resolve the overlap of two that lie far apart.
    tables, length = _tabulate_betas(pair, Beta((a1 + a2)[:, None], (b1 + b2)[:, None]))
    mass, below, above = tables.mass[:, 0], tables.below, tables.above
    greater, less = np.sum(mass * above[:, 1], axis=-1), np.sum(mass * below[:, 1], axis=-1)
    # The smaller side is an integral of something positive: nothing cancels. The larger follows from the means.
    difference = pair.mean[:, 1] - pair.mean[:, 0]
    gain = np.sum(length * below[:, 0] * above[:, 1], axis=-1)
    loss = np.sum(length * above[:, 0] * below[:, 1], axis=-1)
    total = greater + less
    return (
        greater / total,
        less / total,
        np.where(difference > 0, difference + loss, gain),
        np.where(difference > 0, loss, gain - difference),
    )


def _best_betas(a: FloatArray, b: FloatArray) -> tuple[FloatArray, ...]:
    variants = Beta(a, b)
    top = np.argmax(variants.mean, axis=-1)[:, None]
    overlaps = Beta(a + np.take_along_axis(a, top, -1), b + np.take_along_axis(b, top, -1))
    return _best(*_tabulate_betas(variants, overlaps))


def _best_normals(mean: FloatArray, deviation: FloatArray) -> tuple[FloatArray, ...]:
    centre, scale = mean.max(axis=-1, keepdims=True), deviation.max(axis=-1, keepdims=True)
    # Farther behind or sharper than this, nothing changes but the loss, which grows with the distance.
    gap, width = (mean - centre) / scale, np.maximum(deviation / scale, _SHARPEST)
    place = np.maximum(gap, -_FARTHEST)
    top = np.argmax(place, axis=-1)[:, None]
    own, best = width**-2, np.take_along_axis(width**-2, top, -1)
    between, narrow = (place * own + np.take_along_axis(place, top, -1) * best) / (own + best), (own + best) ** -0.5
    steps = np.concatenate([-DEPTHS[:0:-1], DEPTHS])
    cuts = np.concatenate(
        [
            (middle[..., None] + spread[..., None] * steps).reshape(len(mean), -1)
            for middle, spread in ((place, width), (between, narrow))
        ],
        axis=-1,
    )
    nodes, weight = panels(np.sort(cuts, axis=-1))
    tables = tabulate(-(((nodes[:, None] - place[..., None]) / width[..., None]) ** 2) / 2, weight[:, None])
    probability, loss = _best(tables, weight)
    return probability, (loss + (place - gap)) * scale


def _tabulate_betas(variants: Beta, overlaps: Beta) -> tuple[Tables, FloatArray]:
    """Return tables of the betas on the last axis, and how long the rates are that each node stands for."""
    rows = len(variants.a)
    cuts = np.concatenate([each.cuts().reshape(rows, -1) for each in (variants, overlaps)], axis=-1)
    logit, weight = panels(np.sort(cuts, axis=-1))
    tables = tabulate(variants.log_density(logit[:, None]), weight[:, None])
    return tables, weight * scipy.special.expit(logit) * scipy.special.expit(-logit)


def _best(tables: Tables, length: FloatArray) -> tuple[FloatArray, ...]:
    """Return the probability of being greatest and the expected loss of each distribution."""
    probability, loss = [], []
    for place in range(tables.mass.shape[1]):
        others = np.delete(np.minimum(tables.above, 1.0), place, axis=1)
        with np.errstate(divide="ignore"):
            all_below = np.sum(np.log1p(-others), axis=1)
        below = np.prod(np.delete(tables.below, place, axis=1), axis=1)
        probability.append(np.sum(tables.mass[:, place] * below, axis=-1))
        loss.append(np.sum(length * -np.expm1(all_below) * tables.below[:, place], axis=-1))
    chances = np.stack(probability, axis=-1)
    return chances / chances.sum(axis=-1, keepdims=True), np.stack(loss, axis=-1)
