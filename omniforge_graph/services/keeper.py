"""Keeps the snapshot that selection reads: follows the change feed and makes anew what changed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.snapshot import Answer, PromptEntry, RunningExperiment, Snapshot

Saved: TypeAlias = tuple[Prompt, PromptExperiment | None, Iterable[PromptVersion]]
"""A prompt, what runs on it, and the versions of its variants."""


class SnapshotKeeper:
    """Follows the change feed and keeps the snapshot; readers take `snapshot` and never wait."""

    def __init__(self, repository: PromptRepository, allocator: TrafficAllocator) -> None:
        self.snapshot = Snapshot()
        self.saved_at: datetime | None = None
        """When the snapshot was saved, if it comes from what was saved and not yet from the database."""
        self.running = 0
        """How many experiments run."""
        self._repository = repository
        self._allocator = allocator

    async def load(self) -> None:
        """Read all prompts and all running experiments."""
        prompts = await self._repository.all_prompts()
        self._take(Snapshot().with_entries(await self._entries(prompts, None)), None)

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read anew the prompts that changed."""
        ids = {change.prompt_id for change in changes}
        prompts = (await self._repository.get_prompts(ids)).values()
        self._take(self.snapshot.with_entries(await self._entries(prompts, ids)), None)

    def restore(self, saved_at: datetime, prompts: Iterable[Saved]) -> None:
        """Take the snapshot from what was saved."""
        entries = [
            self._entry(prompt, experiment, {version.id: version for version in versions})
            for prompt, experiment, versions in prompts
        ]
        self._take(Snapshot().with_entries(entries), saved_at)

    def _take(self, snapshot: Snapshot, saved_at: datetime | None) -> None:
        self.snapshot, self.saved_at = snapshot, saved_at
        self.running = sum(entry.running is not None for entry in snapshot.by_id.values())

    async def _entries(self, prompts: Collection[Prompt], ids: Collection[str] | None) -> list[PromptEntry]:
        running = await self._repository.running_experiments(ids)
        wanted = {variant.prompt_version_id for each in running.values() for variant in each.variants}
        versions = await self._repository.get_versions(wanted)
        return [self._entry(prompt, running.get(prompt.id), versions) for prompt in prompts]

    def _entry(
        self, prompt: Prompt, experiment: PromptExperiment | None, versions: Mapping[str, PromptVersion]
    ) -> PromptEntry:
        if experiment is None:
            return PromptEntry(prompt)
        own = {each.prompt_version_id: versions[each.prompt_version_id] for each in experiment.variants}
        answers = {
            each.id: Answer(prompt, own[each.prompt_version_id], experiment, each) for each in experiment.variants
        }
        try:
            assign = self._allocator.arranger(experiment, answers)
        except Exception as problem:  # noqa: BLE001 - whatever a plugin raises
            # One experiment whose plugin is gone or broken must not take the others' selection down with it.
            assign = _refuser(problem)
        return PromptEntry(prompt, RunningExperiment(experiment, own, assign, experiment.tenant_id))


def _refuser(problem: Exception) -> Callable[[str], Answer]:
    def refuse(_unit: str) -> Answer:
        raise problem

    return refuse
