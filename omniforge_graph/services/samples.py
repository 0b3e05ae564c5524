"""Reading the numbers callers bring, variant by variant."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import MeasuredSamples, UnitTable
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.reduction import reduce_units
from omniforge_graph.domain.study import MAX_VARIANTS
from omniforge_graph.domain.text import clean_text
from omniforge_graph.errors import Path, ValidationError
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.observations import SPELLINGS, is_unit_values, read_observations, read_unit_values
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics


def read_metrics(experiment: PromptExperiment, metrics: Mapping[str, Any], metric: Metric) -> MeasuredSamples:
    """Return the numbers of `metric` out of a mapping by metric key, or by variant for the success metric.

    Variants that are left out have no units; so has everyone when the mapping is empty.

    Raises:
        ValidationError: something is neither a metric's key nor a variant, or not numbers; `path` leads to it.
    """
    if not isinstance(metrics, Mapping):
        raise ValidationError(
            f"metrics must map a metric's key to its numbers, not be of type {type(metrics).__name__}.",
            path=("metrics",),
        )
    if metric.key in metrics:
        return _read_value(experiment, metrics[metric.key], metric, ("metrics", metric.key))
    keys, variants = {each.key for each in experiment.metrics}, _variant_places(experiment)
    if metric == experiment.success_metric and all(key in variants for key in metrics):
        return _read_value(experiment, metrics, metric, ("metrics",))
    strange = next((key for key in metrics if key not in keys), metric.key)
    raise ValidationError(
        f"metrics has no numbers for {metric.key!r}; its keys must be metrics ({', '.join(sorted(keys))}) "
        f"or, for the success metric, variants ({', '.join(each.name for each in experiment.variants)}).",
        path=("metrics", strange),
    )


def read_variants(
    rows: Sequence[Mapping[str, Any]], metric: Metric, path: Path = ("variants",)
) -> tuple[tuple[Arm, ...], SampleStatistics]:
    """Return arms and numbers from one mapping per variant: its `name`, optional `is_control`, and its numbers.

    The first is the control unless another is marked; None is as good as absent. Names serve as ids.

    Raises:
        ValidationError: fewer than two variants or more than 100, a name twice, two controls, or bad numbers.
    """
    if not 2 <= len(rows) <= MAX_VARIANTS:
        raise ValidationError(f"variants must be from 2 to {MAX_VARIANTS}, not {len(rows)}.", path=path)
    plain = [{SPELLINGS.get(key, key): value for key, value in row.items() if value is not None} for row in rows]
    names = [clean_text(row.pop("name", None), (*path, place, "name")) for place, row in enumerate(plain)]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValidationError(f"The name {name!r} is given twice; names must differ.", path=(*path, place, "name"))
    marked = [place for place, row in enumerate(plain) if row.pop("is_control", False)]
    if len(marked) > 1:
        raise ValidationError("Two variants are marked as the control; mark one.", path=(*path, marked[1], "isControl"))
    control = marked[0] if marked else 0
    numbers = [read_observations(row, metric, (*path, place)) for place, row in enumerate(plain)]
    arms = tuple(Arm(name, name, place == control) for place, name in enumerate(names))
    return arms, SampleStatistics.of(*zip(*numbers, strict=True))


def as_measured(samples: MeasuredSamples | SampleStatistics, variants: int, path: Path) -> MeasuredSamples:
    """Return samples with their exposures; plain statistics are taken to cover every exposed unit.

    Raises:
        ValidationError: they are not for this many variants.
    """
    measured = (
        samples
        if isinstance(samples, MeasuredSamples)
        else MeasuredSamples(samples, exposed=samples.units, without_outcome=np.zeros_like(samples.units))
    )
    shape = measured.samples.units.shape
    if shape != (variants,):
        raise ValidationError(f"The samples have shape {shape}; ({variants},) is wanted, one per variant.", path=path)
    return measured


def _variant_places(experiment: PromptExperiment) -> dict[str, int]:
    """Return each variant's place by its name and by its id; an id is never mistaken for another's name."""
    by_name = {variant.name: place for place, variant in enumerate(experiment.variants)}
    return by_name | {variant.id: place for place, variant in enumerate(experiment.variants)}


def _read_value(experiment: PromptExperiment, value: object, metric: Metric, path: Path) -> MeasuredSamples:
    count = len(experiment.variants)
    if isinstance(value, MeasuredSamples | SampleStatistics):
        return as_measured(value, count, path)
    if not isinstance(value, Mapping):
        raise ValidationError(f"{path[-1]} must map variants to their numbers.", path=path)
    places = _variant_places(experiment)
    given: dict[int, tuple[object, Path]] = {}
    seen: dict[int, object] = {}
    for key, data in value.items():
        place = places.get(key)
        if place is None:
            known = ", ".join(f"{each.name} ({each.id})" for each in experiment.variants)
            raise ValidationError(f"{key!r} is no variant of the experiment; it has {known}.", path=(*path, key))
        if place in seen:
            raise ValidationError(f"{key!r} and {seen[place]!r} name the same variant.", path=(*path, key))
        seen[place] = key
        given[place] = data, (*path, key)
    if given and all(is_unit_values(data) for data, _ in given.values()):
        return _of_values(
            {place: read_unit_values(data, metric, at) for place, (data, at) in given.items()}, metric, count
        )
    numbers = [(0.0, np.nan, np.nan)] * count
    for place, (data, at) in given.items():
        numbers[place] = read_observations(data, metric, at)
    return as_measured(SampleStatistics.of(*zip(*numbers, strict=True)), count, path)


def _of_values(rows: Mapping[int, FloatArray], metric: Metric, variants: int) -> MeasuredSamples:
    """Return what unit values come down to, by the rules for recorded ones; covariates are not among them."""
    values = np.concatenate(list(rows.values()))
    table = UnitTable(
        variant=np.concatenate([np.full(len(each), place) for place, each in rows.items()]),
        weight=np.ones(len(values)),
        values=values,
        observed=np.ones(values.shape, dtype=np.bool_),
        squares=np.zeros(len(values)),
        slice_of=np.zeros(len(values), dtype=np.intp),
    )
    if metric.kind is MetricKind.RATIO:  # the outcomes behind a unit's pair are not known
        metric = replace(metric, denominator=metric.denominator or f"{metric.key}.denominator")
    return reduce_units(replace(metric, covariates=()), table, variants)
