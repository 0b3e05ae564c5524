"""Bayesian comparison: how probable is it that the treatment is better, and what is lost if it is not?"""

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
    normal_quantile,
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
        """Return the posterior density of each effect; see `StatisticalTest.posterior_density`."""
        if design.metric.kind is MetricKind.BINARY:
            before, after, empty = _rates(samples, design, options)
            found = beta_difference_density(before, after)
            return Density(*(np.where(empty[..., None], np.nan, each) for each in (found.values, found.densities)))
        found_means = _compare_means(samples, design, options)
        half = (found_means.upper - found_means.lower) / 2
        return normal_density(NormalEffect(found_means.estimate, half / normal_quantile(design.confidence_level)))


def _rates(
    samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions
) -> tuple[Beta, Beta, BoolArray]:
    """Return the posteriors of the control's rate and of the treatments', and which pairs have an empty side."""
    control, treatments = samples.split(design.control)
    before, after = (
        Beta(options.prior_alpha + each.conversions, options.prior_beta + each.units - each.conversions)
        for each in (control, treatments)
    )
    return (
        Beta(*(np.broadcast_to(each, after.a.shape) for each in (before.a, before.b))),
        after,
        (control.units == 0) | (treatments.units == 0),
    )


def _compare_rates(samples: SampleStatistics, design: ComparisonDesign, options: BayesianOptions) -> ComparisonArrays:
    before, after, empty = _rates(samples, design, options)
    compared = compare_betas(before, after)
    lower, upper = beta_difference_interval(before, after, design.confidence_level)
    relative_lower, relative_upper = beta_ratio_interval(before, after, design.confidence_level)
    higher = design.metric.higher_is_better

    def known(values: FloatArray) -> FloatArray:
        return np.where(empty, np.nan, values)

    better = known(compared.greater if higher else compared.less)
    if better.shape[-1] == 1:
        best = _of_two(better, design.control)
    else:
        posterior = Beta(
            options.prior_alpha + samples.conversions, options.prior_beta + samples.units - samples.conversions
        )
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
    empty = (control.units == 0) | (treatments.units == 0)
    alone = ~empty & ((control.units < 2) | (treatments.units < 2))
    square = control.squared_standard_error + treatments.squared_standard_error
    flags = {Flag.NO_UNITS: empty, Flag.TOO_FEW_UNITS: alone, Flag.NO_VARIANCE: square == 0}
    sign = 1 if design.metric.higher_is_better else -1
    if options.prior == "improper" and options.scale != "relative":
        estimate = treatments.mean - control.mean
        effect = posterior_effect(estimate, square, 0.0, np.inf)
        best = best_of_normals(sign * samples.mean, np.sqrt(samples.squared_standard_error)).probability
        return _found(effect, None, sign, design, best=best, flags=flags)
    # Everything below is in units of the control's mean.
    size = np.abs(control.mean)
    variance = np.inf if options.prior == "improper" else options.lift_standard_deviation**2
    with np.errstate(all="ignore"):
        lift = (treatments.mean - control.mean) / size
        lever = treatments.mean / control.mean if options.scale != "absolute" else np.ones_like(lift)
        shared = lever * np.sqrt(control.squared_standard_error) / size
        own = np.sqrt(treatments.squared_standard_error) / size
        effect = posterior_effect(lift, shared**2 + own**2, options.lift_mean, variance)
        baseless = (square > 0) & ~np.isfinite(effect.mean * effect.standard_deviation)
        effect = NormalEffect(*(np.where(baseless, np.nan, e) for e in (effect.mean, effect.standard_deviation)))
        if lift.shape[-1] == 1:
            best = _of_two(effect.probability_positive if sign > 0 else effect.negated.probability_positive, 0)
        else:
            best = best_of_effects(sign * lift, sign * shared, own, sign * options.lift_mean, variance)
        best = np.where(np.isfinite(best), best, np.nan)
        first, rest = best[..., :1], best[..., 1:]
        best = np.concatenate([rest[..., : design.control], first, rest[..., design.control :]], axis=-1)
        return _found(effect, size, sign, design, best=best, flags={**flags, Flag.NO_BASELINE: baseless})


def _found(
    effect: NormalEffect,
    size: FloatArray | None,
    sign: int,
    design: ComparisonDesign,
    *,
    best: FloatArray,
    flags: dict[Flag, BoolArray],
) -> ComparisonArrays:
    """Return what follows from a normal posterior, which is relative if the size of its unit is given."""
    absolute = effect if size is None else effect.scaled(size)
    lower, upper = absolute.interval(design.confidence_level)
    relative_lower, relative_upper = effect.interval(design.confidence_level)
    gain = absolute if sign > 0 else absolute.negated
    return ComparisonArrays(
        estimate=absolute.mean,
        lower=lower,
        upper=upper,
        relative_estimate=None if size is None else effect.mean,
        relative_lower=None if size is None else relative_lower,
        relative_upper=None if size is None else relative_upper,
        probability_better=gain.probability_positive,
        expected_loss=gain.shortfall,
        probability_best=best,
        flags=flags,
    )


def _of_two(better: FloatArray, control: int) -> FloatArray:
    """Return the chances of a control and its only treatment."""
    pair = [1 - better, better]
    return np.concatenate(pair if control == 0 else pair[::-1], axis=-1)


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [BayesianTest()]
