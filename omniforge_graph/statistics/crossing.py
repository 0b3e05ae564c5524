"""Paths of a standardised statistic from look to look: how many cross a bound, how many go on.

Recursive numerical integration (Armitage, McPherson & Rowe 1969; Jennison & Turnbull 2000, chapter 19), over
Gauss-Legendre panels as narrow as the steps between looks ask for.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.quadrature import panels
from omniforge_graph.statistics.samples import FloatArray

REACH = 9.0
"""Standard errors from the mean that are integrated over: beyond, there is less than 1e-18."""
SLOWEST_GROWTH = 1.004
"""Looks closer than this ratio of information count as that far apart: it can only raise bounds (Slepian 1962)."""
_PANEL_WIDTH = 3.5
_NEGLIGIBLE = math.log(1e-18)
_STEPS = 60
_PRECISION = 1e-6
_LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Step:
    """From one look to the next: z becomes `correlation` * z + `shift` + noise of standard deviation `spread`."""

    correlation: float
    spread: float
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths that no look has stopped: values of z, and the probability that each stands for."""

    z: FloatArray
    mass: FloatArray

    def above(self, bound: float, step: Step) -> float:
        """Return the probability to be above a bound after a step."""
        return float(self.mass @ scipy.special.ndtr((step.correlation * self.z + (step.shift - bound)) / step.spread))

    def below(self, bound: float, step: Step) -> float:
        """Return the probability to be below a bound after a step."""
        return float(self.mass @ scipy.special.ndtr((bound - step.shift - step.correlation * self.z) / step.spread))

    def bound(self, log_probability: float, step: Step, start: float) -> float:
        """Return the bound that is crossed upwards with a given log probability after a step.

        The tail is log-concave (Prekopa 1973), so Newton's method on its logarithm comes down to the root from above,
        wherever it starts.
        """
        with np.errstate(divide="ignore"):
            log_mass = np.log(self.mass)
        come, x = step.correlation * self.z + step.shift, start
        for _ in range(_STEPS):
            distance = (come - x) / step.spread
            terms = log_mass + scipy.special.log_ndtr(distance)
            most = terms.max()
            tail = most + math.log(np.exp(terms - most).sum())
            slope = np.exp(log_mass - distance * distance / 2 - (_LOG_ROOT_2_PI + tail)).sum() / step.spread
            change = float((tail - log_probability) / slope)
            x += change
            if abs(change) <= _PRECISION * (1 + abs(x)):  # it converges quadratically: the next would be 1e-12
                break
        return x

    def advance(self, step: Step, lower: float, upper: float, width: float) -> "Paths":
        """Return the paths between two bounds after a step, on panels of the given width at most."""
        count = max(1, math.ceil((upper - lower) / width))
        z, weight = panels(np.linspace(lower, max(upper, lower), count + 1))
        come = (step.correlation * self.z + step.shift) / step.spread
        kernel = (z / step.spread)[:, None] - come
        np.square(kernel, out=kernel)
        kernel *= -0.5
        np.exp(kernel, out=kernel)
        return Paths(z, weight * (kernel @ self.mass) * (math.exp(-_LOG_ROOT_2_PI) / step.spread))


START = Paths(np.zeros(1), np.ones(1))
"""Before the first look."""
FIRST = Step(correlation=0.0, spread=1.0)
"""From the start to the first look."""


def checked_information(information: ArrayLike) -> FloatArray:
    """Return the information of the looks; refuse what is not above 0 and increasing."""
    t = np.asarray(information, dtype=np.float64)
    if t.ndim != 1 or t.size == 0:
        raise ValidationError("information must be a list with one number for each look.", path=("information",))
    if not np.all(np.isfinite(t)) or t[0] <= 0 or np.any(np.diff(t) <= 0):
        raise ValidationError(
            "information must be above 0 and increase from look to look: leave out looks without new data.",
            path=("information",),
        )
    return t


def spending_bounds(information: FloatArray, log_spent: FloatArray, sides: int) -> FloatArray:
    """Return the upper bounds of looks that spend what they are given; shape (looks,).

    `log_spent` (looks,) is the log of what all looks so far spend on one side. Where a look may spend nothing, its
    bound is infinite.
    """
    bounds, increments = (
        np.empty_like(log_spent),
        log_difference(log_spent, np.concatenate([[-np.inf], log_spent[:-1]])),
    )
    # No bound is above what its look alone would allow, and while next to no path has been stopped it is just that.
    alone = -scipy.special.ndtri_exp(increments)
    moves, widths = _steps(information)
    paths, upper = START, REACH
    for look, (move, width) in enumerate(zip(moves, widths, strict=True)):
        if look == 0 or log_spent[look - 1] <= _NEGLIGIBLE:
            bound, paths, move = float(alone[look]), START, FIRST  # noqa: PLW2901 - as if there had been no look yet
        elif math.isinf(alone[look]):
            bound = math.inf
        else:
            bound = paths.bound(float(increments[look]), move, min(float(alone[look]), upper))
        bounds[look] = bound
        upper = min(max(bound, -REACH), REACH)
        if look + 1 < information.size:
            paths = paths.advance(move, -max(upper, 0.0) if sides == 2 else -REACH, upper, width)
    return bounds


def crossing_probabilities(
    information: FloatArray, lower: FloatArray, upper: FloatArray, drift: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return the probabilities to cross the upper and the lower bound first at each look, both of shape (looks,).

    `drift` is the expected z at information 1; a bound may be infinite.
    """
    mean = drift * np.sqrt(information)
    moves, widths = _steps(information, mean)
    paths = START
    above, below = np.zeros_like(information), np.zeros_like(information)
    for look, (move, width) in enumerate(zip(moves, widths, strict=True)):
        above[look], below[look] = paths.above(upper[look], move), paths.below(lower[look], move)
        low, high = (float(np.clip(each[look], mean[look] - REACH, mean[look] + REACH)) for each in (lower, upper))
        paths = paths.advance(move, low, high, width)
    return above, below


def log_difference(log_more: FloatArray, log_less: FloatArray) -> FloatArray:
    """Return the logarithm of the difference of two numbers given by theirs; -inf where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = log_more + np.log(-np.expm1(np.minimum(log_less - log_more, 0.0)))
    return np.where(np.isneginf(log_more), -np.inf, difference)


def _steps(information: FloatArray, mean: FloatArray | float = 0.0) -> tuple[list[Step], list[float]]:
    """Return the step that leads to each look, and how wide the panels for its paths may be."""
    growth = np.maximum(information[1:] / information[:-1], SLOWEST_GROWTH)
    correlation = np.concatenate([[0.0], np.sqrt(1 / growth)])
    spread = np.concatenate([[1.0], np.sqrt((growth - 1) / growth)])
    means = np.broadcast_to(mean, information.shape)
    shift = means - correlation * np.concatenate([[0.0], means[:-1]])
    # A density bends on the scale of the step before it, and the kernel it meets on that of the step after it.
    ahead = np.concatenate([correlation[1:] / spread[1:], [0.0]])
    widths = _PANEL_WIDTH / np.sqrt(1 / spread**2 + ahead**2)
    return [Step(*each) for each in np.stack([correlation, spread, shift], axis=-1).tolist()], widths.tolist()
