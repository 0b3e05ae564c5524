"""Effects with a normal posterior: estimates weighed against what is believed beforehand."""

from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.samples import FloatArray
from omniforge_graph.statistics.tails import normal_quantile

_REACH = 7.0
_GRID = np.linspace(-_REACH, _REACH, 43)
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(40)


@dataclass(frozen=True, slots=True)
class NormalEffect:
    """A normal posterior, elementwise; NaN where there is none."""

    mean: FloatArray
    standard_deviation: FloatArray

    def interval(self, confidence_level: float) -> tuple[FloatArray, FloatArray]:
        """Return the equal-tailed credible interval."""
        half = normal_quantile(confidence_level) * self.standard_deviation
        return self.mean - half, self.mean + half

    @property
    def probability_positive(self) -> FloatArray:
        """The probability that the effect is above 0."""
        return np.asarray(scipy.special.ndtr(self._standardised), dtype=np.float64)

    @property
    def shortfall(self) -> FloatArray:
        """E max(-effect, 0): what is lost on average by acting as if the effect were positive."""
        z = self._standardised
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return np.asarray(np.maximum(self.standard_deviation * (density - z * scipy.special.ndtr(-z)), 0.0))

    @property
    def negated(self) -> "NormalEffect":
        """The posterior of minus the effect."""
        return NormalEffect(-self.mean, self.standard_deviation)

    def scaled(self, size: FloatArray) -> "NormalEffect":
        """Return the posterior in another unit, one of which is `size` of the new."""
        return NormalEffect(self.mean * size, self.standard_deviation * size)

    @property
    def _standardised(self) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.clip(self.mean / self.standard_deviation, -1e150, 1e150)  # beyond, its square is no number


def posterior_effect(
    estimate: FloatArray, variance: FloatArray, prior_mean: float | FloatArray, prior_variance: float | FloatArray
) -> NormalEffect:
    """Weigh a normal estimate and a normal prior by their precision; an infinite prior variance is a flat prior.

    NaN where the variance is not positive.
    """
    known = np.where(variance > 0, variance, np.nan)
    weight = 1 / (1 + known / prior_variance)
    return NormalEffect(weight * estimate + (1 - weight) * prior_mean, np.sqrt(weight * known))


def best_of_effects(
    estimate: FloatArray,
    shared: FloatArray,
    own: FloatArray,
    prior_mean: float | FloatArray,
    prior_variance: float | FloatArray,
) -> FloatArray:
    """Return the probability that each variant is best, control first: shape (*slices, 1 + treatments).

    Estimates of effects share the control's noise: an estimate is its effect + `shared` times one standard normal
    variable + `own` times another of its own. Given the shared one, effects are independent, each with its posterior;
    the rest is quadrature over the shared variable and over each effect. Effects of the same prior lend each other
    information on the control's noise. Accurate to about 1e-6 unless one `own` is far below another. NaN where
    something is not positive.
    """
    variance = own**2 + prior_variance
    weight = 1 / (1 + own**2 / prior_variance)
    precision = 1 + np.sum(shared**2 / variance, axis=-1, keepdims=True)
    noise = np.sum(shared * (estimate - prior_mean) / variance, axis=-1, keepdims=True) / precision
    centre = weight * (estimate - shared * noise) + (1 - weight) * prior_mean
    slope, deviation = -weight * shared / np.sqrt(precision), np.sqrt(weight) * np.where(own > 0, own, np.nan)
    treatments = estimate.shape[-1]
    chances = np.zeros((*estimate.shape[:-1], 1 + treatments))
    for z, density in zip(_GRID, np.exp(-(_GRID**2) / 2), strict=True):
        mean = centre + slope * z
        chances[..., 0] += density * np.prod(scipy.special.ndtr(-mean / deviation), axis=-1)
        for place in range(treatments):
            here, width = mean[..., [place]], deviation[..., [place]]
            low, high = np.maximum(here - _REACH * width, 0.0), np.maximum(here + _REACH * width, 0.0)
            x = (low + high) / 2 + (high - low) / 2 * _POINTS
            height = np.exp(-(((x - here) / width) ** 2) / 2) / width
            for other in range(treatments):
                if other != place:
                    height = height * scipy.special.ndtr((x - mean[..., [other]]) / deviation[..., [other]])
            area = np.sum(height * _WEIGHTS * (high - low) / 2, axis=-1)
            chances[..., 1 + place] += density * area / np.sqrt(2 * np.pi)
    return np.asarray(chances / chances.sum(axis=-1, keepdims=True))
