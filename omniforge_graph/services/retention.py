"""Retention: raw outcomes are kept for a while, and after that as sums from which the same results follow."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Protocol

from omniforge_graph.errors import UnavailableError, ValidationError
from omniforge_graph.services.identity import Clock, utc_now

logger = logging.getLogger(__name__)

YOUNGEST = timedelta(days=1)
"""Outcomes younger than this are never purged: machines whose clocks differ agree on what is older."""
BETWEEN_SWEEPS = timedelta(hours=1)
CHECK_SECONDS = 300.0
"""How often a process asks whether a sweep is due."""


class OutcomeStore(Protocol):
    """What purging asks of a store."""

    def purge_outcomes(self, before: datetime) -> AsyncIterator[int]:
        """Turn outcomes from before a time into sums, and yield after each small batch how many it were."""

    async def count_purgeable(self, before: datetime) -> int:
        """Return how many outcomes there are from before a time."""

    async def claim_purging(self, now: datetime, until: datetime) -> bool:
        """Return whether no other process has claimed to purge now; if none has, claim it until a time."""


class OutcomePurger:
    """Turns outcomes older than `age` into sums.

    Raises:
        ValidationError: the age is less than a day.
    """

    def __init__(self, store: OutcomeStore, age: timedelta, *, clock: Clock = utc_now) -> None:
        if age < YOUNGEST:
            raise ValidationError("Outcomes are kept for at least a day: choose a greater age.", path=("olderThan",))
        self._store = store
        self._age = age
        self._clock = clock

    async def waiting(self) -> int:
        """Return how many outcomes are old enough."""
        return await self._store.count_purgeable(self._clock() - self._age)

    async def sweep(self, tell: Callable[[int], None] = lambda _: None) -> int:
        """Purge all that are old enough now and return how many it were; `tell` hears of each batch."""
        loop = asyncio.get_running_loop()
        purged, began = 0, loop.time()
        async for count in self._store.purge_outcomes(self._clock() - self._age):
            purged += count
            tell(count)
            await asyncio.sleep(loop.time() - began)  # half of the time belongs to others
            began = loop.time()
        return purged

    async def run(self) -> None:
        """Sweep once an hour, in whichever process comes first, until cancelled; an outage is waited out."""
        while True:
            try:
                now = self._clock()
                if await self._store.claim_purging(now, now + BETWEEN_SWEEPS) and (purged := await self.sweep()):
                    logger.info("%d outcomes older than %s are kept as sums now.", purged, self._age)
            except UnavailableError as problem:
                logger.warning("Outcomes could not be purged: %s", problem)
            except Exception:
                logger.exception("Outcomes could not be purged")
            await asyncio.sleep(CHECK_SECONDS)
