"""Troubles with the database in the log: a line a minute for each kind, however many requests meet it."""

import logging
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

QUIET_SECONDS: Final = 60.0


class Troubles:
    """Tells the operator what callers are told too, in the driver's words and without repeating it."""

    def __init__(self, database: object, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._told: dict[str, float] = {}

    def tell(self, problem: Exception) -> None:
        """Log a problem, unless one of its kind was logged within the last minute."""
        now = self._clock()
        self._told = {kind: at for kind, at in self._told.items() if now - at < QUIET_SECONDS}
        kind = repr(problem)
        if kind not in self._told:
            self._told[kind] = now
            logger.warning("%s fails, requests are answered UNAVAILABLE: %s", self._database, kind)
