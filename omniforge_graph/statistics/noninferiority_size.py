"""How many units it takes to show that a treatment is not worse than the control by a margin.

Units are those of the control and are not rounded; `ratio` is the number of treatment units per control unit. Levels
are one-sided. `change` is the true difference, in the better direction: below 0 if the treatment is really worse.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.difference_intervals import constrained_rates
from omniforge_graph.statistics.noninferiority import constrained_ratio
from omniforge_graph.statistics.samples import SampleStatistics

_EXACT = 2.0**40
"""So many units have every rate as good as exactly."""


@dataclass(frozen=True, slots=True)
class Separation:
    """The distance from the margin to the truth, and the standard errors for one control unit at either of them."""

    distance: float
    at_margin: float
    at_truth: float

    def units(self, alpha: float, power: float) -> float:
        """Return the control's units for the power; infinite if the truth is at or beyond the margin."""
        if not self.distance > 0:
            return math.inf
        errors = float(scipy.special.ndtri(power)) * self.at_truth - float(scipy.special.ndtri(alpha)) * self.at_margin
        deviations = max(errors, 0.0) / self.distance
        return deviations * deviations

    def power(self, units: float, alpha: float) -> float:
        """Return how often non-inferiority is shown."""
        spare = self.distance * math.sqrt(units) + float(scipy.special.ndtri(alpha)) * self.at_margin
        return float(scipy.special.ndtr(spare / self.at_truth)) if self.at_truth > 0 else float(spare > 0)


def units_for_non_inferior_means(
    margin: float, change: float, standard_deviation: float, alpha: float, power: float, ratio: float = 1.0
) -> float:
    """Return the control's units for an absolute margin: (z_a + z_b)^2 sd^2 (1 + 1/ratio) / (margin + change)^2."""
    return mean_separation(margin, change, standard_deviation, ratio).units(alpha, power)


def mean_separation(
    margin: float, change: float, standard_deviation: float, ratio: float = 1.0, factor: float = 1.0
) -> Separation:
    """Return the separation of means by z with separate variances.

    A relative margin M has the hypothesis m2 = factor * m1, with factor 1 - M where higher is better, else 1 + M.
    """
    error = standard_deviation * math.sqrt(factor**2 + 1 / ratio)
    return Separation(margin + change, error, error)


def rate_separation(
    control: float,
    treatment: float,
    margin: float,
    *,
    relative: bool = False,
    higher_is_better: bool = True,
    ratio: float = 1.0,
) -> Separation:
    """Return the separation of rates by the score test, for true rates (Farrington & Manning 1990).

    The same as gsDesign's ``nBinomial``, which takes an absolute margin.
    """
    sign = 1.0 if higher_is_better else -1.0
    factor = 1 - sign * margin if relative else 1.0
    edge = 0.0 if relative else -sign * margin
    units, of_one = np.array([[1.0], [ratio]]), np.array([[control], [treatment]])
    if relative:
        hits = units * of_one
        before = float(constrained_ratio(hits[0], units[0], hits[1], units[1], np.asarray(factor))[0])
        after = factor * before
    else:
        first, second = (SampleStatistics(n * _EXACT, p, p * (1 - p)) for n, p in zip(units, of_one, strict=True))
        before, after = (float(each[0]) for each in constrained_rates(first, second, np.array([edge])))
    return Separation(
        sign * (treatment - factor * control - edge),
        math.sqrt(factor**2 * before * (1 - before) + after * (1 - after) / ratio),
        math.sqrt(factor**2 * control * (1 - control) + treatment * (1 - treatment) / ratio),
    )
