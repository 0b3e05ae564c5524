"""The change feed: every process learns of every committed change, once and in the order of the commits."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.errors import UnavailableError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.repository import PromptRepository

logger = logging.getLogger(__name__)

BATCH = 1000


class Listener(Protocol):
    """Something that follows the feed."""

    async def load(self) -> None:
        """Take in the present state; called once, before the first change."""

    async def apply(self, changes: Sequence[Change]) -> None:
        """Take in changes, oldest first. If it raises, the same changes come again."""


class ChangeFeed:
    """Pulls changes from the repository and hands them to its listeners.

    Our own commits take the same road as those of other processes, so there is one order. `pull` runs at once after
    a commit here, and every `interval` seconds for the others: by `run` in a server, or by `freshen` without one.
    """

    def __init__(self, repository: PromptRepository, interval: float = 1.0) -> None:
        self.interval = interval
        self._repository = repository
        self._listeners: list[Listener] = []
        self._sequence: int | None = None
        self._lock = asyncio.Lock()
        self._began = float("-inf")
        self._pulled_at = float("-inf")
        self._problem: Exception | None = None
        self._followed = False

    @property
    def age(self) -> float:
        """Seconds since the listeners were last known to be up to date; infinite before the first time."""
        return time.monotonic() - self._pulled_at

    def follow(self, listener: Listener) -> None:
        """Add a listener; only before the first pull."""
        assert self._sequence is None
        self._listeners.append(listener)

    async def pull(self) -> None:
        """Bring the listeners up to date. Raises `UnavailableError` if the database is away."""
        asked = time.monotonic()
        async with self._lock:
            if self._began >= asked:
                # Somebody began after we asked, and so saw whatever we have to see: their answer is ours.
                if self._problem is not None:
                    raise self._problem
                return
            self._began, self._problem = time.monotonic(), None
            try:
                await self._pull()
            except Exception as problem:
                self._problem = problem
                raise
            self._pulled_at = self._began

    async def _pull(self) -> None:
        if self._sequence is None:
            # The head first: what is committed while the listeners load will come again, harmlessly.
            head = await self._repository.head()
            for listener in self._listeners:
                await listener.load()
            self._sequence = head
        while changes := await self._repository.changes_since(self._sequence, BATCH):
            for listener in self._listeners:
                await listener.apply(changes)
            self._sequence = changes[-1].sequence

    async def pull_quietly(self) -> None:
        """Bring the listeners up to date if possible; after a commit, whose success stands anyway.

        Whatever goes wrong is logged, shows in `age`, and is tried again by the next refresh: nothing stops the feed.
        """
        try:
            await self.pull()
        except UnavailableError as problem:
            logger.warning("Changes could not be read; the next refresh will: %s", problem)
        except Exception:
            logger.exception("Changes could not be taken in; the next refresh tries again")

    def is_fresh(self) -> bool:
        """Whether `freshen` would return at once."""
        return self._sequence is not None and (self._followed or self.age <= self.interval)

    async def freshen(self) -> None:
        """Make sure the listeners have loaded, and are no older than the interval if nobody runs `run`."""
        if self._sequence is None:
            await self.pull()
        elif not self.is_fresh():
            await self.pull_quietly()

    async def run(self) -> None:
        """Pull every interval until cancelled; an outage is waited out."""
        self._followed = True
        try:
            while True:
                await self.pull_quietly()
                await asyncio.sleep(self.interval)
        finally:
            self._followed = False


class Announcer:
    """Tells those who care that a change is committed: the feed's listeners, then the plugins that observe."""

    def __init__(self, feed: ChangeFeed, registry: PluginRegistry) -> None:
        self._feed = feed
        self._registry = registry

    async def committed(self, before: PromptExperiment | None = None, after: PromptExperiment | None = None) -> None:
        """Announce a commit; an experiment's change comes with its values before and after."""
        await self._feed.pull_quietly()
        if after is not None:
            self._registry.experiment_changed(before, after)
