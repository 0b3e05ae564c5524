"""Bayesian comparison: how probable is it that the treatment is better, and what is lost if it is not?"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import scipy

from omniforge_graph.plugin import (
    Beta,
    ComparisonArrays,
    ComparisonDesign,
    Flag,
    FloatArray,
    MetricKind,
    Options,
    SampleStatistics,
    StatisticalTest,
    beta_difference_interval,
    beta_ratio_interval,
    compare_betas,
    hookimpl,
    normal_quantile,
)


class BayesianOptions(Options, frozen=True):
    """What is believed before the data. The defaults believe next to nothing."""

    prior_alpha: Annotated[
        float, msgspec.Meta(ge=0.5, le=1e9, description="Rates: alpha of every variant's Beta prior (0.5: Jeffreys).")
    ] = 1.0
    prior_beta: Annotated[
        float, msgspec.Meta(ge=0.5, le=1e9, description="Rates: beta of every variant's Beta prior (0.5: Jeffreys).")
    ] = 1.0
    lift_mean: Annotated[
        float, msgspec.Meta(ge=-1e9, le=1e9, description="Means: the relative effect expected before the data.")
    ] = 0.0
    lift_standard_deviation: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=1e9)] | None,
        msgspec.Meta(
            description="Means: how far relative effects usually lie from lift_mean; take it from past experiments, "
            "0.05 to 0.1 is common. Without it the prior is flat.",
        ),
    ] = None


class BayesianTest(StatisticalTest):
    """Beta-binomial for rates (Stucchio 2015), normal for means; every interval is credible and equal-tailed.

    With a flat prior, means are compared on their own scale; with a prior on the relative effect, on that scale, with
    the delta method's variance. No prior makes it safe to stop at the first look that pleases.
    """

    name = "bayesian"
    description = "Probability of being better and expected loss: beta-binomial for rates, normal for means."
    options_type = BayesianOptions

    def compare(
        self, samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions
    ) -> ComparisonArrays:
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        if design.metric.kind is MetricKind.BINARY:
            return _compare_rates(samples, design, options)
        return _compare_means(samples, design, options)


def _compare_rates(samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions) -> ComparisonArrays:
    control, treatments = samples.split(design.control)
    empty = (control.units == 0) | (treatments.units == 0)
    before, after = (
        Beta(options.prior_alpha + each.conversions, options.prior_beta + each.units - each.conversions)
        for each in (control, treatments)
    )
    before = Beta(*(np.broadcast_to(each, after.a.shape) for each in (before.a, before.b)))
    compared = compare_betas(before, after)
    lower, upper = beta_difference_interval(before, after, design.confidence_level)
    relative_lower, relative_upper = beta_ratio_interval(before, after, design.confidence_level)
    higher = design.metric.higher_is_better

    def known(values: FloatArray) -> FloatArray:
        return np.where(empty, np.nan, values)

    return ComparisonArrays(
        estimate=known(after.mean - before.mean),
        lower=known(lower),
        upper=known(upper),
        relative_estimate=known(after.mean / before.mean - 1),
        relative_lower=known(relative_lower),
        relative_upper=known(relative_upper),
        probability_better=known(compared.greater if higher else compared.less),
        expected_loss=known(compared.loss if higher else compared.gain),
        flags={Flag.NO_UNITS: empty},
    )


def _compare_means(samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions) -> ComparisonArrays:
    control, treatments = samples.split(design.control)
    empty = (control.units == 0) | (treatments.units == 0)
    alone = ~empty & ((control.units < 2) | (treatments.units < 2))
    square = control.squared_standard_error + treatments.squared_standard_error
    flags = {Flag.NO_UNITS: empty, Flag.TOO_FEW_UNITS: alone, Flag.NO_VARIANCE: square == 0}
    square = np.where(square > 0, square, np.nan)
    critical = normal_quantile(design.confidence_level)
    sign = 1 if design.metric.higher_is_better else -1
    estimate = treatments.mean - control.mean
    if options.lift_standard_deviation is None:
        error = np.sqrt(square)
        return ComparisonArrays(
            estimate=estimate,
            lower=estimate - critical * error,
            upper=estimate + critical * error,
            probability_better=_probability(sign * estimate, error),
            expected_loss=_expected_loss(sign * estimate, error),
            flags=flags,
        )
    size = np.abs(control.mean)
    with np.errstate(all="ignore"):
        ratio = treatments.mean / control.mean
        relative = (treatments.squared_standard_error + control.squared_standard_error * ratio**2) / size**2
        lift, error = _posterior(estimate / size, np.where(relative > 0, relative, np.nan), options)
        baseless = np.isfinite(square) & ~np.isfinite(lift * error)
        lift, error = np.where(baseless, np.nan, lift), np.where(baseless, np.nan, error)
        return ComparisonArrays(
            estimate=lift * size,
            lower=(lift - critical * error) * size,
            upper=(lift + critical * error) * size,
            relative_estimate=lift,
            relative_lower=lift - critical * error,
            relative_upper=lift + critical * error,
            probability_better=_probability(sign * lift, error),
            expected_loss=_expected_loss(sign * lift, error) * size,
            flags={**flags, Flag.NO_BASELINE: baseless},
        )


def _posterior(effect: FloatArray, square: FloatArray, options: BayesianOptions) -> tuple[FloatArray, FloatArray]:
    """Weigh the prior and the data by their precision; return the posterior's mean and standard deviation."""
    prior = (options.lift_standard_deviation or 0.0) ** 2
    weight = prior / (prior + square)
    return weight * effect + (1 - weight) * options.lift_mean, np.sqrt(weight * square)


def _standardised(gain: FloatArray, error: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.clip(gain / error, -1e150, 1e150)  # beyond, its square is no number


def _probability(gain: FloatArray, error: FloatArray) -> FloatArray:
    """Return the probability that a normal gain is positive."""
    return np.asarray(scipy.special.ndtr(_standardised(gain, error)), dtype=np.float64)


def _expected_loss(gain: FloatArray, error: FloatArray) -> FloatArray:
    """Return what shipping the treatment loses on average: E max(-gain, 0) for a normal gain."""
    z = _standardised(gain, error)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(np.maximum(error * (density - z * scipy.special.ndtr(-z)), 0.0))


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [BayesianTest()]
