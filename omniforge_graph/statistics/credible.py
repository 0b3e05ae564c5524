"""Credible intervals of the difference and of the ratio of two beta distributions, by quadrature."""

from collections.abc import Callable

import numpy as np
import scipy

from omniforge_graph.statistics.beta import Beta, masses, panels
from omniforge_graph.statistics.samples import FloatArray

_CUTS = 8
"""Of the cuts, those up to 5.5 standard units: an interval needs no deeper tails."""
_STEPS = 60


def beta_difference_interval(control: Beta, treatment: Beta, confidence_level: float) -> tuple[FloatArray, FloatArray]:
    """Return the equal-tailed credible interval of treatment - control."""
    own, other = (scipy.special.expit(each.cuts(_CUTS)) for each in (control, treatment))

    def distribution(shift: FloatArray) -> tuple[FloatArray, FloatArray]:
        shift = shift[..., None]
        nodes, mass = _nodes(control, own, other - shift)
        x = nodes + shift
        return np.sum(mass * treatment.below_and_above(x, 1 - x)[0], axis=-1), np.sum(
            mass * treatment.density(x), axis=-1
        )

    def solve(probability: float) -> FloatArray:
        # By the union bound the quantile lies between these.
        low = treatment.quantile(probability / 2) - control.quantile(1 - probability / 2)
        high = treatment.quantile((1 + probability) / 2) - control.quantile((1 - probability) / 2)
        return _root(distribution, probability, low, high)

    tail = (1 - confidence_level) / 2
    return solve(tail), solve(1 - tail)


def beta_ratio_interval(control: Beta, treatment: Beta, confidence_level: float) -> tuple[FloatArray, FloatArray]:
    """Return the equal-tailed credible interval of treatment / control - 1."""
    own, other = (scipy.special.expit(each.cuts(_CUTS)) for each in (control, treatment))

    def distribution(log_ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
        ratio = np.exp(log_ratio)[..., None]
        nodes, mass = _nodes(control, own, other / ratio)
        x = nodes * ratio
        return (
            np.sum(mass * treatment.below_and_above(x, 1 - x)[0], axis=-1),
            np.sum(mass * x * treatment.density(x), axis=-1),
        )

    def solve(probability: float) -> FloatArray:
        low = _log(treatment.quantile(probability / 2)) - _log(control.quantile(1 - probability / 2))
        high = _log(treatment.quantile((1 + probability) / 2)) - _log(control.quantile((1 - probability) / 2))
        return np.expm1(_root(distribution, probability, low, high))

    tail = (1 - confidence_level) / 2
    return solve(tail), solve(1 - tail)


def _nodes(control: Beta, own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nodes for the control and their masses, with panels cut where the treatment bends too."""
    cuts = np.clip(np.concatenate([own, np.broadcast_to(other, own.shape)], axis=-1), 1e-300, 1 - 1e-16)
    cuts.sort(axis=-1)
    logit, width = panels(np.log(cuts) - np.log1p(-cuts))
    return scipy.special.expit(logit), masses(control, logit, width)


def _log(x: FloatArray) -> FloatArray:
    return np.log(np.maximum(x, 1e-300))


def _root(
    distribution: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    probability: float,
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """Invert a distribution function, given with its density: Newton's method, kept inside a shrinking bracket."""
    x, width = (low + high) / 2, high - low
    for _ in range(_STEPS):
        value, slope = distribution(x)
        low, high = np.where(value < probability, x, low), np.where(value < probability, high, x)
        newton = x - np.divide(value - probability, slope, out=np.full_like(x, np.inf), where=slope > 0)
        following = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
        done = np.all(np.abs(following - x) <= 1e-10 * np.abs(x) + 1e-9 * width)
        x = following
        if done:
            break
    return x
