"""Planned group sequential designs: the classic bounds, power, and how many more units looking early costs.

The engine's own plans spend alpha; `wang_tsiatis_boundaries` is for plugin authors and users of the library.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.crossing import checked_information, crossing_probabilities
from omniforge_graph.statistics.group_sequential import Boundaries, boundaries, check_level
from omniforge_graph.statistics.samples import FloatArray
from omniforge_graph.statistics.spending import Spending

_LARGEST_DRIFT = 60.0


@dataclass(frozen=True, slots=True)
class DesignSize:
    """What a design asks for, relative to the units of a test that looks once with the same level and power.

    `drift` is the z to expect at the last look, `inflation` the units if no look stops the test, the others the units
    to expect if there is no effect and if there is the one planned for.
    """

    drift: float
    inflation: float
    expected_without_effect: float
    expected_with_effect: float


def wang_tsiatis_boundaries(information: ArrayLike, alpha: float, shape: float, sides: int = 2) -> Boundaries:
    """Return bounds proportional to information ** (shape - 1/2) (Wang & Tsiatis 1987).

    Shape 0 is O'Brien and Fleming's design (1979), 1/2 Pocock's (1977). All looks must be known beforehand. Raises
    ValidationError as `boundaries` does, and for a shape outside -10 to 1.
    """
    t = checked_information(information)
    check_level(alpha, sides)
    if not -10 <= shape <= 1:
        raise ValidationError("shape must be from -10 to 1: 0 is O'Brien-Fleming, 0.5 is Pocock.", path=("shape",))
    form = (t / t[-1]) ** (shape - 0.5)

    def rejected(constant: float) -> FloatArray:
        return np.cumsum(np.sum(_crossed(t, constant * form, 0.0, sides), axis=0))

    # The last look alone must not reject more often than all together, nor all together more often than their sum.
    constant, most = (-float(scipy.special.ndtri(alpha / sides / looks)) for looks in (1, t.size))
    if t.size > 1:
        low, high = min(constant / form.max(), constant), max(most / form.min(), most)
        constant = scipy.optimize.brentq(lambda each: float(rejected(each)[-1]) - alpha, low, high, xtol=1e-10)
    return Boundaries(t, constant * form, sides * scipy.special.ndtr(-constant * form), rejected(constant))


def design_power(design: Boundaries, drift: float, sides: int = 2) -> float:
    """Return the probability that some look rejects in the direction of the effect; `drift` is z's mean at the last."""
    t = design.information / design.information[-1]
    return float(_crossed(t, design.z, drift, sides)[0].sum())


def design_size(design: Boundaries, alpha: float, power: float, sides: int = 2) -> DesignSize:
    """Return the size of a design for a power (Jennison & Turnbull 2000, chapter 2), above alpha and below 1."""
    check_level(alpha, sides)
    if not alpha < power < 1:
        raise ValidationError("power must be above alpha and below 1.", path=("power",))
    t = design.information / design.information[-1]
    fixed = float(scipy.special.ndtri(power) - scipy.special.ndtri(alpha / sides))
    drift = scipy.optimize.brentq(lambda each: design_power(design, each, sides) - power, 0.0, _LARGEST_DRIFT)
    inflation = float((drift / fixed) ** 2)

    def expected(drift: float) -> float:
        stopped = np.sum(_crossed(t, design.z, drift, sides), axis=0)[:-1]
        return inflation * float(1 - np.sum(stopped * (1 - t[:-1])))

    return DesignSize(float(drift), inflation, expected(0.0), expected(drift))


@lru_cache(maxsize=256)
def even_design(looks: int, alpha: float, spending: Spending, sides: int = 2) -> Boundaries:
    """Return the bounds of equally spaced looks."""
    if looks < 1:
        raise ValidationError("looks must be at least 1.", path=("looks",))
    return boundaries(np.arange(1, looks + 1) / looks, alpha, spending, sides)


@lru_cache(maxsize=256)
def even_design_size(looks: int, alpha: float, power: float, spending: Spending, sides: int = 2) -> DesignSize:
    """Return what a design of equally spaced looks asks for; see `design_size`."""
    return design_size(even_design(looks, alpha, spending, sides), alpha, power, sides)


def _crossed(information: FloatArray, upper: FloatArray, drift: float, sides: int) -> tuple[FloatArray, FloatArray]:
    lower = -upper if sides == 2 else np.full_like(upper, -np.inf)
    return crossing_probabilities(information, lower, upper, drift)
