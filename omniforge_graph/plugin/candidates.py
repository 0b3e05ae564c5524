"""A plugin on its way into the registry: where it comes from, what examining it found, why it failed."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint

from pluggy import HookImpl

from omniforge_graph.errors import ConfigurationError, OmniForgeError, ValidationError
from omniforge_graph.plugin.hooks import HOOKS, call, explain, implementations
from omniforge_graph.plugin.interfaces import AllocationStrategy, StatisticalTest
from omniforge_graph.plugin.offers import Extension, check_extensions, describe
from omniforge_graph.plugin.registry import PluginInfo, PluginStatus

FIRST_PARTY = "omniforge-graph"
"""The distribution whose names nobody else can take."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin comes from; `load` imports it."""

    name: str
    distribution: str
    version: str | None
    load: Callable[[], object]

    @classmethod
    def of(cls, entry_point: EntryPoint) -> "Source":
        """Return the source an entry point names."""
        distribution = entry_point.dist
        if distribution is None:
            return cls(entry_point.name, "(unknown distribution)", None, entry_point.load)
        return cls(entry_point.name, distribution.name, distribution.version, entry_point.load)

    @property
    def is_ours(self) -> bool:
        """Whether it ships with this package."""
        return re.sub(r"[-_.]+", "-", self.distribution).lower() == FIRST_PARTY


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin and what became of it: LOADED with hooks and extensions, DISABLED, or FAILED with an error."""

    source: Source
    hooks: Mapping[str, HookImpl]
    extensions: tuple[Extension, ...] = ()
    error: str | None = None
    status: PluginStatus = PluginStatus.LOADED

    @classmethod
    def disabled(cls, source: Source) -> "Candidate":
        """Return the candidate for a plugin nobody wants; it is not imported."""
        return cls(source, hooks={}, status=PluginStatus.DISABLED)

    @classmethod
    def failed(cls, source: Source, error: str, cause: BaseException | None = None) -> "Candidate":
        """Log why a plugin is not loaded and return it without hooks and extensions."""
        _logger.warning("Plugin %s of %s is not loaded: %s", source.name, source.distribution, error, exc_info=cause)
        return cls(source, hooks={}, error=error, status=PluginStatus.FAILED)

    @classmethod
    def examine(cls, source: Source) -> "Candidate":
        """Import a plugin, check its hooks, and collect the strategies and tests it registers."""
        try:
            hooks = implementations(source.load(), source.name)
            return cls(source, hooks, _register(hooks))
        except KeyboardInterrupt:
            raise
        except OmniForgeError as problem:
            return cls.failed(source, problem.message, problem.__cause__)
        except BaseException as problem:  # noqa: BLE001 - a plugin that calls sys.exit must not stop the server
            return cls.failed(source, f"it cannot be imported: {explain(problem)}.", problem)

    def refuse(self, error: str) -> "Candidate":
        """Return it as failed after all."""
        return self.failed(self.source, error)

    def info(self) -> PluginInfo:
        """Return its line in the list of plugins."""
        return PluginInfo(
            self.source.name,
            self.source.distribution,
            self.source.version,
            self.status,
            self.error,
            offers=tuple(describe(each) for each in self.extensions),
            hooks=tuple(hook for hook in HOOKS if hook in self.hooks),
        )


def _register(hooks: Mapping[str, HookImpl]) -> tuple[Extension, ...]:
    extensions: list[Extension] = []
    wanted: tuple[tuple[str, type[Extension]], ...] = (
        ("omniforge_register_allocation_strategies", AllocationStrategy),
        ("omniforge_register_statistical_tests", StatisticalTest),
    )
    for hook, interface in wanted:
        if implementation := hooks.get(hook):
            try:
                extensions.extend(check_extensions(call(hook, implementation), interface))
            except ValidationError as problem:
                raise ConfigurationError(f"{hook}: {problem.message}") from problem.__cause__
    return tuple(extensions)
