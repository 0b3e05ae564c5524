"""Two beta distributions compared by quadrature, from no data at all to counts of 1e9.

Densities are integrated on the logit scale, where they have no singular ends and are log-concave, over panels cut at
quantiles of both distributions, so that a sharp one beside a wide one is resolved too. Arrays broadcast.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from omniforge_graph.statistics.samples import FloatArray

CUTS = np.array([0.0, 0.7, 1.4, 2.1, 2.8, 3.5, 4.5, 5.5, 7.0, 8.5, 10.0])
"""Where panels are cut, in standard normal units: beyond the last there is less than 1e-23."""
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(10)


@dataclass(frozen=True, slots=True)
class Beta:
    """Beta(a, b) distributions, elementwise. Both parameters are at least 0.1."""

    a: FloatArray
    b: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Expected value."""
        return self.a / (self.a + self.b)

    def quantile(self, probability: float | FloatArray) -> FloatArray:
        """Return x with P(X <= x) = probability."""
        return np.asarray(scipy.special.betaincinv(self.a, self.b, probability), dtype=np.float64)

    def density(self, x: FloatArray) -> FloatArray:
        """Return the density at x on a trailing axis, 0 outside (0, 1)."""
        a, b, centre = self.a[..., None], self.b[..., None], self.mean[..., None]
        inside = (x > 0) & (x < 1)
        safe = np.where(inside, x, 0.5)
        # Relative to the mean, so that exponents of 1e9 cancel before they are subtracted.
        logarithm = a * np.log(safe / centre) + b * np.log1p((centre - safe) / (1 - centre))
        peak = scipy.special.xlogy(a, centre) + scipy.special.xlog1py(b, -centre) - scipy.special.betaln(a, b)
        return np.where(inside, np.exp(logarithm + peak) / (safe * (1 - safe)), 0.0)

    def below_and_above(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return P(X <= x) and P(X > x) at x on a trailing axis, each precise where it is small.

        `y` is 1 - x, given so that x near 1 keeps its precision.
        """
        a, b, left = self.a[..., None], self.b[..., None], x < self.mean[..., None]
        x, y = np.clip(x, 0, 1), np.clip(y, 0, 1)
        near = x < 0.5
        tail = np.empty(np.broadcast_shapes(a.shape, x.shape))
        for function, p, q, z, where in (
            (scipy.special.betainc, a, b, x, left & near),
            (scipy.special.betaincc, b, a, y, left & ~near),
            (scipy.special.betaincc, a, b, x, ~left & near),
            (scipy.special.betainc, b, a, y, ~left & ~near),
        ):
            function(p, q, z, out=tail, where=where)
        return np.where(left, tail, 1 - tail), np.where(left, 1 - tail, tail)

    def log_density(self, logit: FloatArray) -> FloatArray:
        """Return the log density of the logit of X on a trailing axis, up to a constant."""
        a, b, centre = self.a[..., None], self.b[..., None], self.mean[..., None]
        shift = logit - np.log(self.a / self.b)[..., None]
        return np.where(
            shift < 0,
            a * shift - (a + b) * np.log1p(centre * np.expm1(np.minimum(shift, 0))),
            -b * shift - (a + b) * np.log1p((1 - centre) * np.expm1(-np.maximum(shift, 0))),
        )

    def cuts(self, deepest: int | None = None) -> FloatArray:
        """Return logits of the quantiles where panels are cut, ascending, on a trailing axis."""
        a, b = self.a[..., None], self.b[..., None]
        tails = scipy.special.ndtr(-CUTS[:deepest])
        low = np.maximum(scipy.special.betaincinv(a, b, tails), 1e-300)
        high = np.maximum(scipy.special.betaincinv(b, a, tails), 1e-300)
        below, above = np.log(low) - np.log1p(-low), np.log1p(-high) - np.log(high)
        return np.concatenate([below[..., ::-1], above[..., 1:]], axis=-1)


@dataclass(frozen=True, slots=True)
class BetaComparison:
    """Treatment against control: probabilities that it is greater or less, and what is expected to be gained by it.

    `gain` is E max(treatment - control, 0), `loss` is E max(control - treatment, 0).
    """

    greater: FloatArray
    less: FloatArray
    gain: FloatArray
    loss: FloatArray


def compare_betas(control: Beta, treatment: Beta) -> BetaComparison:
    """Return the probabilities and the expected gain and loss (Stucchio 2015), by Gauss-Legendre quadrature."""
    logit, width = panels(np.sort(np.concatenate([control.cuts(), treatment.cuts()], axis=-1), axis=-1))
    x, y = scipy.special.expit(logit), scipy.special.expit(-logit)
    mass = masses(control, logit, width)
    control_below, control_above = control.below_and_above(x, y)
    treatment_below, treatment_above = treatment.below_and_above(x, y)
    greater, less = np.sum(mass * treatment_above, axis=-1), np.sum(mass * treatment_below, axis=-1)
    # The smaller side is an integral of something positive: nothing cancels. The larger follows from the means.
    length, difference = width * x * y, treatment.mean - control.mean
    gain = np.sum(length * control_below * treatment_above, axis=-1)
    loss = np.sum(length * control_above * treatment_below, axis=-1)
    total = greater + less
    return BetaComparison(
        greater=greater / total,
        less=less / total,
        gain=np.where(difference > 0, difference + loss, gain),
        loss=np.where(difference > 0, loss, gain - difference),
    )


def panels(cuts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights over consecutive panels, on one trailing axis."""
    half = np.diff(cuts, axis=-1)[..., None] / 2
    nodes = (cuts[..., :-1, None] + half) + half * _POINTS
    shape = (*nodes.shape[:-2], -1)
    return nodes.reshape(shape), (half * _WEIGHTS).reshape(shape)


def masses(distribution: Beta, logit: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the probability of each node; they sum to 1, which also takes away the density's constant."""
    logarithm = distribution.log_density(logit)
    density = weight * np.exp(logarithm - logarithm.max(axis=-1, keepdims=True))
    return np.asarray(density / density.sum(axis=-1, keepdims=True))
