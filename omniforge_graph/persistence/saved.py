"""The snapshot of selection in a file, written whole or not at all, and trusted only if every byte is as written.

The first line says what the file is, then comes one prompt a line, and the last line is the SHA-256 of all before it.
"""

import logging
import os
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

import msgspec

from omniforge_graph.persistence.state import state_file, state_key
from omniforge_graph.services.ownership import check_ours
from omniforge_graph.services.snapshot import PromptEntry
from omniforge_graph.services.standby import SavedPrompt, SavedSnapshot

logger = logging.getLogger(__name__)

FORMAT = "omniforge-graph snapshot"
VERSION = 1
STRETCH, BREATH = 20, 0.0005
"""After so many prompts the thread sleeps for so many seconds: else the event loop would wait for the interpreter."""


class Mark(msgspec.Struct, frozen=True):
    """By which every release knows such a file."""

    format: str
    version: int


class Header(Mark, frozen=True):
    """What the file says of itself: which database it is of, by `state_key`, and when it was written."""

    database: str
    saved_at: datetime


class _RefusedError(Exception):
    """Why a file is not trusted."""


class SnapshotFile:
    """The file of one database, for this user's eyes alone."""

    def __init__(self, path: Path, database: str) -> None:
        self._path = path
        self._database = database

    @classmethod
    def of(cls, state_dir: str, database_url: str) -> "SnapshotFile":
        """Return the file in the state folder of a database."""
        return cls(state_file(state_dir, database_url, "snapshot"), state_key(database_url))

    def exists(self) -> bool:
        """Whether anything was saved; `load` tells whether it can be trusted."""
        return self._path.exists()

    def save(self, at: datetime, entries: Sequence[PromptEntry]) -> None:
        """Replace the file. Raises `OSError`, and leaves the former file then."""
        # Containers that share the folder have equal process ids.
        mark = f"{platform.node()}.{os.getpid()}"
        folder, temporary = self._path.parent, self._path.with_name(f".{self._path.name}.{mark}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                digest, encoder = sha256(), msgspec.json.Encoder()
                header = Header(FORMAT, VERSION, self._database, at)
                for number, value in enumerate(chain((header,), map(SavedPrompt.of, entries)), 1):
                    line = encoder.encode(value) + b"\n"
                    digest.update(line)
                    file.write(line)
                    if number % STRETCH == 0:
                        time.sleep(BREATH)
                file.write(digest.hexdigest().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def load(self) -> SavedSnapshot | None:
        """Return what was saved last; None if there is no file, or one that is not trusted, which is logged."""
        try:
            return self._parse(self._read())
        except FileNotFoundError:
            return None
        except (OSError, _RefusedError) as problem:
            logger.warning("The saved snapshot %s is not used: %s", self._path, problem)
            return None

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            check_ours(file.fileno())
            return file.read()

    def _parse(self, data: bytes) -> SavedSnapshot:
        first = data.partition(b"\n")[0]
        try:
            mark = msgspec.json.decode(first, type=Mark)
        except (msgspec.MsgspecError, ValueError):
            mark = Mark("", 0)
        if mark.format != FORMAT:
            raise _RefusedError("it is something else")
        if mark.version != VERSION:
            raise _RefusedError("another release has written it")
        content, _, digest = data.removesuffix(b"\n").rpartition(b"\n")
        if sha256(content + b"\n").hexdigest().encode() != digest:
            raise _RefusedError("it is damaged")
        try:
            header = msgspec.json.decode(first, type=Header)
            decoder = msgspec.json.Decoder(SavedPrompt)
            prompts = tuple(decoder.decode(line) for line in content.split(b"\n")[1:])
        except (msgspec.MsgspecError, ValueError) as problem:
            raise _RefusedError(f"its content cannot be read ({problem})") from problem
        if header.database != self._database:
            raise _RefusedError("it is of another database")
        return SavedSnapshot(header.saved_at, prompts)
