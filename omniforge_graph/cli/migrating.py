"""The database brought up to date before the server starts, or as soon as it is back."""

import asyncio
import threading
import time

from rich.console import Console

from omniforge_graph.config import Settings
from omniforge_graph.errors import OmniForgeError, UnavailableError
from omniforge_graph.persistence import Limits
from omniforge_graph.persistence import migrate as apply_migrations
from omniforge_graph.persistence.saved import SnapshotFile

RETRY_SECONDS = 1.0
BRIEF = Limits(command=600, queue=5)
"""For a server that need not wait for a database that is locked: it has something to serve meanwhile."""


def migrate_or_stand_by(settings: Settings) -> None:
    """Bring the database up to date; if it is away and its snapshot was saved, do so when it is back.

    Raises:
        UnavailableError: the database is away, and there is nothing to serve meanwhile.
    """
    store = SnapshotFile.of(settings.state_dir, settings.database_url)
    try:
        if store.exists():
            asyncio.run(apply_migrations(settings.database_url, BRIEF))
        else:
            asyncio.run(apply_migrations(settings.database_url))
    except UnavailableError as problem:
        if store.load() is None:
            raise UnavailableError(f"{problem.message} No snapshot was saved that could be served meanwhile.") from None
        _say(f"{problem.message} Selection serves the saved snapshot until it is back; all else is UNAVAILABLE.")
        threading.Thread(target=_migrate_later, args=(settings.database_url,), daemon=True).start()


def _migrate_later(database_url: str) -> None:
    """Try until the database is there. In a thread: the server has this process's main thread."""
    while True:
        time.sleep(RETRY_SECONDS)
        try:
            asyncio.run(apply_migrations(database_url, BRIEF))
        except UnavailableError:
            continue
        except OmniForgeError as problem:
            return _say(f"The database is back but cannot be brought up to date: {problem.message}")
        return _say("The database is back and up to date.")


def _say(text: str) -> None:
    Console(stderr=True).print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
