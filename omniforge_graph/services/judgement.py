"""From numbers and a test's answer to the result people read: floats for arrays, None for what is not known."""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.domain.analysis import AnalysisResult, Comparison, Effect, VariantStatistics
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.domain.power import units_to_judge
from omniforge_graph.domain.recommendation import find_winner, recommend
from omniforge_graph.plugin.interfaces import ComparisonDesign, Options, StatisticalTest
from omniforge_graph.services.computation import run_test
from omniforge_graph.services.notices import notices_of
from omniforge_graph.services.samples import Arm
from omniforge_graph.statistics.comparison import ComparisonArrays
from omniforge_graph.statistics.multiplicity import holm
from omniforge_graph.statistics.relative import fieller_interval
from omniforge_graph.statistics.sample_ratio import sample_ratio
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile


def judge(
    arms: Sequence[Arm],
    metric: Metric,
    measured: MeasuredSamples,
    plan: AnalysisPlan,
    test: StatisticalTest,
    options: Options,
    expected_shares: Sequence[float] | None,
) -> AnalysisResult:
    """Return the analysis of one metric by one test.

    Raises:
        PluginError: the test failed or broke its contract.
    """
    samples = measured.samples
    control = next(place for place, arm in enumerate(arms) if arm.is_control)
    design = ComparisonDesign(metric, control, plan.confidence_level)
    found = run_test(test, samples, design, options)
    comparisons = _comparisons(arms, samples, design, found)
    variants = [_describe(arm, samples, place, metric) for place, arm in enumerate(arms)]
    required = _required_units(samples, metric, plan, control)
    sufficient = required is not None and bool(samples.units.min() >= required)
    ratio = None
    if expected_shares is not None:
        ratio = sample_ratio([int(each) for each in measured.exposed], expected_shares)
    trusted = sufficient and not (ratio is not None and ratio.mismatch)
    winner = find_winner(comparisons, metric) if trusted else None
    return AnalysisResult(
        variant_stats={each.variant_id: each for each in variants},
        winner=winner,
        is_significant=any(each.is_significant for each in comparisons),
        confidence_level=plan.confidence_level,
        sample_size_sufficient=sufficient,
        metric=metric.key,
        test=test.name,
        comparisons=comparisons,
        recommendation=recommend(variants, comparisons, metric, winner, required, ratio, plan.confidence_level),
        sample_ratio=ratio,
        required_units=required,
        omnibus_p_value=_float(found.omnibus_p_value),
        notices=notices_of(arms, metric, measured, comparisons, found.flags, ratio),
    )


def _required_units(samples: SampleStatistics, metric: Metric, plan: AnalysisPlan, control: int) -> int | None:
    """Return the units per variant that the plan asks for, given the control's mean and the pooled variance."""
    baseline = _float(samples.mean[control])
    freedom = np.maximum(samples.units - 1, 0)
    if baseline is None or freedom.sum() == 0:
        return None
    variance = np.sum(freedom * np.nan_to_num(samples.variance)) / freedom.sum()
    return units_to_judge(metric, plan, baseline, float(np.sqrt(variance)), samples.units.size - 1)


def _describe(arm: Arm, samples: SampleStatistics, place: int, metric: Metric) -> VariantStatistics:
    mean = _float(samples.mean[place])
    binary = metric.kind is MetricKind.BINARY
    return VariantStatistics(
        variant_id=arm.id,
        name=arm.name,
        units=int(samples.units[place]),
        mean=mean,
        standard_deviation=_float(np.sqrt(samples.variance[place])),
        standard_error=_float(np.sqrt(samples.squared_standard_error[place])),
        conversion_rate=mean if binary else None,
        conversions=int(samples.conversions[place]) if binary else None,
    )


def _comparisons(
    arms: Sequence[Arm], samples: SampleStatistics, design: ComparisonDesign, found: ComparisonArrays
) -> tuple[Comparison, ...]:
    relative = found.relative_estimate, found.relative_lower, found.relative_upper
    if found.relative_estimate is None:
        relative = fieller_interval(*samples.split(design.control), normal_quantile(design.confidence_level))
    adjusted = None if found.p_value is None else holm(found.p_value)
    significant = _significant(found, adjusted, design.alpha)
    treatments = [arm for arm in arms if not arm.is_control]
    return tuple(
        Comparison(
            treatment_id=arm.id,
            control_id=arms[design.control].id,
            absolute_effect=Effect(_at(found.estimate, i), _at(found.lower, i), _at(found.upper, i)),
            relative_effect=Effect(*(_at(each, i) for each in relative)),
            p_value=_at(found.p_value, i),
            log10_p_value=_at(found.log10_p_value, i),
            adjusted_p_value=_at(adjusted, i),
            probability_better=_at(found.probability_better, i),
            expected_loss=_at(found.expected_loss, i),
            is_significant=bool(significant[i]),
        )
        for i, arm in enumerate(treatments)
    )


def _significant(found: ComparisonArrays, adjusted: FloatArray | None, alpha: float) -> BoolArray:
    """Apply the one rule of significance.

    With p-values: the adjusted one below alpha, and the omnibus one too where the test has it. Without: a probability
    of being better so high, or so low, that an error on either side has at most alpha / 2.
    """
    if adjusted is not None:
        overall = True if found.omnibus_p_value is None else bool(found.omnibus_p_value < alpha)
        return np.asarray((adjusted < alpha) & overall)
    if found.probability_better is None:
        return np.zeros(found.estimate.shape, dtype=np.bool_)
    return np.asarray((found.probability_better >= 1 - alpha / 2) | (found.probability_better <= alpha / 2))


def _at(values: FloatArray | None, place: int) -> float | None:
    return None if values is None else _float(values[place])


def _float(value: FloatArray | np.float64 | None) -> float | None:
    """Return a Python float, None for what is unknown or unbounded."""
    return None if value is None or not np.isfinite(value) else float(value)
