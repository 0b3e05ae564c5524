"""Integrals of products of densities and distribution functions, for many comparisons at once.

Log-concave densities are tabulated on panels of Gauss-Legendre nodes. The same nodes give the distribution functions,
by integrating within each panel the polynomial through its nodes: no special function is evaluated, and each tail is
a sum of positive terms from its own end, so that it keeps its relative precision.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from omniforge_graph.statistics.samples import FloatArray

DEPTHS = np.array([0.0, 1.4, 3.0, 5.0, 7.3, 10.0])
"""Where panels are cut, in standard normal units: beyond the last there is less than 1e-23."""
_NODES = 10
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(_NODES)
_BLOCK = 100_000  # table entries worked on at a time: they stay in the processor's cache


def _partial_integrals() -> FloatArray:
    """Return what each node's basis polynomial contributes to the integral from -1 to each node."""
    # The Legendre polynomials P_n are orthogonal, and (2 n + 1) times the integral of P_n is P_{n+1} - P_{n-1}.
    order = np.arange(_NODES)
    values = np.polynomial.legendre.legvander(_POINTS, _NODES)
    integrals = np.empty((_NODES, _NODES))
    integrals[:, 0] = _POINTS + 1
    integrals[:, 1:] = (values[:, 2:] - values[:, :-2]) / (2 * order[1:] + 1)
    return np.asarray((integrals * (order + 0.5)) @ (values[:, :-1] * _WEIGHTS[:, None]).T)


_PARTIAL = _partial_integrals().T


@dataclass(frozen=True, slots=True)
class Tables:
    """Distributions tabulated on shared nodes; shape of all three: (..., distributions, nodes).

    `mass` is the probability a node stands for, `below` and `above` those on its two sides.
    """

    mass: FloatArray
    below: FloatArray
    above: FloatArray


def panels(cuts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights over the panels between ascending cuts, on one trailing axis."""
    half = np.diff(cuts, axis=-1)[..., None] / 2
    nodes = (cuts[..., :-1, None] + half) + half * _POINTS
    shape = (*nodes.shape[:-2], -1)
    return nodes.reshape(shape), (half * _WEIGHTS).reshape(shape)


def tabulate(log_density: FloatArray, weight: FloatArray) -> Tables:
    """Return the tables of distributions given by their log densities, up to constants, at the nodes of `panels`."""
    density = np.exp(log_density - log_density.max(axis=-1, keepdims=True))
    mass = density * weight
    whole = mass.sum(axis=-1, keepdims=True)
    split = (*mass.shape[:-1], -1, _NODES)
    half = (weight.reshape(*weight.shape[:-1], -1, _NODES) @ np.ones(_NODES) / 2)[..., None]
    part = (density.reshape(split) @ _PARTIAL) * half
    mass = mass.reshape(split)
    panel = mass.sum(axis=-1, keepdims=True)
    before = np.cumsum(panel, axis=-2) - panel
    after = np.flip(np.cumsum(np.flip(panel, axis=-2), axis=-2), axis=-2) - panel
    # A cumulated sum minus its own last term: rounding may leave a trace below 0.
    below = np.maximum(before + part, 0.0)
    above = np.maximum(after + (panel - part), 0.0)
    return Tables(*((each.reshape(log_density.shape) / whole) for each in (mass, below, above)))


def in_blocks(
    function: Callable[..., tuple[FloatArray, ...]], arrays: tuple[FloatArray, ...], entries: int
) -> tuple[FloatArray, ...]:
    """Apply a function to blocks of the arrays' first axis and join what it returns.

    `entries` is how many numbers it tabulates per element of that axis.
    """
    size = max(_BLOCK // entries, 1)
    found = [function(*block) for block in _blocks(arrays, size)]
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def _blocks(arrays: tuple[FloatArray, ...], size: int) -> Iterator[tuple[FloatArray, ...]]:
    for start in range(0, max(len(arrays[0]), 1), size):
        yield tuple(each[start : start + size] for each in arrays)
