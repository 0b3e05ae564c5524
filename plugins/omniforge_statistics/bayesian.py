"""Bayesian comparison: how probable is it that the treatment is better, and what is lost if it is not?"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np

from omniforge_graph.plugin import (
    Beta,
    BoolArray,
    ComparisonArrays,
    ComparisonDesign,
    Density,
    Flag,
    FloatArray,
    MetricKind,
    NormalEffect,
    Options,
    SampleStatistics,
    StatisticalTest,
    best_of_betas,
    best_of_effects,
    best_of_normals,
    beta_difference_density,
    beta_difference_interval,
    beta_ratio_interval,
    compare_betas,
    hookimpl,
    normal_density,
    poor_data_flags,
    posterior_effect,
)


class BayesianOptions(Options, frozen=True):
    """What is believed before the data: of rates next to nothing, of effects on means that most are small."""

    prior_alpha: Annotated[
        float, msgspec.Meta(ge=0.5, le=1e9, description="Rates: alpha of every variant's Beta prior (0.5: Jeffreys).")
    ] = 1.0
    prior_beta: Annotated[
        float, msgspec.Meta(ge=0.5, le=1e9, description="Rates: beta of every variant's Beta prior (0.5: Jeffreys).")
    ] = 1.0
    prior: Annotated[
        Literal["proper", "improper"],
        msgspec.Meta(
            description="Means: proper expects relative effects around lift_mean, as far away as "
            "lift_standard_deviation says; improper holds every effect, however large, as likely as any other."
        ),
    ] = "proper"
    lift_mean: Annotated[
        float, msgspec.Meta(ge=-1e9, le=1e9, description="Means, proper prior: the relative effect expected.")
    ] = 0.0
    lift_standard_deviation: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            le=1e9,
            description="Means, proper prior: how far relative effects usually lie from lift_mean; take it from past "
            "experiments, 0.05 to 0.1 is common.",
        ),
    ] = 0.1
    scale: Annotated[
        Literal["relative", "absolute"] | None,
        msgspec.Meta(
            description="Means: the scale on which the estimated effect is taken as normal. By default relative with "
            "the proper prior and absolute with the improper one."
        ),
    ] = None


class BayesianTest(StatisticalTest):
    """Beta-binomial for rates (Stucchio 2015), normal for means; every interval is credible and equal-tailed.

    On the relative scale the variance of a lift is the delta method's. On the absolute scale a proper prior is that of
    the lift times the control's mean. No prior makes it safe to stop at the first look that pleases.
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

    def posterior_density(
        self, samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions
    ) -> Density:
        """Return the posterior density of each treatment's effect; see `StatisticalTest.posterior_density`."""
        if design.metric.kind is not MetricKind.BINARY:
            effect, size = _effect(samples, design.control, options)
            return normal_density(effect if size is None else effect.scaled(size))
        posterior, empty = _rates(samples, design.control, options)
        curve = beta_difference_density(*_sides(posterior, design.control))
        return Density(*(np.where(empty[..., None], np.nan, each) for each in (curve.values, curve.densities)))


def _rates(samples: SampleStatistics, control: int, options: BayesianOptions) -> tuple[Beta, BoolArray]:
    """Return every variant's posterior, and which treatments cannot be compared because somebody has no units."""
    x, n = samples.conversions, samples.units
    alone, treatments = samples.split(control)
    empty = (alone.units == 0) | (treatments.units == 0)
    return Beta(options.prior_alpha + x, options.prior_beta + n - x), empty


def _sides(posterior: Beta, control: int) -> tuple[Beta, Beta]:
    """Return the control's posterior beside each treatment's."""
    after = Beta(*(np.delete(each, control, axis=-1) for each in (posterior.a, posterior.b)))
    alone = (np.broadcast_to(each[..., [control]], after.a.shape) for each in (posterior.a, posterior.b))
    return Beta(*alone), after


