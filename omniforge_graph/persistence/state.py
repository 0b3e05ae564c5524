"""Where a process keeps what must outlive it while the database is away: one folder, one file per purpose."""

from hashlib import sha256
from pathlib import Path

from omniforge_graph.persistence.address import SqliteAddress, parse_address

FOLDER = ".omniforge"


def state_folder(state_dir: str, database_url: str) -> Path:
    """Return the folder: `state_dir`, else `.omniforge` beside the SQLite file or in the working directory.

    It need not exist: whoever writes the first file makes it, for this user alone.
    """
    if state_dir:
        return Path(state_dir)
    address = parse_address(database_url)
    return Path(address.path).parent / FOLDER if isinstance(address, SqliteAddress) else Path(FOLDER)


def state_key(database_url: str) -> str:
    """Return what tells databases apart: the same for every URL of one, whatever user and password it names."""
    address = parse_address(database_url)
    if isinstance(address, SqliteAddress):
        name = f"sqlite:{Path(address.path).resolve()}"
    else:
        name = f"postgres:{address.host}:{address.port}/{address.name}"
    return sha256(name.encode()).hexdigest()[:16]


def state_file(state_dir: str, database_url: str, purpose: str) -> Path:
    """Return the path of one file, such as ``.omniforge/snapshot-0123456789abcdef`` for the purpose "snapshot"."""
    return state_folder(state_dir, database_url) / f"{purpose}-{state_key(database_url)}"
