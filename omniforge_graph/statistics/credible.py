"""Credible intervals of the difference and of the ratio of two beta distributions, by quadrature.

Newton's method inverts the distribution function of the difference, from a start by Cornish and Fisher's expansion
(1938). Where both distributions have their mass well inside (0, 1), the trapezoidal rule over the narrower one is exact
to ten digits with some thirty nodes; elsewhere panels are cut wherever either of them bends.
"""

from abc import ABC, abstractmethod

import numpy as np
import scipy

from omniforge_graph.statistics.beta import Beta
from omniforge_graph.statistics.quadrature import in_blocks, panels
from omniforge_graph.statistics.samples import BoolArray, FloatArray

Interval = tuple[FloatArray, FloatArray]

_SMOOTH = 10.0
"""With both parameters above this, what a distribution does at 0 and at 1 does not count."""
_DEPTH = 6.8  # standard units: no interval needs deeper tails
_DEPTHS = np.array([0.0, 1.5, 3.2, 5.5])
_NODES = 32
_STEPS = 60
_CLOSE = 1e-5  # a Newton step of this many standard deviations leaves an error of about its square


def beta_difference_interval(control: Beta, treatment: Beta, confidence_level: float) -> Interval:
    """Return the equal-tailed credible interval of treatment - control."""
    return _interval(_Difference(), control, treatment, confidence_level)


def beta_ratio_interval(control: Beta, treatment: Beta, confidence_level: float) -> Interval:
    """Return the equal-tailed credible interval of treatment / control - 1."""
    lower, upper = _interval(_LogRatio(), control, treatment, confidence_level)
    return np.expm1(lower), np.expm1(upper)


class _Contrast(ABC):
    """How two values are compared: `apart(x, shift)` is the other value when they lie `shift` apart."""

    @abstractmethod
    def apart(self, x: FloatArray, shift: FloatArray) -> FloatArray: ...

    @abstractmethod
    def speed(self, moved: FloatArray) -> FloatArray:
        """How fast `apart` moves with the shift."""

    @abstractmethod
    def between(self, x: FloatArray, other: FloatArray) -> FloatArray:
        """The shift from x to the other value."""

    @abstractmethod
    def cumulants(self, beta: Beta) -> FloatArray:
        """The first four cumulants on this scale, on a first axis."""


class _Difference(_Contrast):
    def apart(self, x: FloatArray, shift: FloatArray) -> FloatArray:
        return x + shift

    def speed(self, moved: FloatArray) -> FloatArray:
        return np.ones_like(moved)

    def between(self, x: FloatArray, other: FloatArray) -> FloatArray:
        return other - x

    def cumulants(self, beta: Beta) -> FloatArray:
        a, b, n, variance = beta.a, beta.b, beta.a + beta.b, beta.variance
        third = 2 * (b - a) / n * variance / (n + 2)
        excess = (a - b) ** 2 * (n + 1) / (a * b * (n + 2) * (n + 3)) - 1 / (n + 3) * n / (n + 2)
        return np.stack([beta.mean, variance, third, 6 * excess * variance**2])


class _LogRatio(_Contrast):
    def apart(self, x: FloatArray, shift: FloatArray) -> FloatArray:
        return np.asarray(x * np.exp(shift))

    def speed(self, moved: FloatArray) -> FloatArray:
        return moved

    def between(self, x: FloatArray, other: FloatArray) -> FloatArray:
        return np.asarray(np.log(np.maximum(other, 1e-300)) - np.log(np.maximum(x, 1e-300)))

    def cumulants(self, beta: Beta) -> FloatArray:
        whole = beta.a + beta.b
        mean = scipy.special.digamma(beta.a) - scipy.special.digamma(whole)
        higher = [scipy.special.polygamma(k, beta.a) - scipy.special.polygamma(k, whole) for k in (1, 2, 3)]
        return np.stack([mean, *higher])


def _interval(contrast: _Contrast, control: Beta, treatment: Beta, confidence_level: float) -> Interval:
    arrays = np.broadcast_arrays(control.a, control.b, treatment.a, treatment.b)
    shape, tail = arrays[0].shape, (1 - confidence_level) / 2
    rows = tuple(np.asarray(each, dtype=np.float64).ravel() for each in arrays)
    smooth = np.min(rows, axis=0) > _SMOOTH
    ends = np.empty((2, smooth.size))
    for method, mask, nodes in ((_smooth, smooth, _NODES), (_rough, ~smooth, 130)):
        if np.any(mask):
            ends[:, mask] = in_blocks(
                lambda *block, method=method: method(contrast, Beta(*block[:2]), Beta(*block[2:]), tail),
                tuple(each[mask] for each in rows),
                nodes,
            )
    return ends[0].reshape(shape), ends[1].reshape(shape)


