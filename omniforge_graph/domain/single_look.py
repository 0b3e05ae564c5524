"""One treatment against the control, judged once: units, power and the smallest effect, whatever the metric."""

import math
from dataclasses import dataclass

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.study import Distribution, Study
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.detectable import detectable_in_means, detectable_in_proportions
from omniforge_graph.statistics.deviation import (
    lognormal_density_at,
    normal_density_at,
    quantile_deviation,
    ratio_deviation,
)
from omniforge_graph.statistics.noninferiority_size import Separation, mean_separation, rate_separation
from omniforge_graph.statistics.power import (
    power_for_means,
    power_for_proportions,
    units_for_means,
    units_for_proportions,
)


@dataclass(frozen=True, slots=True)
class SingleLook:
    """The test of one treatment that gets `ratio` units for each of the control's.

    Units are the control's and not rounded; a covariate counts as that many more units (Deng et al. 2013). Effects are
    absolute, treatment minus control.
    """

    study: Study
    ratio: float

    def units(self, effect: float) -> float:
        """Return the units that find an effect, or with a margin show non-inferiority; perhaps infinite."""
        study = self.study
        if study.margin is not None:
            units = self._separation(effect).units(study.alpha, study.power)
        elif study.kind is MetricKind.BINARY:
            rates = study.baseline, study.baseline + effect
            units = units_for_proportions(*rates, study.alpha, study.power, self.ratio, study.tails)
        else:
            deviation = deviation_of(study)
            units = units_for_means(effect, deviation, study.alpha, study.power, self.ratio, study.tails)
        return units * study.unexplained

    def power(self, effect: float, units: float) -> float:
        """Return how often an effect is found, or non-inferiority shown."""
        study, worth = self.study, units / self.study.unexplained
        if study.margin is not None:
            return self._separation(effect).power(worth, study.alpha)
        if study.kind is MetricKind.BINARY:
            rates = study.baseline, study.baseline + effect
            return power_for_proportions(worth, *rates, study.alpha, self.ratio, study.tails)
        return power_for_means(worth, effect, deviation_of(study), study.alpha, self.ratio, study.tails)

    def detectable(self, units: float) -> float:
        """Return the smallest effect in the better direction that is found; NaN where a rate has no room for it."""
        study, worth = self.study, units / self.study.unexplained
        if study.kind is MetricKind.BINARY:
            return detectable_in_proportions(
                study.baseline,
                worth,
                study.alpha,
                study.power,
                self.ratio,
                study.tails,
                decrease=study.sign < 0,
            )
        deviation = deviation_of(study)
        return study.sign * detectable_in_means(deviation, worth, study.alpha, study.power, self.ratio, study.tails)

    def _separation(self, effect: float) -> Separation:
        study, baseline = self.study, self.study.baseline
        assert study.margin is not None
        if study.kind is MetricKind.BINARY:
            return rate_separation(
                baseline,
                baseline + effect,
                study.margin,
                relative=study.relative,
                higher_is_better=study.sign > 0,
                ratio=self.ratio,
            )
        factor = 1 - study.sign * math.copysign(study.margin, baseline) if study.relative else 1.0
        margin = study.absolute(study.margin)
        return mean_separation(margin, study.sign * effect, deviation_of(study), self.ratio, factor)


def deviation_of(study: Study) -> float:
    """Return the standard deviation that stands for the units' in the plans for means, before any covariate."""
    if study.kind is MetricKind.QUANTILE:
        assert study.quantile is not None
        return quantile_deviation(study.quantile, _density(study, study.quantile))
    if study.spread is None:
        assert study.standard_deviation is not None
        return study.standard_deviation
    spread = study.spread
    deviation = ratio_deviation(
        study.baseline,
        spread.denominator_mean,
        spread.numerator_deviation,
        spread.denominator_deviation,
        spread.correlation,
    )
    if not 0 < deviation < math.inf:
        raise ValidationError(
            "spread leaves the ratio no variation to plan for; give the deviations and the correlation of real units.",
            path=("spread",),
        )
    return deviation


def _density(study: Study, quantile: float) -> float:
    if study.density is not None:
        return study.density
    assert study.standard_deviation is not None
    if study.distribution is Distribution.LOGNORMAL:
        return lognormal_density_at(quantile, study.baseline, study.standard_deviation)
    return normal_density_at(quantile, study.standard_deviation)