def _compare_rates(samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions) -> ComparisonArrays:
    posterior, empty = _rates(samples, design.control, options)
    before, after = _sides(posterior, design.control)
    compared = compare_betas(before, after)
    lower, upper = beta_difference_interval(before, after, design.confidence_level)
    relative_lower, relative_upper = beta_ratio_interval(before, after, design.confidence_level)
    higher = design.metric.higher_is_better

    def known(values: FloatArray) -> FloatArray:
        return np.where(empty, np.nan, values)

    better = known(compared.greater if higher else compared.less)
    if empty.shape[-1] == 1:
        best = _of_two(better, design.control)
    else:
        chances = best_of_betas(posterior if higher else posterior.mirrored).probability
        best = np.where(np.any(samples.units == 0, axis=-1, keepdims=True), np.nan, chances)
    return ComparisonArrays(
        estimate=known(after.mean - before.mean),
        lower=known(lower),
        upper=known(upper),
        relative_estimate=known(after.mean / before.mean - 1),
        relative_lower=known(relative_lower),
        relative_upper=known(relative_upper),
        probability_better=better,
        expected_loss=known(compared.loss if higher else compared.gain),
        probability_best=best,
        flags={Flag.NO_UNITS: empty},
    )


def _compare_means(samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions) -> ComparisonArrays:
    control, treatments = samples.split(design.control)
    flags = poor_data_flags(control, treatments)
    effect, size = _effect(samples, design.control, options)
    flags[Flag.NO_BASELINE] = np.isnan(effect.mean) & ~np.logical_or.reduce([*flags.values()])
    absolute = effect if size is None else effect.scaled(size)
    lower, upper = absolute.interval(design.confidence_level)
    relative_lower, relative_upper = effect.interval(design.confidence_level)
    gain = absolute if design.metric.higher_is_better else absolute.negated
    return ComparisonArrays(
        estimate=absolute.mean,
        lower=lower,
        upper=upper,
        relative_estimate=None if size is None else effect.mean,
        relative_lower=None if size is None else relative_lower,
        relative_upper=None if size is None else relative_upper,
        probability_better=gain.probability_positive,
        expected_loss=gain.shortfall,
        probability_best=_best(samples, design, options, gain.probability_positive),
        flags=flags,
    )


def _effect(
    samples: SampleStatistics, control: int, options: BayesianOptions
) -> tuple[NormalEffect, FloatArray | None]:
    """Return the posterior of each treatment's effect, and the size of its unit: None for the metric's own."""
    if options.prior == "improper" and options.scale != "relative":
        alone, treatments = samples.split(control)
        square = alone.squared_standard_error + treatments.squared_standard_error
        return posterior_effect(treatments.mean - alone.mean, square, 0.0, np.inf), None
    lift, shared, own, size = _lifts(samples, control, options)
    with np.errstate(all="ignore"):
        effect = posterior_effect(lift, shared**2 + own**2, options.lift_mean, _prior_variance(options))
        known = np.isfinite(effect.mean * effect.standard_deviation)
    return NormalEffect(*(np.where(known, each, np.nan) for each in (effect.mean, effect.standard_deviation))), size


def _lifts(samples: SampleStatistics, control: int, options: BayesianOptions) -> tuple[FloatArray, ...]:
    """Return relative effects, the noise each has from the control and from its own side, and the control's size."""
    alone, treatments = samples.split(control)
    size = np.abs(alone.mean)
    with np.errstate(all="ignore"):
        lever = np.ones_like(treatments.mean) if options.scale == "absolute" else treatments.mean / alone.mean
        return (
            (treatments.mean - alone.mean) / size,
            lever * np.sqrt(alone.squared_standard_error) / size,
            np.sqrt(treatments.squared_standard_error) / size,
            size,
        )


def _best(
    samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions, better: FloatArray
) -> FloatArray:
    """Return the probability that each variant's mean is best."""
    sign = 1 if design.metric.higher_is_better else -1
    if better.shape[-1] == 1:
        return _of_two(better, design.control)
    if options.prior == "improper" and options.scale != "relative":
        return best_of_normals(sign * samples.mean, np.sqrt(samples.squared_standard_error)).probability
    lift, shared, own, _ = _lifts(samples, design.control, options)
    with np.errstate(all="ignore"):
        best = best_of_effects(sign * lift, sign * shared, own, sign * options.lift_mean, _prior_variance(options))
    first, rest = best[..., :1], best[..., 1:]
    ordered = np.concatenate([rest[..., : design.control], first, rest[..., design.control :]], axis=-1)
    return np.where(np.isfinite(ordered), ordered, np.nan)


def _prior_variance(options: BayesianOptions) -> float:
    return math.inf if options.prior == "improper" else options.lift_standard_deviation**2


def _of_two(better: FloatArray, control: int) -> FloatArray:
    """Return the chances of a control and its only treatment."""
    pair = [1 - better, better]
    return np.concatenate(pair if control == 0 else pair[::-1], axis=-1)


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [BayesianTest()]
