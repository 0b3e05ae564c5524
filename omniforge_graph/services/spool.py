"""Exposures on disk while the database is away: the files of one database in one folder, within a bound.

All methods block, and wait for one another: call them in a thread.
"""

import logging
import os
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from omniforge_graph.domain.event import Exposure
from omniforge_graph.services.segment import REFUSED, SUFFIX, Segment, encoded

logger = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024 * 1024
"""Of all files of one database in one folder, more than a million exposures; and again of those that were set aside."""


class Spool:
    """The files of this process, and those it adopted; `stem` is the path with which all names of them begin."""

    def __init__(self, stem: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._stem = stem
        self._max_bytes = max_bytes
        self._held: list[Segment] = []
        self._growing: Segment | None = None
        self._unusable: set[Path] = set()
        self._lock = threading.Lock()

    def append(self, exposures: Sequence[Exposure]) -> int:
        """Keep exposures; return how many of them, the first ones, there was room for.

        Raises:
            OSError: the folder or the disk refuses; nothing was kept.
        """
        with self._lock:
            room = self._max_bytes - sum(map(_size, self._usable()))
            lines: list[bytes] = []
            for exposure in exposures:
                line = encoded(exposure)
                room -= len(line)
                if room < 0:
                    break
                lines.append(line)
            if lines:
                self._grow().append(b"".join(lines))
        return len(lines)

    def adopt(self) -> None:
        """Take over what processes that are gone left behind, the oldest first."""
        with self._lock:
            held = {segment.path for segment in self._held}
            left = [path for path in self._files(SUFFIX) if path not in held]
            self._held = [*self._adopted(sorted(left, key=_age)), *self._held]

    def oldest(self) -> Segment | None:
        """Return the file to replay next, None when there is none; what is appended from now on goes to another."""
        with self._lock:
            if not self._held:
                return None
            if self._held[0] is self._growing:
                self._growing = None
            return self._held[0]

    def delete(self, segment: Segment) -> None:
        """Delete a file, all of which is in the database."""
        with self._lock:
            if segment in self._held:  # else `close` was faster
                self._held.remove(segment)
                segment.delete()

    def set_aside(self, segment: Segment) -> None:
        """Keep a file where nobody replays it and it takes no room of new exposures; the oldest such files give way.

        Raises:
            OSError: it keeps its name; this process does not replay it again.
        """
        with self._lock:
            if segment in self._held:
                self._held.remove(segment)
                segment.set_aside()
                self._trim()

    def close(self) -> None:
        """Leave all files to the next process."""
        with self._lock:
            for segment in self._held:
                segment.release()
            self._held, self._growing = [], None

    def _adopted(self, paths: Sequence[Path]) -> list[Segment]:
        told, self._unusable = self._unusable, set()
        adopted = []
        for path in paths:
            try:
                adopted.append(Segment.adopt(path))
            except OSError as problem:
                self._unusable.add(path)
                if path not in told:
                    logger.warning("Tracked exposures in %s are not replayed: %s", path, problem.strerror or problem)
        return [segment for segment in adopted if segment is not None]

    def _trim(self) -> None:
        room = self._max_bytes
        for path in sorted(self._files(REFUSED), key=_age, reverse=True):
            room -= _size(path)
            if room < 0:
                logger.error(
                    "%s is deleted: files of exposures set aside take more than %d bytes", path, self._max_bytes
                )
                path.unlink(missing_ok=True)

    def _grow(self) -> Segment:
        if self._growing is None:
            name = f"{self._stem.name}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
            self._growing = Segment.create(self._stem.with_name(name))
            self._held.append(self._growing)
        return self._growing

    def _usable(self) -> list[Path]:
        return [path for path in self._files(SUFFIX) if path not in self._unusable]

    def _files(self, suffix: str) -> list[Path]:
        return list(self._stem.parent.glob(f"{self._stem.name}-*{suffix}"))


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