def _smooth(contrast: _Contrast, control: Beta, treatment: Beta, tail: float) -> Interval:
    """Integrate over the narrower distribution, on which scale the other one is smooth."""
    before, after = contrast.cumulants(control), contrast.cumulants(treatment)
    turned = before[1] > after[1]
    own, other = (
        Beta(np.where(turned, one.a, two.a), np.where(turned, one.b, two.b))
        for one, two in ((treatment, control), (control, treatment))
    )
    sign = np.where(turned, -1.0, 1.0)
    ends = own.cuts(np.array([0.0, _DEPTH]))
    logit = ends[:, :1] + (ends[:, 2:] - ends[:, :1]) * np.linspace(0, 1, _NODES)
    mass = np.exp(own.log_density(logit))
    mass /= mass.sum(axis=-1, keepdims=True)
    x = scipy.special.expit(logit)
    found = []
    for probability in (tail, 1 - tail):
        start = _cornish_fisher(before, after, probability) * sign
        wanted = np.where(turned, 1 - probability, probability)
        found.append(sign * _newton(contrast, x, mass, other, wanted, start, np.sqrt(before[1] + after[1])))
    return found[0], found[1]


def _cornish_fisher(before: FloatArray, after: FloatArray, probability: float) -> FloatArray:
    """Return about the quantile of the difference of two variables with these cumulants."""
    z = scipy.special.ndtri(probability)
    variance = before[1] + after[1]
    deviation = np.sqrt(variance)
    skew, excess = (after[2] - before[2]) / (variance * deviation), (after[3] + before[3]) / variance**2
    z = z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
    return np.asarray(after[0] - before[0] + deviation * z)


def _newton(
    contrast: _Contrast,
    x: FloatArray,
    mass: FloatArray,
    other: Beta,
    probability: FloatArray,
    shift: FloatArray,
    deviation: FloatArray,
) -> FloatArray:
    """Return the shift at which P(other <= own apart by it) is the probability; mass holds own's on the nodes x."""
    shift, active = shift.copy(), np.arange(shift.size)
    for _ in range(_STEPS):
        value, slope = _distribution(contrast, x, mass, other, shift[active])
        step = np.clip((probability - value) / np.maximum(slope, 1e-300), -deviation, deviation)
        shift[active] += step
        going = np.abs(step) > _CLOSE * deviation
        if not np.any(going):
            break
        active, x, mass, other = active[going], x[going], mass[going], Beta(other.a[going], other.b[going])
        probability, deviation = probability[going], deviation[going]
    return shift


def _distribution(
    contrast: _Contrast, x: FloatArray, mass: FloatArray, other: Beta, shift: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the distribution function of the shift from own to other, and its density."""
    moved = contrast.apart(x, shift[:, None])
    return (
        np.sum(mass * other.below(moved), axis=-1),
        np.sum(mass * contrast.speed(moved) * other.density(moved), axis=-1),
    )


def _rough(contrast: _Contrast, control: Beta, treatment: Beta, tail: float) -> Interval:
    """Cut panels where either distribution bends, and keep Newton's method inside a shrinking bracket."""
    own, other = (scipy.special.expit(each.cuts(_DEPTHS)) for each in (control, treatment))
    before, after = contrast.cumulants(control), contrast.cumulants(treatment)
    found = []
    for probability in (tail, 1 - tail):
        # By the union bound the quantile lies between these.
        low = contrast.between(control.quantile(1 - probability / 2), treatment.quantile(probability / 2))
        high = contrast.between(control.quantile((1 - probability) / 2), treatment.quantile((1 + probability) / 2))
        start = np.clip(_cornish_fisher(before, after, probability), low, high)
        found.append(_bracketed(contrast, (control, own), (treatment, other), probability, (low, high, start)))
    return found[0], found[1]


def _bracketed(
    contrast: _Contrast,
    control: tuple[Beta, FloatArray],
    treatment: tuple[Beta, FloatArray],
    probability: float,
    bracket: tuple[FloatArray, FloatArray, FloatArray],
) -> FloatArray:
    low, high, shift = bracket
    result, width, active = shift.copy(), high - low, np.arange(shift.size)
    (own, own_cuts), (other, other_cuts) = control, treatment
    while active.size:
        cuts = np.concatenate([own_cuts, contrast.apart(other_cuts, -shift[:, None])], axis=-1)
        cuts = np.sort(np.clip(cuts, 1e-300, 1 - 1e-16), axis=-1)
        logit, weight = panels(np.log(cuts) - np.log1p(-cuts))
        mass = weight * np.exp(own.log_density(logit))
        mass /= mass.sum(axis=-1, keepdims=True)
        value, slope = _distribution(contrast, scipy.special.expit(logit), mass, other, shift)
        low, high = np.where(value < probability, shift, low), np.where(value < probability, high, shift)
        newton = shift - np.divide(value - probability, slope, out=np.full_like(shift, np.inf), where=slope > 0)
        following = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
        going: BoolArray = np.abs(following - shift) > 1e-10 * np.abs(shift) + 1e-8 * width
        result[active], shift = following, following
        active = active[going]
        low, high, shift, width = (each[going] for each in (low, high, shift, width))
        own_cuts, other_cuts = own_cuts[going], other_cuts[going]
        own, other = (Beta(each.a[going], each.b[going]) for each in (own, other))
    return result
