"""Exposures on disk while the database is away: appended in batches, read back in order, by one process at a time.

A file holds one exposure a line, as JSON. Every batch is forced to the disk before `append` returns, so it outlasts the
process and a loss of power. Whoever holds a file's lock (flock) owns it; the lock ends with its process, and another
process then adopts the file. All methods block: call them in a thread.
"""

import logging
import os
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from omniforge_graph.domain.event import Exposure

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no such locks, and without a lock two would replay one file
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024 * 1024
"""Of all files of one database in one folder: more than a million exposures."""
_SUFFIX, _NEW, _REFUSED = ".jsonl", ".new", ".refused"


class _Line(msgspec.Struct):
    """An exposure as a line of JSON: a file may be read by another release than the one that wrote it."""

    experiment_id: str
    unit_id: str
    variant_id: str
    occurred_at: datetime
    attributes: dict[str, str]

    @classmethod
    def of(cls, exposure: Exposure) -> "_Line":
        return cls(
            exposure.experiment_id, exposure.unit_id, exposure.variant_id, exposure.occurred_at,
            dict(exposure.attributes),
        )  # fmt: skip

    def to_exposure(self) -> Exposure:
        return Exposure(self.experiment_id, self.unit_id, self.variant_id, self.occurred_at, self.attributes)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


class Segment:
    """A file that this process alone writes, reads and deletes."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._read_to = self._done_to = 0

    @classmethod
    def create(cls, path: Path) -> "Segment":
        """Make a new file; nobody sees it under its name before it is locked. Raises `OSError`."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        hidden = path.with_suffix(_NEW)
        descriptor = os.open(hidden, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(descriptor)
            hidden.rename(path)
            _settle(path.parent)
        except OSError:
            os.close(descriptor)
            for each in (hidden, path):
                each.unlink(missing_ok=True)
            raise
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> "Segment | None":
        """Take over a file that a process left behind; None if its process lives or another was faster."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        except OSError as problem:
            logger.warning("Tracked exposures in %s cannot be read: %s", path, problem.strerror)
            return None
        with suppress(OSError):
            _lock(descriptor)
            if os.fstat(descriptor).st_nlink:  # else it was replayed and deleted between the two lines above
                return cls(path, descriptor)
        os.close(descriptor)
        return None

    def append(self, data: bytes) -> None:
        """Write to the end and force it to the disk; `OSError` leaves the file as it was."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)

    def read(self, limit: int) -> list[Exposure]:
        """Return what comes after the part that is done, at most `limit` exposures; none at the end.

        A line that cannot be read was torn by a crash: it is skipped, and the log says so.
        """
        found: list[Exposure] = []
        with self.path.open("rb") as file:
            file.seek(self._done_to)
            while len(found) < limit and (line := file.readline()):
                try:
                    found.append(_decoder.decode(line).to_exposure())
                except (msgspec.DecodeError, UnicodeDecodeError):
                    logger.warning("A torn record of %d bytes in %s is skipped", len(line), self.path)
            self._read_to = file.tell()
        return found

    def done(self) -> None:
        """Go on behind what `read` returned last: it is in the database."""
        self._done_to = self._read_to

    def delete(self) -> None:
        """Delete the file, all of which is in the database."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def set_aside(self) -> None:
        """Keep the file under another name, which nobody replays."""
        self.path.rename(self.path.with_suffix(_REFUSED))
        os.close(self._descriptor)

    def release(self) -> None:
        """Leave the file to whoever adopts it; one without content is deleted."""
        if self._size:
            os.close(self._descriptor)
        else:
            self.delete()


class Spool:
    """The files of this process, and those it adopted; `stem` is the path with which all names of them begin."""

    def __init__(self, stem: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._stem = stem
        self._max_bytes = max_bytes
        self._held: list[Segment] = []
        self._growing: Segment | None = None
        self._lock = threading.Lock()

    def append(self, exposures: Sequence[Exposure]) -> int:
        """Keep exposures; return how many of them, the first ones, there was room for.

        Raises:
            OSError: the folder or the disk refuses; nothing was kept.
        """
        with self._lock:
            room = self._max_bytes - sum(map(_size, self._files("*")))
            lines: list[bytes] = []
            for exposure in exposures:
                line = _encoder.encode(_Line.of(exposure)) + b"\n"
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
            left = [path for path in self._files(f"*{_SUFFIX}") if path not in held]
            adopted = filter(None, map(Segment.adopt, sorted(left, key=_age)))
            self._held = [*adopted, *self._held]

    def oldest(self) -> Segment | None:
        """Return the file to replay next, None when there is none; what is appended from now on goes to another."""
        with self._lock:
            if not self._held:
                return None
            if self._held[0] is self._growing:
                self._growing = None
            return self._held[0]

    def forget(self, segment: Segment) -> None:
        """Forget a file that was deleted or set aside."""
        with self._lock:
            self._held.remove(segment)

    def close(self) -> None:
        """Leave all files to the next process."""
        with self._lock:
            for segment in self._held:
                segment.release()
            self._held, self._growing = [], None

    def _grow(self) -> Segment:
        if self._growing is None:
            name = f"{self._stem.name}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
            self._growing = Segment.create(self._stem.with_name(name))
            self._held.append(self._growing)
        return self._growing

    def _files(self, pattern: str) -> list[Path]:
        return list(self._stem.parent.glob(f"{self._stem.name}-{pattern}"))


def _lock(descriptor: int) -> None:
    """Take the lock of an open file; `BlockingIOError` if somebody has it."""
    if fcntl is None:
        raise OSError("this system has no file locks")
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _settle(folder: Path) -> None:
    """Force the folder's own entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
