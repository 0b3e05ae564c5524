"""Posterior densities on a grid, to be drawn."""

from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.credible import beta_difference_interval
from omniforge_graph.statistics.normal_effect import NormalEffect
from omniforge_graph.statistics.samples import FloatArray

POINTS = 96
"""Points of a curve by default."""
_SHOWN = 0.9998  # of the probability lies within the grid
_DEPTH = 6.5
_SMOOTH, _NODES, _MORE_NODES = 10.0, 64, 384  # densities that do not end in nothing need more nodes


@dataclass(frozen=True, slots=True)
class Density:
    """A curve: values and the density there; shape of both: (*distributions, points). NaN where there is none."""

    values: FloatArray
    densities: FloatArray


def beta_density(beta: Beta, points: int = POINTS) -> Density:
    """Return the density of each rate over the range that holds nearly all of it."""
    low, high = beta.interval(_SHOWN)
    values = _middles(low, high, points)
    return Density(values, beta.density(values))


def beta_difference_density(control: Beta, treatment: Beta, points: int = POINTS) -> Density:
    """Return the density of treatment - control: the growth of its distribution function over each cell of the grid."""
    arrays = np.broadcast_arrays(control.a, control.b, treatment.a, treatment.b)
    control, treatment = Beta(*arrays[:2]), Beta(*arrays[2:])
    low, high = beta_difference_interval(control, treatment, _SHOWN)
    edges = low[..., None] + (high - low)[..., None] * np.linspace(0, 1, points + 1)
    # Integrating over the narrower of the two leaves the wider one's distribution function, which is smooth there.
    narrow = (control.variance < treatment.variance)[..., None]
    growth = np.where(narrow, _below(control, treatment, edges), 1 - _below(treatment, control, -edges))
    return Density((edges[..., 1:] + edges[..., :-1]) / 2, np.diff(growth, axis=-1) / np.diff(edges, axis=-1))


def normal_density(effect: NormalEffect, points: int = POINTS) -> Density:
    """Return the density of each normal effect over the range that holds nearly all of it."""
    values = _middles(*effect.interval(_SHOWN), points)
    deviation = effect.standard_deviation[..., None]
    z = (values - effect.mean[..., None]) / deviation
    return Density(values, np.exp(-(z**2) / 2) / (deviation * np.sqrt(2 * np.pi)))


def _middles(low: FloatArray, high: FloatArray, points: int) -> FloatArray:
    return np.asarray(low[..., None] + (high - low)[..., None] * (np.arange(points) + 0.5) / points)


def _below(own: Beta, other: Beta, shifts: FloatArray) -> FloatArray:
    """Return P(other - own <= shift) for shifts on the last axis."""
    ends = own.cuts(np.array([0.0, _DEPTH]))
    smooth = min(float(np.min(each)) for each in (own.a, own.b, other.a, other.b)) > _SMOOTH
    logit = ends[..., :1] + (ends[..., 2:] - ends[..., :1]) * np.linspace(0, 1, _NODES if smooth else _MORE_NODES)
    mass = np.exp(own.log_density(logit))
    mass /= mass.sum(axis=-1, keepdims=True)
    apart = scipy.special.expit(logit)[..., None, :] + shifts[..., None]
    wide = Beta(other.a[..., None], other.b[..., None])
    return np.asarray(np.sum(mass[..., None, :] * wide.below(apart), axis=-1))
