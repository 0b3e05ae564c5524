"""An outage of PostgreSQL in the log: one line when the last connection is lost, one when there is one again.

asyncpg's pool writes a warning with a traceback for each attempt to have one connection again.
"""

import logging

logger = logging.getLogger(__name__)

_POOL = logging.getLogger("asyncpg.pool")
_ATTEMPT_FAILED = "Failed to restore the pool connection"


class Outage(logging.Filter):
    """Lets the first failed attempt of an outage into the log, as one line."""

    _lasts = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record goes on; what is not about attempts to connect is left as it is."""
        if not str(record.msg).startswith(_ATTEMPT_FAILED):
            return True
        if self._lasts:
            return False
        self._lasts = True
        problem = record.exc_info[1] if record.exc_info else None
        record.msg, record.args = "PostgreSQL cannot be reached, trying again until it can: %r", (problem,)
        record.exc_info = record.exc_text = None
        return True

    def over(self) -> None:
        """Tell that there is a connection."""
        if self._lasts:
            self._lasts = False
            logger.warning("PostgreSQL can be reached again")


OUTAGE = Outage()
"""Of this process: which of several pools a record is about, it does not tell."""
_POOL.addFilter(OUTAGE)
