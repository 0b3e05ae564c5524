"""The moments at which a plugin may take part. Implement any subset; every argument is passed by keyword."""

from collections.abc import Sequence
from typing import Any

import pluggy

from omniforge_graph.config import Settings
from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.plugin.interfaces import AllocationStrategy, StatisticalTest

PROJECT = "omniforge"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# ---------------------------------------------------------------- once, when the plugins load


@hookspec
def omniforge_register_allocation_strategies() -> Sequence[AllocationStrategy]:  # type: ignore[empty-body]
    """Return instances of `AllocationStrategy`. A name that is taken is an error that names both distributions."""


@hookspec
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:  # type: ignore[empty-body]
    """Return instances of `StatisticalTest`. A name that is taken is an error that names both distributions."""


@hookspec
def omniforge_register_routes(settings: Settings) -> Sequence[Any]:  # type: ignore[empty-body]
    """Return Starlette routes (a dashboard and the like) to serve beside the API. Called when the server starts."""


# ---------------------------------------------------------------- before an experiment is created or started


@hookspec
def omniforge_check_experiment(experiment: PromptExperiment) -> Sequence[str] | None:
    """Return reasons to refuse the experiment, or None. One that raises refuses too: deciders fail loudly."""


# ---------------------------------------------------------------- when an analysis names no test


@hookspec(firstresult=True)
def omniforge_choose_statistical_test(experiment: PromptExperiment, metric: Metric) -> str | None:
    """Return the name of the test to use for this metric, or None to let others speak; ours speaks last."""


# ---------------------------------------------------------------- observers: after the fact, each in its own guard


@hookspec
def omniforge_experiment_changed(before: PromptExperiment | None, after: PromptExperiment) -> None:
    """An experiment was created (`before` is None) or changed, and the change is committed."""


@hookspec
def omniforge_events_recorded(experiment_id: str | None, count: int) -> None:
    """So many exposures or outcomes were recorded; `experiment_id` is None for outcomes that name none."""


@hookspec
def omniforge_analysis_made(experiment: PromptExperiment, result: AnalysisResult) -> None:
    """An analysis of this experiment was computed."""
