"""What the loaded plugins offer and do. Filled once; requests read dictionaries.

Deciders (strategies, tests, checks, choices) fail loudly with the plugin's name. Observers are called after the fact,
each in its own guard: a failure is logged with the plugin's name and harms nobody.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pluggy import HookImpl
from starlette.routing import BaseRoute

from omniforge_graph.config import Settings
from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.errors import Path, PluginError, RefusedByPluginError, UnknownPluginError
from omniforge_graph.plugin import offers
from omniforge_graph.plugin.hooks import call
from omniforge_graph.plugin.interfaces import AllocationStrategy, Options, StatisticalTest
from omniforge_graph.plugin.offers import Extension, Offer

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class PluginStatus(StrEnum):
    """What became of a plugin when the plugins were loaded."""

    LOADED = "LOADED"
    DISABLED = "DISABLED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin as the list shows it: `name` is its entry point's, `error` says why it FAILED."""

    name: str
    distribution: str
    version: str | None
    status: PluginStatus
    error: str | None = None
    offers: tuple[Offer, ...] = ()
    hooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginRegistry:
    """The strategies and tests by name, every plugin found, and the hooks as methods.

    `implementations` holds, per hook, the plugins that implement it in the order they are called.
    """

    strategies: Mapping[str, AllocationStrategy]
    tests: Mapping[str, StatisticalTest]
    plugins: tuple[PluginInfo, ...]
    implementations: Mapping[str, tuple[HookImpl, ...]]

    def strategy(self, name: str) -> AllocationStrategy:
        """Return the allocation strategy of that name, or raise `UnknownPluginError` listing the loaded ones."""
        return _find(self.strategies, name, "allocation strategy", ("allocation", "strategy"))

    def test(self, name: str) -> StatisticalTest:
        """Return the statistical test of that name, or raise `UnknownPluginError` listing the loaded ones."""
        return _find(self.tests, name, "statistical test", ("analysis", "test"))

    def plugin_of(self, extension: Extension) -> str:
        """Return the name of the plugin that registered a strategy or a test."""
        kind = offers.kind_of(extension)
        owned = (p.name for p in self.plugins for o in p.offers if (o.kind, o.name) == (kind, extension.name))
        return next(owned, extension.name)

    def parse_options(self, extension: Extension, raw: Mapping[str, Any] | None, path: Path) -> Options:
        """Return raw options as the extension's typed options.

        Raises:
            ValidationError: an option is unknown or has a bad value; the path, which begins with `path`, names it.
        """
        return offers.parse_options(extension, raw, path)

    # ------------------------------------------------------------ deciders

    def check_experiment(self, experiment: PromptExperiment) -> None:
        """Ask every plugin whether the experiment may be created or started.

        Raises:
            RefusedByPluginError: with the reasons of all plugins that refuse.
            PluginError: a check raised, or returned something else than a list of reasons.
        """
        hook = "omniforge_check_experiment"
        reasons: list[str] = []
        refusing: list[str] = []
        for each in self.implementations[hook]:
            answer = call(hook, each, experiment=experiment)
            if answer is None:
                continue
            if not isinstance(answer, list | tuple) or not all(isinstance(reason, str) for reason in answer):
                raise _broken(each, hook, answer, "a list of reasons, or None")
            reasons.extend(answer)
            refusing.extend(f"{each.plugin_name}: {reason}" for reason in answer)
        if reasons:
            raise RefusedByPluginError(f"The experiment is refused by {'; '.join(refusing)}", reasons=reasons)

    def choose_test(self, experiment: PromptExperiment, metric: Metric) -> str:
        """Return the name of the test for a metric whose plan names none: the first plugin's answer, ours last.

        Raises:
            PluginError: the plugin that answers raised, or names a test that is not loaded or cannot judge the metric.
            UnknownPluginError: no plugin answered.
        """
        hook = "omniforge_choose_statistical_test"
        for each in self.implementations[hook]:
            answer = call(hook, each, experiment=experiment, metric=metric)
            if answer is None:
                continue
            test = self.tests.get(answer) if isinstance(answer, str) else None
            if test is None or metric.judged_kind not in test.kinds:
                fitting = sorted(name for name, each in self.tests.items() if metric.judged_kind in each.kinds)
                raise _broken(
                    each, hook, answer, f"a loaded test for {metric.judged_kind} ({', '.join(fitting)}), or None"
                )
            return test.name
        raise UnknownPluginError(
            f"No plugin chooses a statistical test for metric {metric.key} ({metric.kind}); name one in the "
            f"analysis plan. There {_listed(sorted(self.tests))}.",
            path=("analysis", "test"),
        )

    # ------------------------------------------------------------ at start

    def routes(self, settings: Settings) -> list[BaseRoute]:
        """Return the routes the plugins want to serve. One that fails is logged and left out."""
        hook = "omniforge_register_routes"
        routes: list[BaseRoute] = []
        for each in self.implementations[hook]:
            try:
                answer = call(hook, each, settings=settings)
                if not isinstance(answer, list | tuple) or not all(isinstance(route, BaseRoute) for route in answer):
                    raise _broken(each, hook, answer, "a list of Starlette routes")
            except PluginError as problem:
                _log(problem)
            else:
                routes.extend(answer)
        return routes

    # ------------------------------------------------------------ observers

    def experiment_changed(self, before: PromptExperiment | None, after: PromptExperiment) -> None:
        """Tell that an experiment was created (`before` is None) or changed, after the commit."""
        if self.implementations["omniforge_experiment_changed"]:
            self._tell("omniforge_experiment_changed", before=before, after=after)

    def events_recorded(self, experiment_id: str | None, count: int) -> None:
        """Tell that exposures or outcomes were recorded; `experiment_id` is None for outcomes that name none."""
        if self.implementations["omniforge_events_recorded"]:
            self._tell("omniforge_events_recorded", experiment_id=experiment_id, count=count)

    def analysis_made(self, experiment: PromptExperiment, result: AnalysisResult) -> None:
        """Tell that an analysis was computed."""
        if self.implementations["omniforge_analysis_made"]:
            self._tell("omniforge_analysis_made", experiment=experiment, result=result)

    def _tell(self, hook: str, **arguments: Any) -> None:
        for each in self.implementations[hook]:
            try:
                call(hook, each, **arguments)
            except PluginError as problem:
                _log(problem)


def _find(loaded: Mapping[str, _T], name: str, what: str, path: Path) -> _T:
    try:
        return loaded[name]
    except KeyError:
        raise UnknownPluginError(
            f"No {what} named {name!r} is loaded; there {_listed(sorted(loaded))}.", path=path
        ) from None


def _listed(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"are: {listed}" if listed else "are none"


def _broken(implementation: HookImpl, hook: str, answer: object, wanted: str) -> PluginError:
    name = implementation.plugin_name
    return PluginError(f"Plugin {name}: {hook} returned {answer!r}; return {wanted}.", plugin=name)


def _log(problem: PluginError) -> None:
    _logger.error("%s", problem.message, exc_info=problem.__cause__)
