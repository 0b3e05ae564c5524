"""The standard deviation that a plan goes by, where it is not simply that of the units' values.

Ratios and quantiles behave in large samples like means of linearised values; these are the deviations of such values,
so that the plans for means serve for them too.
"""

import math

import scipy


def ratio_deviation(
    ratio: float, denominator: float, numerator_deviation: float, denominator_deviation: float, correlation: float
) -> float:
    """Return the deviation of a ratio's linearised value, (numerator - ratio x denominator) / mean denominator.

    `denominator` is the mean per unit; the deviations and the correlation are those of units' numerators and
    denominators (delta method; Deng, Knoblich & Lu 2018).
    """
    both = correlation * numerator_deviation * denominator_deviation
    square = numerator_deviation**2 - 2 * ratio * both + (ratio * denominator_deviation) ** 2
    return math.sqrt(max(square, 0.0)) / abs(denominator)


def quantile_deviation(quantile: float, density: float) -> float:
    """Return the deviation of a quantile's linearised value, given the density of the values at the quantile.

    The asymptotic variance of a sample quantile is q(1 - q) / (n f^2) (Mosteller 1946).
    """
    return math.sqrt(quantile * (1 - quantile)) / density


def normal_density_at(quantile: float, standard_deviation: float) -> float:
    """Return the density of normal values at their quantile."""
    return _standard_density(quantile) / standard_deviation


def lognormal_density_at(quantile: float, value: float, log_deviation: float) -> float:
    """Return the density of lognormal values at their quantile, `value`; the deviation is that of their logarithms."""
    return _standard_density(quantile) / (log_deviation * value)


def _standard_density(quantile: float) -> float:
    z = float(scipy.special.ndtri(quantile))
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
