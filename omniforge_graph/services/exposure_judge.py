"""Which exposures can be recorded, and of which variant they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from omniforge_graph.domain.event import NO_ATTRIBUTES, Exposure, ReportedExposure, clean_attributes
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment
from omniforge_graph.domain.text import MAX_IDENTIFIER, are_clean, clean_text
from omniforge_graph.errors import ExperimentNotFoundError, ExperimentNotRunningError, OmniForgeError, PurgedError
from omniforge_graph.services.allocator import Assigner, TrafficAllocator
from omniforge_graph.services.judging import happened_at


class ExposureJudge:
    """Knows the experiments that a caller's exposures name, and assigns the units."""

    def __init__(self, experiments: Mapping[str, PromptExperiment], allocator: TrafficAllocator, now: datetime) -> None:
        self._experiments = experiments
        self._allocator = allocator
        self._now = now
        self._assigners: dict[str, Assigner] = {}

    def one(self, event: ReportedExposure) -> Exposure:
        """Return the exposure of an event; raise what is wrong with it."""
        clean_text(event.unit_id, ("unitId",), maximum=MAX_IDENTIFIER)
        return self._exposure(event)

    def all(self, events: Sequence[ReportedExposure]) -> Sequence[Exposure] | None:
        """Return the exposures of events that are all fine; None if one of them may not be."""
        if not are_clean([event.unit_id for event in events], maximum=MAX_IDENTIFIER):
            return None
        try:
            return [self._exposure(event) for event in events]
        except OmniForgeError:
            return None

    def _exposure(self, event: ReportedExposure) -> Exposure:
        experiment = self._experiments.get(event.experiment_id)
        if experiment is None:
            raise ExperimentNotFoundError(f"There is no experiment {event.experiment_id!r}.", path=("experimentId",))
        moment = happened_at(event.occurred_at, self._now)
        attributes = NO_ATTRIBUTES if event.attributes is None else clean_attributes(event.attributes)
        if not _takes_exposures(experiment, event.occurred_at is not None, moment):
            raise ExperimentNotRunningError(
                f"Experiment {experiment.id} is {experiment.status} and takes no exposure now; one that happened "
                "while it ran needs its occurredAt.",
                path=("experimentId",),
            )
        assign = self._assigners.get(experiment.id)
        if assign is None:
            assign = self._assigners[experiment.id] = self._allocator.assigner(experiment)
        return Exposure(experiment.id, event.unit_id, assign(event.unit_id), moment, attributes)


def refused_of(exposures: Sequence[Exposure], problem: PurgedError) -> set[int]:
    """Return the places of exposures that come at a purged time and before any of their unit that can be recorded.

    What comes after that one is a duplicate of it, at whatever time: as if each had been sent alone, one by one.
    """
    refused: set[int] = set()
    recorded: set[tuple[str, str]] = set()
    for place, (experiment_id, unit_id, _, occurred_at, _) in enumerate(exposures):
        unit = experiment_id, unit_id
        if unit not in problem.refused or unit in recorded:
            continue
        if problem.refuses(experiment_id, unit_id, occurred_at):
            refused.add(place)
        else:
            recorded.add(unit)
    return refused


def _takes_exposures(experiment: PromptExperiment, dated: bool, occurred_at: datetime) -> bool:
    if experiment.is_running:
        return True
    if experiment.status is ExperimentStatus.PAUSED:
        return dated
    if experiment.status is ExperimentStatus.COMPLETED:
        return dated and experiment.end_date is not None and occurred_at <= experiment.end_date
    return False
