"""The one place where analyses are computed, off the event loop, and where looks are recorded."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import msgspec

from omniforge_graph.domain.analysis import AnalysisResult, SliceAnalysis
from omniforge_graph.domain.event import clean_dimension
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.measurement import NO_VALUE, UnitQuestion, UnitTable, sources_of
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.reduction import reduce_slices, reduce_units
from omniforge_graph.errors import OmniForgeError, UnavailableError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.analyzer import Assessment, ExperimentAnalyzer
from omniforge_graph.services.identity import Clock, utc_now
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.setting import metrics_needed
from omniforge_graph.statistics.density import Density

T = TypeVar("T")
logger = logging.getLogger(__name__)

THREADS = 4
"""Analyses at a time. Threads of their own: a test that hangs must not take those that the database needs."""
_LOOKED_AT = (ExperimentStatus.RUNNING, ExperimentStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """An experiment, the key of one of its metrics (None: the success metric) and a test (None: the plan's).

    `ending` says that the experiment is about to end: this is its last look.
    """

    experiment: PromptExperiment
    metric: str | None = None
    test: str | None = None
    ending: bool = False


class AnalysisService:
    """Measures an experiment, has the analyzer judge the numbers, and records the looks that count.

    A look counts when somebody asks for the analysis of a running experiment's goals by the plan's test: the error
    rate of later looks depends on it.
    """

    def __init__(
        self,
        repository: PromptRepository,
        registry: PluginRegistry,
        analyzer: ExperimentAnalyzer,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self.analyzer = analyzer
        self._repository = repository
        self._registry = registry
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="analysis")

    async def analyze(
        self, experiment: PromptExperiment, *, metric: str | None = None, test: str | None = None
    ) -> AnalysisResult:
        """Return the analysis of the experiment's metric (default: the success metric) by `test` (default: its plan's).

        Raises:
            MetricNotFoundError, UnknownPluginError, IncompatibleTestError: the request does not fit the experiment.
            PluginError: the test failed.
        """
        return await self._analyze(AnalysisRequest(experiment, metric, test))

    async def analyze_many(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisResult | OmniForgeError]:
        """Return for each request its analysis, or the error that `analyze` would raise; what is measured, is once.

        Raises:
            UnavailableError: the database is away.
        """
        needed = [_needed(request) for request in requests]
        asked = {
            (request.experiment.id, metric.key): UnitQuestion(request.experiment, sources_of(metric))
            for request, metrics in zip(requests, needed, strict=True)
            if not isinstance(metrics, OmniForgeError)
            for metric in metrics
        }
        tables = dict(zip(asked, await self._repository.read_units(list(asked.values())), strict=True))
        looks = await self._repository.get_looks({experiment_id for experiment_id, _ in asked})
        return [
            metrics
            if isinstance(metrics, OmniForgeError)
            else await self._answer(request, metrics, tables, looks.get(request.experiment.id, []))
            for request, metrics in zip(requests, needed, strict=True)
        ]

    async def slices(
        self, experiment: PromptExperiment, dimension: str, *, metric: str | None = None, test: str | None = None
    ) -> SliceAnalysis:
        """Return the analysis of every slice of a dimension, an attribute of the exposures.

        Raises:
            as `analyze`; ValidationError: `dimension` is no key.
        """
        chosen = experiment.metric(metric)
        question = UnitQuestion(experiment, sources_of(chosen), clean_dimension(dimension))
        (table,) = await self._repository.read_units([question])
        looks = (await self._repository.get_looks([experiment.id])).get(experiment.id, [])
        found = await self.compute(lambda: self._slices(experiment, chosen, table, dimension, test, looks))
        return replace(found, computed_at=self._clock())

    async def density(self, request: AnalysisRequest) -> Density | None:
        """Return the posterior density of each treatment's effect, to be drawn; None for a test without a posterior.

        Raises:
            as `analyze`.
        """
        experiment, metric = request.experiment, request.experiment.metric(request.metric)
        (table,) = await self._repository.read_units([UnitQuestion(experiment, sources_of(metric))])

        def draw() -> Density | None:
            numbers = {metric.key: reduce_units(metric, table, len(experiment.variants))}
            return self.analyzer.density(experiment, numbers, metric=metric.key, test=request.test)

        return await self.compute(draw)

    async def compute(self, work: Callable[[], T]) -> T:
        """Run a computation of statistics in a worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def results(self, experiment: PromptExperiment) -> Mapping[str, Any]:
        """Return the analysis as plain data to keep with an experiment that ends: its last look.

        A test that fails does not stop the experiment from ending: its error is kept instead.

        Raises:
            UnavailableError: the database is away; nothing may end without its numbers then.
        """
        try:
            answer = await self._analyze(AnalysisRequest(experiment, ending=True))
            return {"analysis": msgspec.to_builtins(answer, str_keys=True)}
        except UnavailableError:
            raise
        except OmniForgeError as problem:
            logger.warning("Experiment %s ends without an analysis", experiment.id, exc_info=problem)
            return {"analysis": None, "error": {"code": problem.code, "message": problem.message}}

    async def _analyze(self, request: AnalysisRequest) -> AnalysisResult:
        (answer,) = await self.analyze_many([request])
        if isinstance(answer, OmniForgeError):
            raise answer
        return answer

    async def _answer(
        self,
        request: AnalysisRequest,
        metrics: Sequence[Metric],
        tables: Mapping[tuple[str, str], UnitTable],
        looks: Sequence[Look],
    ) -> AnalysisResult | OmniForgeError:
        experiment = request.experiment
        own = {metric.key: tables[experiment.id, metric.key] for metric in metrics}
        try:
            while True:
                found = await self.compute(partial(self._assess, request, metrics, own, looks))
                is_look = found.standing.counts and experiment.status in _LOOKED_AT
                if not is_look or await self._record(experiment, found, looks):
                    break
                # Somebody else has just looked: what they saw comes before what we see.
                looks = (await self._repository.get_looks([experiment.id])).get(experiment.id, [])
        except UnavailableError:
            raise
        except OmniForgeError as problem:
            return problem
        result = replace(found.result, computed_at=self._clock())
        self._registry.analysis_made(experiment, result)
        return result

    def _assess(
        self,
        request: AnalysisRequest,
        metrics: Sequence[Metric],
        tables: Mapping[str, UnitTable],
        looks: Sequence[Look],
    ) -> Assessment:
        variants = len(request.experiment.variants)
        numbers = {metric.key: reduce_units(metric, tables[metric.key], variants) for metric in metrics}
        return self.analyzer.assess(
            request.experiment,
            numbers,
            metric=request.metric,
            test=request.test,
            looks=looks,
            asked_at=self._clock(),
            ending=request.ending,
        )

    def _slices(
        self,
        experiment: PromptExperiment,
        metric: Metric,
        table: UnitTable,
        dimension: str,
        test: str | None,
        looks: Sequence[Look],
    ) -> SliceAnalysis:
        values = table.slices or (NO_VALUE,)  # a test is asked also when nobody was exposed: it may not fit the metric
        measured = reduce_slices(metric, replace(table, slices=values), len(experiment.variants))
        found = self.analyzer.slices(experiment, dimension, values, measured, metric=metric.key, test=test, looks=looks)
        return found if table.slices else replace(found, slices=())

    async def _record(self, experiment: PromptExperiment, found: Assessment, looks: Sequence[Look]) -> bool:
        """Store the look; return False if there is one of its number meanwhile."""
        units = found.result.sample_ratio.observed if found.result.sample_ratio is not None else ()
        look = Look(experiment.id, len(looks) + 1, self._clock(), units, found.standing.tuned_units, found.seen)
        return await self._repository.add_look(look)


def _needed(request: AnalysisRequest) -> tuple[Metric, ...] | OmniForgeError:
    """Return the metrics to measure for a request, or the error that it is."""
    try:
        return metrics_needed(request.experiment, request.experiment.metric(request.metric))
    except OmniForgeError as problem:
        return problem
