"""The change feed: every process learns of every committed change, once and in the order of the commits."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.errors import UnavailableError
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.repository import PromptRepository

logger = logging.getLogger(__name__)

BATCH = 100
"""Changes taken in at once: each holds an experiment to decode, and the event loop has other work."""
POLLING = 0.8
"""The part of the interval after which to look again; the rest of it is for finding and taking in what changed."""
MISSES_PER_SECOND = 50
PATIENCE = 0.5
"""Seconds that somebody who misses something waits for the database."""


class Listener(Protocol):
    """Something that follows the feed."""

    async def load(self) -> None:
        """Take in the present state; called once, before the first change."""

    async def apply(self, changes: Sequence[Change]) -> None:
        """Take in changes, oldest first. If it raises, the same changes come again."""


class ChangeFeed:
    """Pulls changes from the repository and hands them to its listeners.

    Our own commits take the same road as those of other processes, so there is one order. `pull` runs at once after
    a commit here. For the others it runs when the repository says that something was committed, and every `interval`
    seconds in any case: by `run` in a server, or by `freshen` without one.
    """

    def __init__(self, repository: PromptRepository, interval: float = 1.0) -> None:
        self.interval = interval
        self.sequence: int | None = None
        """The newest change that the listeners know; None before they have loaded."""
        self._repository = repository
        self._listeners: list[Listener] = []
        self._lock = asyncio.Lock()
        self._began = float("-inf")
        self._pulled_at = float("-inf")
        self._problem: Exception | None = None
        self._failing = False
        self._followed = False
        self._ready = False
        self._pulling: set[asyncio.Task[None]] = set()

    @property
    def age(self) -> float:
        """Seconds since the listeners were last known to be up to date; infinite before the first time."""
        return time.monotonic() - self._pulled_at

    def follow(self, listener: Listener) -> None:
        """Add a listener; only before the first pull."""
        assert self.sequence is None
        self._listeners.append(listener)

    @property
    def is_ready(self) -> bool:
        """Whether the listeners hold something to answer from."""
        return self._ready

    def stand_in(self) -> None:
        """Have readers make do with what the listeners hold already, until the repository can be read."""
        self._ready = True

    async def pull(self) -> None:
        """Bring the listeners up to date. Raises `UnavailableError` if the database is away."""
        asked = time.monotonic()
        async with self._lock:
            if self._began >= asked:
                # Somebody began after we asked, and so saw whatever we have to see: their answer is ours.
                if self._problem is not None:
                    raise self._problem
                return
            before, self._began, self._problem = self._began, time.monotonic(), None
            try:
                await self._pull()
            except Exception as problem:
                self._problem, self._failing = problem, True
                raise
            except BaseException:
                self._began = before  # given up half-way: that answers nobody, and the next one begins anew
                raise
            self._pulled_at, self._failing = self._began, False

    async def _pull(self) -> None:
        if self.sequence is None:
            # The head first: what is committed while the listeners load will come again, harmlessly.
            head = await self._repository.head()
            for listener in self._listeners:
                await listener.load()
            self.sequence, self._ready = head, True
        while changes := await self._repository.changes_since(self.sequence, BATCH):
            for listener in self._listeners:
                await listener.apply(changes)
            self.sequence = changes[-1].sequence

    async def pull_quietly(self) -> None:
        """Bring the listeners up to date if possible; after a commit, whose success stands anyway.

        Whatever goes wrong is logged once, shows in `age`, and is tried again by the next refresh: nothing stops the
        feed.
        """
        failed_before = self._failing
        try:
            await self.pull()
        except UnavailableError as problem:
            if not failed_before:
                logger.warning("Changes cannot be read; every refresh tries again: %s", problem)
        except Exception:
            if not failed_before:
                logger.exception("Changes cannot be taken in; every refresh tries again")
        else:
            if failed_before:
                logger.info("Changes are read again")

    def is_fresh(self) -> bool:
        """Whether `freshen` would return at once."""
        return self._ready and (self._followed or time.monotonic() - self._began <= self.interval)

    async def freshen(self) -> None:
        """Make sure the listeners have loaded, and are no older than the interval if nobody runs `run`.

        Without a server a database that is away is asked once per interval, not by everyone.
        """
        if not self._ready:
            await self.pull()
        elif not self.is_fresh():
            await self._pull_shortly()

    async def seek(self) -> None:
        """Pull for somebody who misses something that may have been committed elsewhere a moment ago.

        Those who miss what does not exist must not wear out the database, nor wait for one that is away: they ask
        `MISSES_PER_SECOND` times together, wait `PATIENCE` at most, and not at all while the refresh fails.
        """
        if not self._failing:
            await asyncio.sleep(self._began + 1 / MISSES_PER_SECOND - time.monotonic())
            await self._pull_shortly()

    async def _pull_shortly(self) -> None:
        """Pull quietly, but wait no longer than `PATIENCE` for it, nor at all behind a pull that takes longer."""
        if self._lock.locked() and time.monotonic() - self._began > PATIENCE:
            return
        pulling = asyncio.create_task(self.pull_quietly())
        self._pulling.add(pulling)
        pulling.add_done_callback(self._pulling.discard)
        await asyncio.wait({pulling}, timeout=PATIENCE)

    async def run(self) -> None:
        """Pull at every notification and every interval until cancelled; an outage is waited out."""
        told = asyncio.Event()
        listening = asyncio.create_task(self._listen(told))
        self._followed = True
        try:
            while True:
                told.clear()
                await self.pull_quietly()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLLING * self.interval):
                        await told.wait()
        finally:
            self._followed = False
            listening.cancel()

    async def _listen(self, told: asyncio.Event) -> None:
        try:
            await self._repository.listen(told.set)
        except Exception:
            logger.exception("Nobody tells of changes any more; they are found by looking")


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
