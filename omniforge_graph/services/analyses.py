"""The one place where analyses are computed, off the event loop, so that limits for foreign tests have a home."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric
from omniforge_graph.errors import OmniForgeError, UnavailableError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.identity import Clock, utc_now
from omniforge_graph.services.repository import PromptRepository

T = TypeVar("T")
logger = logging.getLogger(__name__)

THREADS = 4
"""Analyses at a time. Threads of their own: a test that hangs must not take those that the database needs."""


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """An experiment, the key of one of its metrics (None: the success metric) and a test (None: the plan's)."""

    experiment: PromptExperiment
    metric: str | None = None
    test: str | None = None


class AnalysisService:
    """Measures an experiment and has the analyzer judge the numbers."""

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
        (answer,) = await self.analyze_many([AnalysisRequest(experiment, metric, test)])
        if isinstance(answer, OmniForgeError):
            raise answer
        return answer

    async def analyze_many(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisResult | OmniForgeError]:
        """Return for each request its analysis, or the error that `analyze` would raise; what is measured, is once.

        Raises:
            UnavailableError: the database is away.
        """
        chosen = [_chosen_metric(request) for request in requests]
        asked = {
            (request.experiment.id, metric.key): (request.experiment, metric)
            for request, metric in zip(requests, chosen, strict=True)
            if isinstance(metric, Metric)
        }
        measured = dict(zip(asked, await self._repository.measure_many(list(asked.values())), strict=True))
        return [
            metric
            if isinstance(metric, OmniForgeError)
            else await self._judge(request, metric, measured[request.experiment.id, metric.key])
            for request, metric in zip(requests, chosen, strict=True)
        ]

    async def _judge(
        self, request: AnalysisRequest, metric: Metric, measured: MeasuredSamples
    ) -> AnalysisResult | OmniForgeError:
        experiment, numbers = request.experiment, {metric.key: measured}
        try:
            result = await self.compute(
                lambda: self.analyzer.analyze(experiment, numbers, metric=metric.key, test=request.test)
            )
        except OmniForgeError as problem:
            return problem
        result = replace(result, computed_at=self._clock())
        self._registry.analysis_made(experiment, result)
        return result

    async def compute(self, work: Callable[[], T]) -> T:
        """Run a computation of statistics in a worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def results(self, experiment: PromptExperiment) -> Mapping[str, Any]:
        """Return the analysis as plain data to keep with a completed experiment.

        A test that fails does not stop the experiment from ending: its error is kept instead.

        Raises:
            UnavailableError: the database is away; nothing may end without its numbers then.
        """
        try:
            return {"analysis": msgspec.to_builtins(await self.analyze(experiment), str_keys=True)}
        except UnavailableError:
            raise
        except OmniForgeError as problem:
            logger.warning("Experiment %s ends without an analysis", experiment.id, exc_info=problem)
            return {"analysis": None, "error": {"code": problem.code, "message": problem.message}}


def _chosen_metric(request: AnalysisRequest) -> Metric | OmniForgeError:
    try:
        return request.experiment.metric(request.metric)
    except OmniForgeError as problem:
        return problem
