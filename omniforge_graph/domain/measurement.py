"""What an experiment measured: a table of units, and what it comes down to for one metric."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics

IntArray: TypeAlias = NDArray[np.intp]

NO_VALUE = "(none)"
"""The slice of the units whose exposure does not carry the dimension."""
OTHER_VALUES = "(other)"
"""The slice of the units with any of the rarer values of a dimension."""
MAX_SLICES = 50
"""Values of a dimension that are told apart; the rarer ones are taken together."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a unit's value comes from: its outcomes of a metric from the exposure on, or before it."""

    metric: str
    aggregation: Aggregation
    before_exposure: bool = False


def sources_of(metric: Metric) -> tuple[Source, ...]:
    """Return what an analysis of `metric` needs of each unit.

    First the value itself, or the numerator and the denominator of a RATIO; then the covariates, aggregated as the
    metric itself. A RATIO whose covariate is its own key takes its numerator and denominator from before the exposure.
    """
    assert metric.aggregation is not None
    own = _ratio_parts(metric) if metric.kind is MetricKind.RATIO else (Source(metric.key, metric.aggregation),)
    before: list[Source] = []
    for key in metric.covariates:
        parts = own if key == metric.key else (Source(key, metric.aggregation),)
        before += [Source(each.metric, each.aggregation, before_exposure=True) for each in parts]
    return own + tuple(dict.fromkeys(before))


def _ratio_parts(metric: Metric) -> tuple[Source, Source]:
    numerator = metric.numerator or metric.key
    if metric.denominator is None:
        return Source(numerator, Aggregation.SUM), Source(numerator, Aggregation.NUMBER)
    return Source(numerator, Aggregation.SUM), Source(metric.denominator, Aggregation.SUM)


@dataclass(frozen=True, slots=True)
class UnitTable:
    """The exposed units of an experiment with their values, one row for each, or for `weight` equal ones.

    `variant` is the place in the experiment's variants. `values` has a column per source: without an outcome it is 0
    for ANY, SUM and NUMBER and NaN for MEAN; `observed` says whether there was one. `squares` holds each unit's sum of
    squared outcomes of the first source, 0 without one. `slice_of` is the place in `slices`, the values of a dimension
    from the most units to the fewest; all 0 where nobody asked for a dimension.

    Shapes: `variant`, `weight`, `squares`, `slice_of` (rows,); `values`, `observed` (rows, sources).
    """

    variant: IntArray
    weight: FloatArray
    values: FloatArray
    observed: BoolArray
    squares: FloatArray
    slice_of: IntArray
    slices: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class UnitQuestion:
    """Which units to read: those exposed in an experiment, with these sources, split by an attribute if asked."""

    experiment: PromptExperiment
    sources: tuple[Source, ...]
    dimension: str | None = None


@dataclass(frozen=True, slots=True)
class MeasuredSamples:
    """What an experiment measured for one metric, per variant in the experiment's order, shapes (*slices, variants).

    `samples` is what a test judges: for a metric with covariates the adjusted means, for a RATIO or a QUANTILE the
    estimate with the variance a mean of as many units would have. `exposed` counts the units that met the variant,
    `without_outcome` those of them without a single outcome. `observed` is the plain description of the unit values,
    where it differs from `samples`. `variance_reduction` is the share of the variants' squared standard errors, taken
    together, that covariates removed, `design_effect` how much more uncertain the units make a mean per outcome than
    as many independent outcomes would, `effective_units` how many independent ones they are worth, `capped` the units
    whose value was capped, `short` and `lumped` where a quantile has too few units or falls on a value that many of
    them share; None where they do not apply. `rounded` says that equal values were spread over their rounding step
    before a quantile was taken.
    """

    samples: SampleStatistics
    exposed: FloatArray
    without_outcome: FloatArray
    observed: SampleStatistics | None = None
    variance_reduction: float | None = None
    design_effect: FloatArray | None = None
    effective_units: FloatArray | None = None
    capped: FloatArray | None = None
    short: BoolArray | None = None
    lumped: BoolArray | None = None
    rounded: bool = False
