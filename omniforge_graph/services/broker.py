"""Live experiments: each subscriber gets every change once and in order; a slow one gets the latest state."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.services.feed import ChangeFeed
from omniforge_graph.services.lookup import find_experiment
from omniforge_graph.services.repository import PromptRepository

BACKLOG = 32
"""Changes that wait for a slow subscriber before they give way to the latest state alone."""


class Mailbox:
    """The changes one subscriber has not read yet."""

    def __init__(self) -> None:
        self._waiting: deque[PromptExperiment] = deque()
        self._arrived = asyncio.Event()

    def put(self, experiment: PromptExperiment) -> None:
        """Add a state; beyond the backlog only the latest one is kept."""
        if len(self._waiting) >= BACKLOG:
            self._waiting.clear()
        self._waiting.append(experiment)
        self._arrived.set()

    async def take(self) -> PromptExperiment:
        """Return the oldest waiting state, waiting for one if need be."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class ExperimentBroker:
    """Follows the change feed and hands each experiment's states to its subscribers."""

    def __init__(self, repository: PromptRepository, feed: ChangeFeed) -> None:
        self._repository = repository
        self._feed = feed
        self._mailboxes: dict[str, set[Mailbox]] = defaultdict(set)

    @property
    def subscribers(self) -> int:
        """How many watch at this moment."""
        return sum(map(len, self._mailboxes.values()))

    async def load(self) -> None:
        """Nothing to load: subscribers begin with the state they read themselves."""

    async def apply(self, changes: Sequence[Change]) -> None:
        """Hand out the states, oldest first."""
        for change in changes:
            if change.experiment is not None:
                for mailbox in self._mailboxes.get(change.experiment.id, ()):
                    mailbox.put(change.experiment)

    async def watch(self, experiment_id: str, *, caller: Caller = OPERATOR) -> AsyncGenerator[PromptExperiment, None]:
        """Yield the current state first, then each change once, in the order of its revisions.

        Raises:
            ExperimentNotFoundError: there is no such experiment for this caller.
        """
        await self._feed.freshen()
        with self._mailbox(experiment_id) as mailbox:
            current = await find_experiment(self._repository, experiment_id, caller)
            yield current
            while True:
                latest = await mailbox.take()
                # What was committed between subscribing and reading arrives both ways.
                if latest.revision > current.revision:
                    current = latest
                    yield current

    @contextmanager
    def _mailbox(self, experiment_id: str) -> Iterator[Mailbox]:
        mailbox = Mailbox()
        self._mailboxes[experiment_id].add(mailbox)
        try:
            yield mailbox
        finally:
            self._mailboxes[experiment_id].discard(mailbox)
            if not self._mailboxes[experiment_id]:
                del self._mailboxes[experiment_id]
