"""Which outcomes can be recorded."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import repeat
from operator import attrgetter

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.event import Outcome, ReportedOutcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import sources_of
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.text import MAX_IDENTIFIER, are_clean, clean_text
from omniforge_graph.errors import ExperimentNotFoundError, MetricNotFoundError, OmniForgeError, ValidationError
from omniforge_graph.services.judging import happened_at

_COLUMNS = attrgetter("unit_id", "metric", "value", "event_id", "occurred_at", "experiment_id")


class OutcomeJudge:
    """Knows the experiments that a caller's outcomes name and the declarations of their metrics."""

    def __init__(
        self,
        experiments: Mapping[str, PromptExperiment],
        declared: Mapping[str, Sequence[Metric]],
        now: datetime,
        caller: Caller,
    ) -> None:
        self._experiments = experiments
        self._declared = declared
        self._now = now
        self._tenant_id = caller.tenant_id
        self._rules: dict[tuple[str, str | None], Sequence[Metric]] = {}

    def one(self, event: ReportedOutcome) -> Outcome:
        """Return the outcome of an event; raise what is wrong with it."""
        unit_id = clean_text(event.unit_id, ("unitId",), maximum=MAX_IDENTIFIER)
        event_id = event.event_id
        if event_id is not None:
            clean_text(event_id, ("eventId",), maximum=MAX_IDENTIFIER)
        metrics = self._metrics(event.metric, event.experiment_id)
        value = _number(event.value)
        problems = [metric.value_problem(value) for metric in metrics]
        if all(problems):
            raise ValidationError(str(problems[0]), path=("value",))
        moment = happened_at(event.occurred_at, self._now)
        return Outcome(unit_id, event.metric, value, moment, event_id, event.experiment_id, self._tenant_id)

    def all(self, events: Sequence[ReportedOutcome]) -> Sequence[Outcome] | None:
        """Return the outcomes of events that are all fine; None if one of them may not be."""
        units, metrics, values, event_ids, moments, named = zip(*map(_COLUMNS, events), strict=True)
        told = [each for each in event_ids if each is not None]
        if not (are_clean(units, maximum=MAX_IDENTIFIER) and are_clean(told, maximum=MAX_IDENTIFIER)):
            return None
        if not set(map(type, values)) <= {float, int}:
            return None
        try:
            numbers = list(map(float, values))
            times = [happened_at(each, self._now) for each in moments] if set(moments) != {None} else repeat(self._now)
            by_rule: dict[tuple[str, str | None], list[float]] = defaultdict(list)
            for metric, experiment_id, number in zip(metrics, named, numbers, strict=True):
                by_rule[metric, experiment_id].append(number)
            for pair, those in by_rule.items():
                if not any(each.takes(those) for each in self._metrics(*pair)):
                    return None
        except (OmniForgeError, OverflowError, TypeError):
            return None
        rows = zip(units, metrics, numbers, times, event_ids, named, repeat(self._tenant_id), strict=False)
        return list(map(Outcome._make, rows))

    def _metrics(self, key: str, experiment_id: str | None) -> Sequence[Metric]:
        """Return the declarations of which one has to take the value of such an outcome; there is at least one."""
        known = self._rules.get((key, experiment_id))
        if known is None:
            known = self._rules[key, experiment_id] = self._find_metrics(key, experiment_id)
        return known

    def _find_metrics(self, key: str, experiment_id: str | None) -> Sequence[Metric]:
        declared = self._declared.get(key, ())
        if experiment_id is not None:
            experiment = self._experiments.get(experiment_id)
            if experiment is None:
                raise ExperimentNotFoundError(f"There is no experiment {experiment_id!r}.", path=("experimentId",))
            # What a ratio or a covariate reads may be recorded for it too, though it is measured only there.
            read = any(source.metric == key for each in experiment.metrics for source in sources_of(each))
            if not (read and declared) or key in {each.key for each in experiment.metrics}:
                return [experiment.metric(key)]
        if not declared:
            raise MetricNotFoundError(
                f"Nobody declared the metric {key!r}: declare it with an experiment or on its own first.",
                path=("metric",),
            )
        return declared


def _number(value: object) -> float:
    if isinstance(value, int | float):
        with suppress(OverflowError):
            return float(value)
    raise ValidationError(f"value must be a number, not {str(value)[:40]!r}.", path=("value",))
