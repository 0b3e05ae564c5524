"""The events of the repository in memory, the units they tell of, and the looks."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from math import fsum, nan

import numpy as np

from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.measurement import MAX_SLICES, NO_VALUE, OTHER_VALUES, Source, UnitQuestion, UnitTable
from omniforge_graph.domain.metric import Aggregation
from omniforge_graph.domain.text import clean_key
from omniforge_graph.services.repository import PromptRepository


class MemoryEvents(PromptRepository):
    """Keeps exposures by unit and outcomes in a list; the rest is `MemoryRepository`."""

    def __init__(self) -> None:
        self._exposures: dict[tuple[str, str], Exposure] = {}
        self._outcomes: list[Outcome] = []
        self._events: set[tuple[str | None, str]] = set()
        self._looks: dict[str, dict[int, Look]] = {}

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

    async def read_units(self, questions: Sequence[UnitQuestion]) -> list[UnitTable]:
        """Return the exposed units with their values for each question, a row for each unit."""
        return [self._table(question) for question in questions]

    def _table(self, question: UnitQuestion) -> UnitTable:
        experiment, sources = question.experiment, question.sources
        places = {variant.id: place for place, variant in enumerate(experiment.variants)}
        units = {
            each.unit_id: each
            for each in self._exposures.values()
            if each.experiment_id == experiment.id and each.variant_id in places
        }
        values: dict[str, list[list[float]]] = {unit_id: [[] for _ in sources] for unit_id in units}
        for outcome in self._outcomes:
            exposure = units.get(outcome.unit_id)
            if exposure is None:
                continue
            for place, source in enumerate(sources):
                if _counts(outcome, exposure, experiment, source):
                    values[outcome.unit_id][place].append(outcome.value)
        slice_of = _slices(list(units.values()), question.dimension)
        sizes = Counter(slice_of)
        slices = ("",) if question.dimension is None else tuple(sorted(sizes, key=lambda each: (-sizes[each], each)))
        shape = (len(units), len(sources))
        aggregated = [
            [_aggregate(found, each) for found, each in zip(row, sources, strict=True)] for row in values.values()
        ]
        return UnitTable(
            variant=np.array([places[each.variant_id] for each in units.values()], dtype=np.intp),
            weight=np.ones(len(units)),
            values=np.array(aggregated, dtype=float).reshape(shape),
            observed=np.array([[bool(found) for found in row] for row in values.values()], dtype=bool).reshape(shape),
            squares=np.array([fsum(value * value for value in row[0]) for row in values.values()], dtype=float),
            slice_of=np.array([slices.index(each) for each in slice_of], dtype=np.intp),
            slices=slices,
        )

    async def add_look(self, look: Look) -> bool:
        """Store a look; return False, and store nothing, if the experiment has a look of that number."""
        looks = self._looks.setdefault(look.experiment_id, {})
        return looks.setdefault(look.number, look) is look

    async def get_looks(self, experiment_ids: Collection[str]) -> dict[str, list[Look]]:
        """Return the looks at each experiment that has any, the first one first."""
        return {
            each: [look for _, look in sorted(self._looks[each].items())]
            for each in experiment_ids
            if each in self._looks
        }


def _counts(outcome: Outcome, exposure: Exposure, experiment: PromptExperiment, source: Source) -> bool:
    return (
        outcome.metric == source.metric
        and source.before_exposure == (outcome.occurred_at < exposure.occurred_at)
        and (source.before_exposure or experiment.end_date is None or outcome.occurred_at <= experiment.end_date)
        and outcome.experiment_id in (None, experiment.id)
        and (outcome.tenant_id is None or experiment.tenant_id in (None, outcome.tenant_id))
    )


def _slices(exposures: Sequence[Exposure], dimension: str | None) -> list[str]:
    """Return each exposure's value of the dimension: the most frequent ones, and names for none and for all others."""
    if dimension is None:
        return [""] * len(exposures)
    key = clean_key(dimension, ("dimension",))
    found = [each.attributes.get(key) for each in exposures]
    sizes = Counter(value for value in found if value is not None)
    kept = sorted(sizes, key=lambda each: (-sizes[each], each))[:MAX_SLICES]
    return [NO_VALUE if value is None else value if value in kept else OTHER_VALUES for value in found]


def _aggregate(values: list[float], source: Source) -> float:
    match source.aggregation:
        case Aggregation.ANY:
            return float(1 in values)
        case Aggregation.SUM:
            return fsum(values)
        case Aggregation.NUMBER:
            return float(len(values))
        case Aggregation.MEAN:
            return fsum(values) / len(values) if values else nan
