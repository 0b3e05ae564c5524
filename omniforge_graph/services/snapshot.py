"""Everything selection needs, in memory and made ready: per prompt, which answer each unit gets."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.domain.selection import SelectionReason, VariantSelection

MAX_SLOT_NAMES = 64
"""How many names of slots each answer is remembered for: callers have a handful, and may send anything."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A version that a prompt may answer with: the one of an experiment's variant, or the current one."""

    prompt: Prompt
    version: PromptVersion
    experiment: PromptExperiment | None = None
    variant: Variant | None = None
    _made: dict[str, VariantSelection] = field(default_factory=dict, init=False, repr=False, compare=False)

    def to(self, slot: str) -> VariantSelection:
        """Return the selection for a slot's name: the same object for the same name, as long as it is remembered."""
        made = self._made.get(slot)
        return self._make(slot) if made is None else made

    def _make(self, slot: str) -> VariantSelection:
        if len(self._made) >= MAX_SLOT_NAMES:
            self._made.clear()
        self._made[slot] = selection = VariantSelection(
            slot,
            self.prompt,
            self.version,
            SelectionReason.CURRENT_VERSION if self.experiment is None else SelectionReason.EXPERIMENT,
            experiment_id=None if self.experiment is None else self.experiment.id,
            variant_id=None if self.variant is None else self.variant.id,
            variant_name=None if self.variant is None else self.variant.name,
        )
        return selection


@dataclass(frozen=True, slots=True)
class RunningExperiment:
    """A running experiment, ready to assign: from a unit to its variant's answer. `versions` are its variants'."""

    experiment: PromptExperiment
    versions: Mapping[str, PromptVersion]
    assign: Callable[[str], Answer]
    tenant_id: str | None


class PromptEntry:
    """A prompt and what runs on it. Never changes; a change of the prompt makes another."""

    __slots__ = ("current", "prompt", "running", "tenant_id")

    def __init__(self, prompt: Prompt, running: RunningExperiment | None = None) -> None:
        self.prompt = prompt
        self.tenant_id = prompt.tenant_id
        self.running = running
        self.current = Answer(prompt, prompt.current_version)

    def assigned(self, tenant_id: str, unit_id: str) -> Answer | None:
        """Return the unit's answer if an experiment runs for the tenant, else None."""
        running = self.running
        if running is None or (running.tenant_id is not None and running.tenant_id != tenant_id):
            return None
        return running.assign(unit_id)


Keys: TypeAlias = Mapping[str, PromptEntry]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable state of all prompts: by id, and by key for each tenant, with None for the shared ones."""

    by_id: Mapping[str, PromptEntry] = field(default_factory=dict)
    by_key: Mapping[str | None, Keys] = field(default_factory=lambda: {None: {}})
    token: object = field(default_factory=object, compare=False, repr=False)
    """Its own and no other's, for those who must not keep all of a snapshot alive to know it again."""

    def find(self, name: str, tenant_id: str, *, by_key: bool) -> PromptEntry | None:
        """Return the prompt of that id or key as the tenant sees it: its own, else the shared one."""
        if by_key:
            own = self.by_key.get(tenant_id)
            return (own and own.get(name)) or self.by_key[None].get(name)
        entry = self.by_id.get(name)
        return entry if entry and entry.tenant_id in (None, tenant_id) else None

    def with_entries(self, entries: Collection[PromptEntry]) -> "Snapshot":
        """Return a snapshot in which these entries replace those of the same prompts."""
        changed: dict[str | None, dict[str, PromptEntry]] = {}
        for entry in entries:
            changed.setdefault(entry.tenant_id, {})[entry.prompt.key] = entry
        return Snapshot(
            {**self.by_id, **{entry.prompt.id: entry for entry in entries}},
            {**self.by_key, **{tenant: {**self.by_key.get(tenant, {}), **keys} for tenant, keys in changed.items()}},
        )
