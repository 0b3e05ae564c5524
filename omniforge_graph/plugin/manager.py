"""The loader: from entry points to a frozen registry.

pluggy's own loader takes entry points in an unspecified order and lets one distribution replace another's plugin under
the same name. This one sorts them, refuses a name claimed twice before anything is imported, and gives each plugin its
own error: whatever fails is listed, and everything else runs.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from importlib.metadata import EntryPoint
from types import MappingProxyType

from omniforge_graph.errors import ConfigurationError, PluginError
from omniforge_graph.plugin.candidates import FIRST_PARTY, Candidate, Source
from omniforge_graph.plugin.hooks import HOOKS
from omniforge_graph.plugin.interfaces import AllocationStrategy, StatisticalTest
from omniforge_graph.plugin.offers import OfferKind, kind_of
from omniforge_graph.plugin.registry import PluginRegistry, PluginStatus

GROUP = "omniforge_graph"
"""The group of entry points in which plugins are found."""


def load_plugins(disabled: Collection[str] = (), entry_points: Iterable[EntryPoint] | None = None) -> PluginRegistry:
    """Load the installed plugins, or those of the entry points given.

    A plugin that cannot be imported, misspells a hook, whose registration fails or whose name is taken is listed as
    FAILED with its error; the others are loaded. A disabled plugin is not even imported.

    Raises:
        ConfigurationError: `disabled` names no plugin, or this distribution is not installed (then no plugin is
            found, not even ours).
    """
    claims = _claims(disabled, _installed() if entry_points is None else entry_points)
    sources = [source for claimants in claims.values() for source in claimants]
    candidates: list[Candidate] = []
    for source in sources:
        if source.name in disabled:
            candidates.append(Candidate.disabled(source))
        elif taken := _taken(source, claims[source.name], f"the plugin name {source.name!r}"):
            candidates.append(Candidate.failed(source, taken))
        else:
            candidates.append(Candidate.examine(source))
    return _assemble(_refuse_taken_offers(candidates))


def check_disabled(disabled: Collection[str]) -> None:
    """Raise what `load_plugins` would raise at once, without loading anything."""
    _claims(disabled, _installed())


@cache
def installed_plugins() -> PluginRegistry:
    """Return the registry of all installed plugins, loaded once per process."""
    return load_plugins()


def build_registry(*plugins: object) -> PluginRegistry:
    """Build a registry from modules or objects with hook implementations, without entry points.

    For tests, and for programs that use the engine as a library. Plugins are called in the order given.

    Raises:
        PluginError: one of them would fail to load; the message says why.
    """
    candidates = _refuse_taken_offers([Candidate.examine(_in_code(plugin)) for plugin in plugins])
    for candidate in candidates:
        if candidate.error is not None:
            name = candidate.source.name
            raise PluginError(f"Plugin {name} cannot be loaded: {candidate.error}", plugin=name)
    return _assemble(candidates)


def _claims(disabled: Collection[str], entry_points: Iterable[EntryPoint]) -> Mapping[str, Sequence[Source]]:
    """Return who claims each name, in the order of the names; `ConfigurationError` if `disabled` names nobody."""
    claims: dict[str, list[Source]] = defaultdict(list)
    for source in sorted(map(Source.of, entry_points), key=lambda each: (each.name, each.distribution)):
        claims[source.name].append(source)
    for name in disabled:
        if name not in claims:
            raise ConfigurationError(
                f"Cannot disable plugin {name!r}: there is none. The plugins are {', '.join(claims)}.",
                path=("disabled_plugins",),
            )
    return claims


def _in_code(plugin: object) -> Source:
    return Source(getattr(plugin, "__name__", type(plugin).__name__), "(code)", None, lambda: plugin)


def _installed() -> Iterable[EntryPoint]:
    found = metadata.entry_points(group=GROUP)
    if not any(Source.of(each).is_ours for each in found):
        raise ConfigurationError(
            f"{FIRST_PARTY} is not installed, so none of its plugins can be found: a clone has no entry points. "
            "Run `make install` in it (or `pip install -e .`)."
        )
    return found


def _refuse_taken_offers(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Fail every plugin that offers a strategy or a test under a name that another one offers too."""
    claims: dict[tuple[OfferKind, str], list[Source]] = defaultdict(list)
    for candidate in candidates:
        for each in candidate.extensions:
            claims[kind_of(each), each.name].append(candidate.source)
    judged: list[Candidate] = []
    for candidate in candidates:
        owned = ((kind_of(each), each.name) for each in candidate.extensions)
        taken = (_taken(candidate.source, claims[kind, name], f"the {kind} name {name!r}") for kind, name in owned)
        error = next(filter(None, taken), None)
        judged.append(candidate.refuse(error) if error else candidate)
    return judged


def _taken(source: Source, claimants: Sequence[Source], what: str) -> str | None:
    """Return why `source` may not have a name: others claim it too, and it is not the only one of ours that does."""
    if len(claimants) == 1 or (source.is_ours and sum(each.is_ours for each in claimants) == 1):
        return None
    owners = " and ".join(f"{each.distribution} (plugin {each.name})" for each in claimants)
    return f"{what} is claimed by {owners}: rename it in one of them, or uninstall one."


def _assemble(candidates: Sequence[Candidate]) -> PluginRegistry:
    loaded = [candidate for candidate in candidates if candidate.status is PluginStatus.LOADED]
    extensions = [each for candidate in loaded for each in candidate.extensions]

    def speakers(hook: str) -> list[Candidate]:
        """Ours come last, so that a choice of ours is a default that anyone's plugin can override."""
        return sorted(
            (candidate for candidate in loaded if hook in candidate.hooks),
            key=lambda each: (each.source.is_ours, each.hooks[hook].trylast, not each.hooks[hook].tryfirst),
        )

    return PluginRegistry(
        strategies=MappingProxyType({each.name: each for each in extensions if isinstance(each, AllocationStrategy)}),
        tests=MappingProxyType({each.name: each for each in extensions if isinstance(each, StatisticalTest)}),
        plugins=tuple(candidate.info() for candidate in candidates),
        implementations=MappingProxyType({h: tuple(each.hooks[h] for each in speakers(h)) for h in HOOKS}),
    )
