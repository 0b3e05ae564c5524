"""Comparisons without an experiment, plan or verdict: two variants at once, or thousands of them in one pass."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from omniforge_graph.domain.analysis import Effect
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import check_sureness, usual_test
from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin.interfaces import ComparisonDesign
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.computation import run_test
from omniforge_graph.services.plans import find_test
from omniforge_graph.statistics.comparison import ComparisonArrays, Flag
from omniforge_graph.statistics.pair import Finding, Rate, Sample, pooled_z, welch
from omniforge_graph.statistics.relative import fieller_interval
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile

_MEAN = Metric("mean", MetricKind.CONTINUOUS)
_RATE = Metric("rate", MetricKind.BINARY)


class Difference(msgspec.Struct, frozen=True, gc=False):
    """A treatment minus the control, at one look and unadjusted for the number of comparisons.

    None is what the test does not offer, or what the data do not tell; `flags` say why.
    """

    absolute_effect: Effect
    relative_effect: Effect
    p_value: float | None = None
    log10_p_value: float | None = None
    probability_better: float | None = None
    expected_loss: float | None = None
    flags: tuple[Flag, ...] = ()


def compare_means(
    control: tuple[float, float, float], treatment: tuple[float, float, float], confidence_level: float = 0.95
) -> Difference:
    """Compare two means by Welch's t-test; the numbers are those of the test `welch_t`.

    Args:
        control: units, mean and unbiased variance of the units' values.
        treatment: the same of the treatment.
        confidence_level: of the intervals; above 0.5, below 1.

    Raises:
        ValidationError: the numbers are no sample statistics; the message says why.
    """
    check_sureness(confidence_level, 0.5, "confidenceLevel")
    before, after = Sample(*map(float, control)), Sample(*map(float, treatment))
    found = welch(before, after, confidence_level)
    if found is not None:
        return _difference(found)
    samples = SampleStatistics.of(*zip(before, after, strict=True))
    return compare_many(samples, _MEAN, test="welch_t", confidence_level=confidence_level)[0]


def compare_rates(
    control: tuple[float, float], treatment: tuple[float, float], confidence_level: float = 0.95
) -> Difference:
    """Compare two conversion rates; the numbers are those of the test `z_test`.

    Args:
        control: converted units, and units.
        treatment: the same of the treatment.
        confidence_level: of the intervals; above 0.5, below 1.

    Raises:
        ValidationError: the numbers are no counts; the message says why.
    """
    check_sureness(confidence_level, 0.5, "confidenceLevel")
    before, after = Rate(*map(float, control)), Rate(*map(float, treatment))
    found = pooled_z(before, after, confidence_level)
    if found is not None:
        return _difference(found)
    samples = SampleStatistics.of_rates(*zip(before, after, strict=True))
    return compare_many(samples, _RATE, test="z_test", confidence_level=confidence_level)[0]


def compare_many(
    samples: SampleStatistics,
    metric: Metric,
    *,
    test: str | None = None,
    options: Mapping[str, Any] | None = None,
    control: int = 0,
    confidence_level: float = 0.95,
    registry: PluginRegistry | None = None,
) -> list[Difference]:
    """Compare each treatment with the control in every slice, all in one pass.

    Args:
        samples: units, mean and variance of shape (*slices, variants); slices may be anything that is judged alike:
            segments, days, metrics of one kind.
        metric: the kind of the numbers and the better direction.
        test: a statistical test instead of the usual one for the kind.
        options: the test's options.
        control: the control's place among the variants.
        confidence_level: of the intervals; above 0.5, below 1.
        registry: where the test is found; by default among the installed plugins.

    Returns:
        One difference per slice and treatment: the last slice axis and then the treatments, in variant order without
        the control, change fastest.

    Raises:
        ValidationError: a number that does not fit, or a bad option.
        UnknownPluginError, IncompatibleTestError, PluginError: as in `ExperimentAnalyzer.analyze`.
    """
    check_sureness(confidence_level, 0.5, "confidenceLevel")
    variants = samples.units.shape[-1]
    if variants < 2:
        raise ValidationError("There must be at least two variants on the last axis.", path=("samples",))
    if not 0 <= control < variants:
        raise ValidationError(f"control must be from 0 to {variants - 1}, not {control}.", path=("control",))
    registry = installed_plugins() if registry is None else registry
    chosen = find_test(registry, test or usual_test(metric.kind), metric, ("test",))
    parsed = registry.parse_options(chosen, options, ("options",))
    design = ComparisonDesign(metric, control, confidence_level)
    return differences(run_test(chosen, samples, design, parsed), samples, design)


def differences(found: ComparisonArrays, samples: SampleStatistics, design: ComparisonDesign) -> list[Difference]:
    """Return a test's answer as values for people, in the order of its arrays."""
    relative = found.relative_estimate, found.relative_lower, found.relative_upper
    if found.relative_estimate is None:
        relative = fieller_interval(*samples.split(design.control), normal_quantile(design.confidence_level))
    size = found.estimate.size
    return list(
        map(
            Difference,
            map(Effect, *(_column(each, size) for each in (found.estimate, found.lower, found.upper))),
            map(Effect, *(_column(each, size) for each in relative)),
            _column(found.p_value, size),
            _column(found.log10_p_value, size),
            _column(found.probability_better, size),
            _column(found.expected_loss, size),
            _flags(found, size),
        )
    )


def _difference(found: Finding) -> Difference:
    absolute, relative, p_value, log10_p_value = found
    return Difference(Effect(*absolute), Effect(*relative), p_value, log10_p_value)


def _column(values: FloatArray | None, size: int) -> list[float | None]:
    """Return Python floats, None for what is unknown or unbounded."""
    if values is None:
        return [None] * size
    column: list[float | None] = list(values.ravel().tolist())
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        column[place] = None
    return column


def _flags(found: ComparisonArrays, size: int) -> list[tuple[Flag, ...]]:
    column: list[tuple[Flag, ...]] = [()] * size
    for flag, mask in found.flags.items():
        for place in np.flatnonzero(mask).tolist():
            column[place] = (*column[place], flag)
    return column
