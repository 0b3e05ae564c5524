"""Comparisons without an experiment, plan or verdict: two variants at once, or thousands of them in one pass."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniforge_graph.domain.analysis import Effect
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import check_sureness, usual_test
from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin.interfaces import ComparisonDesign
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.computation import run_test
from omniforge_graph.services.difference import Difference, differences
from omniforge_graph.services.plans import find_test
from omniforge_graph.statistics.covariates import adjust
from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.pair import Finding, Rate, Sample, pooled_z, welch
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

_MEAN = Metric("mean", MetricKind.CONTINUOUS)
_RATE = Metric("rate", MetricKind.BINARY)
_BLOCK = 2**16


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


def compare_values(
    values: ArrayLike,
    variant: ArrayLike,
    *,
    covariates: ArrayLike | None = None,
    variants: int = 2,
    control: int = 0,
    confidence_level: float = 0.95,
) -> list[Difference]:
    """Compare the means of unit values by Welch's t-test; with covariates, of the values adjusted by them (CUPED).

    Args:
        values: one value per unit.
        variant: each unit's variant, by its place from 0.
        covariates: what was known of each unit before the experiment; shape (units,) or (units, covariates).
        variants: how many there are.
        control: the control's place among them.
        confidence_level: of the intervals; above 0.5, below 1.

    Returns:
        One difference per treatment, in variant order.

    Raises:
        ValidationError: values that are not finite, arrays of different lengths, or a variant that does not exist.
    """
    columns = [np.asarray(values, dtype=np.float64)]
    if covariates is not None:
        columns += list(np.atleast_2d(np.asarray(covariates, dtype=np.float64).T))
    moments = _moments(columns, np.asarray(variant), variants)
    samples = mean_of(moments) if covariates is None else adjust(moments).samples
    return compare_many(samples, _MEAN, test="welch_t", control=control, confidence_level=confidence_level)


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
    chosen = find_test(registry, test or usual_test(metric.judged_kind), metric, ("test",))
    parsed = registry.parse_options(chosen, options, ("options",))
    design = ComparisonDesign(metric.as_judged, control, confidence_level)
    return differences(run_test(chosen, samples, design, parsed))


def _difference(found: Finding) -> Difference:
    absolute, relative, p_value, log10_p_value = found
    return Difference(Effect(*absolute), Effect(*relative), p_value, log10_p_value)


def _moments(columns: Sequence[FloatArray], variant: NDArray[np.intp], variants: int) -> Moments:
    """Summarise the rows block by block: what fits into the processor's cache is done in half the time."""
    rows = len(columns[0])
    for name, each in [("covariates", each) for each in columns[1:]] + [("variant", variant)]:
        if each.shape != (rows,):
            raise ValidationError(f"{name} must have one row per value: {rows}, not {len(each)}.", path=(name,))
    blocks = (slice(start, start + _BLOCK) for start in range(0, max(rows, 1), _BLOCK))
    return reduce(
        Moments.merge,
        (
            Moments.of_values(np.stack([each[block] for each in columns]).T, variant[block], variants)
            for block in blocks
        ),
    )
