"""The events of the repository in memory, and what they measure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from math import nan
from statistics import fmean, variance

import numpy as np

from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Aggregation, Metric
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.statistics.samples import SampleStatistics


class MemoryEvents(PromptRepository):
    """Keeps exposures by unit and outcomes in a list; the rest is `MemoryRepository`."""

    def __init__(self) -> None:
        self._exposures: dict[tuple[str, str], Exposure] = {}
        self._outcomes: list[Outcome] = []
        self._events: set[tuple[str | None, str]] = set()

    async def record_exposures(self, exposures: Sequence[Exposure]) -> list[bool]:
        """Record all; return for each whether it was its unit's first in the experiment."""
        verdicts = []
        for each in exposures:
            known = len(self._exposures)
            self._exposures.setdefault((each.experiment_id, each.unit_id), each)
            verdicts.append(len(self._exposures) > known)
        return verdicts

    async def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Record all; return for each whether it is new."""
        verdicts = []
        for each in outcomes:
            event = None if each.event_id is None else (each.tenant_id, each.event_id)
            verdicts.append(event is None or event not in self._events)
            if verdicts[-1]:
                self._outcomes.append(each)
            if event is not None:
                self._events.add(event)
        return verdicts

    async def exposure_counts(self, experiment_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, per experiment, the number of exposed units by variant id."""
        counts: dict[str, Counter[str]] = {experiment_id: Counter() for experiment_id in experiment_ids}
        for exposure in self._exposures.values():
            if exposure.experiment_id in counts:
                counts[exposure.experiment_id][exposure.variant_id] += 1
        return {experiment_id: dict(counter) for experiment_id, counter in counts.items()}

    async def measure_many(self, asked: Sequence[tuple[PromptExperiment, Metric]]) -> list[MeasuredSamples]:
        """Return unit-level statistics for each experiment and metric asked for."""
        return [self._measure(experiment, metric) for experiment, metric in asked]

    def _measure(self, experiment: PromptExperiment, metric: Metric) -> MeasuredSamples:
        units = {each.unit_id: each for each in self._exposures.values() if each.experiment_id == experiment.id}
        values: dict[str, list[float]] = {unit_id: [] for unit_id in units}
        for outcome in self._outcomes:
            exposure = units.get(outcome.unit_id)
            if exposure is not None and outcome.metric == metric.key and _counts(outcome, exposure, experiment):
                values[outcome.unit_id].append(outcome.value)
        exposed, without, samples = [], [], []
        for variant in experiment.variants:
            mine = [values[unit_id] for unit_id, each in units.items() if each.variant_id == variant.id]
            exposed.append(len(mine))
            without.append(sum(not each for each in mine))
            samples.append(
                [_aggregate(each, metric) for each in mine if each or metric.aggregation is not Aggregation.MEAN]
            )
        measured = SampleStatistics.of(
            [len(each) for each in samples],
            [fmean(each) if each else nan for each in samples],
            [variance(each) if len(each) > 1 else nan for each in samples],
        )
        return MeasuredSamples(measured, np.array(exposed, dtype=float), np.array(without, dtype=float))


def _counts(outcome: Outcome, exposure: Exposure, experiment: PromptExperiment) -> bool:
    return (
        exposure.occurred_at <= outcome.occurred_at
        and (experiment.end_date is None or outcome.occurred_at <= experiment.end_date)
        and outcome.experiment_id in (None, experiment.id)
        and (outcome.tenant_id is None or experiment.tenant_id in (None, outcome.tenant_id))
    )


def _aggregate(values: list[float], metric: Metric) -> float:
    match metric.aggregation:
        case Aggregation.ANY:
            return float(1 in values)
        case Aggregation.SUM:
            return sum(values)
        case _:
            return sum(values) / len(values)
