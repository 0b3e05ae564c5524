"""From a table of units to what a test judges: capped, adjusted, as a mean, a ratio or a quantile."""

from dataclasses import replace

import numpy as np

from omniforge_graph.domain.measurement import IntArray, MeasuredSamples, UnitTable, sources_of
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.statistics.clusters import design_effect
from omniforge_graph.statistics.covariates import adjust, fill_missing
from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.quantiles import quantiles_of
from omniforge_graph.statistics.ratio import as_ratios
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics
from omniforge_graph.statistics.winsorise import winsorise

MOST_KEPT = 10_000
"""Unit values that are kept beside their summary, for tests that need them: with more, the summary suffices."""


def reduce_units(metric: Metric, table: UnitTable, variants: int) -> MeasuredSamples:
    """Return what an experiment measured for one metric, all units together; shapes (variants,)."""
    return _reduce(metric, table, table.variant, (variants,), keep_values=table.weight.sum() <= MOST_KEPT)


def reduce_slices(metric: Metric, table: UnitTable, variants: int) -> MeasuredSamples:
    """Return what an experiment measured in each slice of the table; shapes (slices, variants)."""
    group = table.slice_of * variants + table.variant
    return _reduce(metric, table, group, (len(table.slices), variants), keep_values=False)


def _reduce(
    metric: Metric, table: UnitTable, group: IntArray, shape: tuple[int, ...], *, keep_values: bool
) -> MeasuredSamples:
    own = 2 if metric.kind is MetricKind.RATIO else 1
    # A unit without outcomes has no mean; its row counts as exposed and nowhere else.
    measured = ~np.isnan(table.values[:, :own]).any(axis=1)
    values, weight, place = table.values[measured], table.weight[measured], group[measured]
    capped = None
    if metric.cap is not None:
        cap = metric.cap
        cut = winsorise(values[:, 0], cap.lower, cap.upper, cap.percentile, weight)
        values = np.concatenate([cut.values[:, None], values[:, 1:]], axis=1)
        capped = _counted(place, weight * cut.capped, shape)
    whole = MeasuredSamples(
        samples=_none(shape),
        exposed=_counted(group, table.weight, shape),
        without_outcome=_counted(group, table.weight * ~table.observed[:, 0], shape),
        capped=capped,
    )
    if metric.kind is MetricKind.QUANTILE:
        assert metric.quantile is not None
        quantiles = quantiles_of(values[:, 0], place, shape, metric.quantile, weights=weight)
        return replace(
            whole, samples=quantiles.samples, short=quantiles.short, lumped=quantiles.lumped, rounded=quantiles.rounded
        )
    if values.shape[1] > own:
        # Whoever was never seen before has no past: that is unknown, not 0.
        past = np.where(table.observed[measured][:, own:], values[:, own:], np.nan)
        values = np.concatenate([values[:, :own], fill_missing(past, weight)], axis=1)
    moments = Moments.of_values(values, place, shape, weight)
    if metric.kind is MetricKind.RATIO and metric.denominator is None and metric.cap is None:
        # The mean of all outcomes: how much do a unit's own outcomes resemble each other? Capped, they are not known.
        squares = table.squares[measured]
        clustered = design_effect(values[:, 0], values[:, 1], squares, place, shape, weight)
        whole = replace(whole, design_effect=clustered.effect, effective_units=clustered.effective)
    found = _ratios(metric, whole, moments) if own == 2 else _means(whole, moments)
    if not keep_values or own == 2:
        return found
    kept = _values(metric, moments, values, place, weight, shape[-1])
    return replace(found, samples=replace(found.samples, values=kept))


def _means(whole: MeasuredSamples, moments: Moments) -> MeasuredSamples:
    if moments.mean.shape[-1] == 1:
        return replace(whole, samples=mean_of(moments))
    return _adjusted(whole, moments, equal_weights=False)


def _ratios(metric: Metric, whole: MeasuredSamples, moments: Moments) -> MeasuredSamples:
    parts: list[int | tuple[int, int]] = [(0, 1)]
    columns = {source: at for at, source in enumerate(sources_of(metric))}
    above, below = (columns.get(replace(each, before_exposure=True)) for each in list(columns)[:2])
    if above is not None and below is not None:  # the same ratio, before the exposure
        parts.append((above, below))
        parts += [at for at in range(2, len(columns)) if at not in (above, below)]
    else:
        parts += range(2, len(columns))
    found = as_ratios(moments, parts)
    if len(parts) == 1:
        return replace(whole, samples=mean_of(found))
    return _adjusted(whole, found, equal_weights=True)


def _adjusted(whole: MeasuredSamples, moments: Moments, *, equal_weights: bool) -> MeasuredSamples:
    adjustment = adjust(moments, equal_weights=equal_weights)
    after, before = (each.squared_standard_error.sum(axis=-1) for each in (adjustment.samples, adjustment.unadjusted))
    reduction = None
    if after.ndim == 0:
        reduction = float(1 - after / before) if before > 0 else 0.0
    return replace(whole, samples=adjustment.samples, observed=adjustment.unadjusted, variance_reduction=reduction)


def _values(
    metric: Metric, moments: Moments, values: FloatArray, place: IntArray, weight: FloatArray, variants: int
) -> tuple[FloatArray, ...]:
    """Return each unit's value, adjusted as its mean is."""
    single = adjust(moments).values(values) if metric.covariates else values[:, 0]
    times = weight.astype(np.intp)
    return tuple(np.repeat(single[place == each], times[place == each]) for each in range(variants))


def _counted(group: IntArray, weight: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    return np.bincount(group, weights=weight, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)


def _none(shape: tuple[int, ...]) -> SampleStatistics:
    unknown = np.full(shape, np.nan)
    return SampleStatistics(np.zeros(shape), unknown, unknown)
