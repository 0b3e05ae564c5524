"""What selection stands on while the database is away: the snapshot, saved after every change for the next start."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.services.feed import ChangeFeed
from omniforge_graph.services.identity import Clock
from omniforge_graph.services.keeper import SnapshotKeeper
from omniforge_graph.services.snapshot import PromptEntry

logger = logging.getLogger(__name__)

PAUSE = 2.0
"""Seconds between two saves: changes that come thick and fast are saved together."""


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """A prompt, the experiment that runs on it, and the versions of that experiment's variants."""

    prompt: Prompt
    experiment: PromptExperiment | None = None
    versions: tuple[PromptVersion, ...] = ()

    @classmethod
    def of(cls, entry: PromptEntry) -> "SavedPrompt":
        """Return what must be saved of an entry so that it can be made again."""
        if entry.running is None:
            return cls(entry.prompt)
        return cls(entry.prompt, entry.running.experiment, tuple(entry.running.versions.values()))


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """All prompts as they were at a moment."""

    at: datetime
    prompts: tuple[SavedPrompt, ...]


class SnapshotStore(Protocol):
    """Where a snapshot outlives the process. Both methods block: they are called in a thread."""

    def save(self, at: datetime, entries: Sequence[PromptEntry]) -> None:
        """Replace what was saved before, all of it or nothing. Raises `OSError`."""

    def load(self) -> SavedSnapshot | None:
        """Return what was saved last; None if there is nothing, or nothing that can be trusted, which is logged."""


class Standby:
    """Follows the change feed to save the snapshot, and lets selection start from what was saved."""

    def __init__(self, store: SnapshotStore | None, keeper: SnapshotKeeper, feed: ChangeFeed, clock: Clock) -> None:
        self._store = store
        self._keeper = keeper
        self._feed = feed
        self._clock = clock
        self._changed = asyncio.Event()
        self._failing = False
        self._saving: asyncio.Task[None] | None = None

    async def begin(self) -> bool:
        """Load selection from the database or else from what was saved; return whether it can answer."""
        await self._feed.pull_quietly()
        if not self._feed.is_ready and self._store is not None:
            saved = await asyncio.to_thread(self._store.load)
            if saved is not None:
                self._keeper.restore(
                    saved.at, ((each.prompt, each.experiment, each.versions) for each in saved.prompts)
                )
                self._feed.stand_in()
                logger.warning("The database is away: selection serves the snapshot saved at %s", saved.at.isoformat())
        return self._feed.is_ready

    async def load(self) -> None:
        """Save what was loaded."""
        self._changed.set()

    async def apply(self, _changes: Sequence[Change]) -> None:
        """Save what changed."""
        self._changed.set()

    async def run(self) -> None:
        """Save after changes until cancelled."""
        while True:
            await self._changed.wait()
            await self._save()
            await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        """Save what is not saved yet, and end with nothing being saved."""
        await self._saved()
        if self._changed.is_set():
            await self._save()

    async def _save(self) -> None:
        """Save, one after the other: a thread goes on saving when the task that waits for it is cancelled."""
        await self._saved()
        self._changed.clear()
        self._saving = asyncio.create_task(self._write())
        await asyncio.shield(self._saving)

    async def _saved(self) -> None:
        while self._saving is not None and not self._saving.done():
            await asyncio.wait({self._saving})

    async def _write(self) -> None:
        if self._store is None:
            return
        try:
            entries = list(self._keeper.snapshot.by_id.values())
            await asyncio.to_thread(self._store.save, self._clock(), entries)
        except OSError as problem:
            if not self._failing:
                logger.warning(
                    "The snapshot cannot be saved, so a process could not start without the database: %s", problem
                )
            self._failing = True
        else:
            self._failing = False
