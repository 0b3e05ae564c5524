"""Everything selection needs, in memory: prompts, their current versions and the experiments that run on them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.domain.selection import SelectionReason, VariantSelection
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.repository import PromptRepository


@dataclass(frozen=True, slots=True)
class RunningExperiment:
    """A running experiment, ready to assign: unit → variant id, and each variant with the text it serves."""

    experiment: PromptExperiment
    assign: Callable[[str], str]
    arms: Mapping[str, tuple[Variant, PromptVersion]]


@dataclass(frozen=True, slots=True)
class PromptEntry:
    """A prompt and what runs on it."""

    prompt: Prompt
    running: RunningExperiment | None = None

    def select(self, slot: str, tenant_id: str, unit_id: str) -> VariantSelection:
        """Return the variant's version if an experiment runs for the tenant, else the current version."""
        running = self.running
        if running is None or running.experiment.tenant_id not in (None, tenant_id):
            return VariantSelection(slot, self.prompt, self.prompt.current_version, SelectionReason.CURRENT_VERSION)
        variant, version = running.arms[running.assign(unit_id)]
        return VariantSelection(
            slot,
            self.prompt,
            version,
            SelectionReason.EXPERIMENT,
            experiment_id=running.experiment.id,
            variant_id=variant.id,
            variant_name=variant.name,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable state of all prompts; a key belongs to a tenant, or to None for the shared ones."""

    by_id: Mapping[str, PromptEntry] = field(default_factory=dict)
    by_key: Mapping[tuple[str | None, str], PromptEntry] = field(default_factory=dict)

    def find(self, name: str, tenant_id: str, *, by_key: bool) -> PromptEntry | None:
        """Return the prompt of that id or key as the tenant sees it: its own, else the shared one."""
        if by_key:
            return self.by_key.get((tenant_id, name)) or self.by_key.get((None, name))
        entry = self.by_id.get(name)
        return entry if entry and entry.prompt.tenant_id in (None, tenant_id) else None

    def with_entries(self, entries: Collection[PromptEntry]) -> "Snapshot":
        """Return a snapshot in which these entries replace those of the same prompts."""
        return Snapshot(
            {**self.by_id, **{entry.prompt.id: entry for entry in entries}},
            {**self.by_key, **{(entry.prompt.tenant_id, entry.prompt.key): entry for entry in entries}},
        )


class SnapshotKeeper:
    """Follows the change feed and keeps the snapshot; readers take `snapshot` and never wait."""

    def __init__(self, repository: PromptRepository, allocator: TrafficAllocator) -> None:
        self.snapshot = Snapshot()
        self._repository = repository
        self._allocator = allocator

    async def load(self) -> None:
        """Read all prompts and all running experiments."""
        prompts = await self._repository.all_prompts()
        self.snapshot = Snapshot().with_entries(await self._entries(prompts, None))

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read anew the prompts that changed."""
        ids = {change.prompt_id for change in changes}
        prompts = (await self._repository.get_prompts(ids)).values()
        self.snapshot = self.snapshot.with_entries(await self._entries(prompts, ids))

    async def _entries(self, prompts: Collection[Prompt], ids: Collection[str] | None) -> list[PromptEntry]:
        running = await self._repository.running_experiments(ids)
        wanted = {variant.prompt_version_id for each in running.values() for variant in each.variants}
        versions = await self._repository.get_versions(wanted)
        return [
            PromptEntry(prompt, self._ready(experiment, versions) if (experiment := running.get(prompt.id)) else None)
            for prompt in prompts
        ]

    def _ready(self, experiment: PromptExperiment, versions: Mapping[str, PromptVersion]) -> RunningExperiment:
        arms = {variant.id: (variant, versions[variant.prompt_version_id]) for variant in experiment.variants}
        try:
            assign = self._allocator.assigner(experiment)
        except Exception as problem:  # noqa: BLE001 - whatever a plugin raises
            # One experiment whose plugin is gone or broken must not take the others' selection down with it.
            assign = _refuser(problem)
        return RunningExperiment(experiment, assign, arms)


def _refuser(problem: Exception) -> Callable[[str], str]:
    def refuse(_unit: str) -> str:
        raise problem

    return refuse
