"""Beta distributions: the posteriors of rates, from no data at all to counts of 1e9. Arrays broadcast.

They are handled on the logit scale, where densities have no singular ends and are log-concave.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.quadrature import DEPTHS
from omniforge_graph.statistics.samples import FloatArray

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Beta:
    """Beta(a, b) distributions, elementwise. Both parameters are at least 0.1."""

    a: FloatArray
    b: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Expected value."""
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> FloatArray:
        """Expected squared distance from the mean."""
        whole = self.a + self.b
        return np.asarray((self.a / whole) * (self.b / whole) / (whole + 1))

    @property
    def mirrored(self) -> "Beta":
        """The distribution of 1 - X."""
        return Beta(self.b, self.a)

    def quantile(self, probability: float | FloatArray) -> FloatArray:
        """Return x with P(X <= x) = probability."""
        return np.asarray(scipy.special.betaincinv(self.a, self.b, probability), dtype=np.float64)

    def interval(self, confidence_level: float) -> tuple[FloatArray, FloatArray]:
        """Return the equal-tailed credible interval."""
        tail = (1 - confidence_level) / 2
        return self.quantile(tail), 1 - self.mirrored.quantile(tail)

    def density(self, x: FloatArray) -> FloatArray:
        """Return the density at x on a trailing axis, 0 outside (0, 1)."""
        a, b, centre = self.a[..., None], self.b[..., None], self.mean[..., None]
        inside = (x > 0) & (x < 1)
        safe = np.where(inside, x, 0.5)
        # Relative to the mean, so that exponents of 1e9 cancel before they are subtracted.
        logarithm = a * np.log(safe / centre) + b * np.log1p((centre - safe) / (1 - centre))
        peak = scipy.special.xlogy(a, centre) + scipy.special.xlog1py(b, -centre) - scipy.special.betaln(a, b)
        return np.where(inside, np.exp(logarithm + peak) / (safe * (1 - safe)), 0.0)

    def below(self, x: FloatArray) -> FloatArray:
        """Return P(X <= x) at x on a trailing axis."""
        return np.asarray(scipy.special.betainc(self.a[..., None], self.b[..., None], np.clip(x, 0, 1)))

    def log_density(self, logit: FloatArray) -> FloatArray:
        """Return the log density of the logit of X on a trailing axis, less its greatest value."""
        a, b, centre = self.a[..., None], self.b[..., None], self.mean[..., None]
        shift = logit - np.log(self.a / self.b)[..., None]
        size, left = np.abs(shift), shift < 0
        slope, share = np.where(left, a, b), np.where(left, centre, 1 - centre)
        return np.asarray(-slope * size - (a + b) * np.log1p(share * np.expm1(-size)))

    def cuts(self, depths: FloatArray = DEPTHS) -> FloatArray:
        """Return logits, ascending on a trailing axis, about where the log density has fallen by depths^2 / 2."""
        peak = np.log(self.a / self.b)[..., None]
        return np.concatenate([(peak - _reach(self, depths))[..., ::-1], peak + _reach(self.mirrored, depths[1:])], -1)


def _reach(beta: Beta, depths: FloatArray) -> FloatArray:
    """Return how far to the left of its peak the log density of the logit has fallen by depths^2 / 2.

    Newton's method on a concave function; starting from the normal approximation, it steps beyond the root once and
    then comes nearer. The left tail falls at the rate a, which bounds the first step.
    """
    a, whole, share = beta.a[..., None], (beta.a + beta.b)[..., None], beta.mean[..., None]
    fall = depths**2 / 2
    farthest = (fall - whole * np.log1p(-share)) / a
    size = np.minimum(depths / np.sqrt(a * (1 - share)), farthest)
    for _ in range(_ROUNDS):
        odds = share * np.expm1(-size)
        short = fall - (a * size + whole * np.log1p(odds))
        slope = a - whole * (share + odds) / (1 + odds)
        size = np.minimum(size + np.divide(short, slope, out=np.zeros_like(size), where=slope > 0), farthest)
    return size
