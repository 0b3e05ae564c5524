"""One file of tracked exposures: appended in batches, read back in order, owned by one process at a time.

A file holds one exposure a line, as JSON. Every batch is forced to the disk before `append` returns, so it outlasts the
process and a loss of power. Whoever holds a file's lock (flock) owns it; the lock ends with its process, and another
process then adopts the file. All methods block: call them in a thread.
"""

import logging
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from omniforge_graph.domain.event import Exposure
from omniforge_graph.services.ownership import check_ours

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no such locks, and without a lock two would replay one file
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

SUFFIX, NEW, REFUSED = ".jsonl", ".new", ".refused"


class _Line(msgspec.Struct):
    """An exposure as a line of JSON: a file may be read by another release than the one that wrote it."""

    experiment_id: str
    unit_id: str
    variant_id: str
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
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


def encoded(exposure: Exposure) -> bytes:
    """Return the line of an exposure."""
    return _encoder.encode(_Line.of(exposure)) + b"\n"


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
        hidden = path.with_suffix(NEW)
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
        """Take over a file that a process left behind; None if its process lives or another was faster.

        Raises:
            OSError: it cannot be read, or others than this user may have written it.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            check_ours(descriptor)
            with suppress(OSError):
                _lock(descriptor)
                if os.fstat(descriptor).st_nlink:  # else it was replayed and deleted before we had the lock
                    return cls(path, descriptor)
        except OSError:
            os.close(descriptor)
            raise
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

        A line that cannot be read, such as one torn by a crash, is skipped, and the log says so.
        """
        found: list[Exposure] = []
        with self.path.open("rb") as file:
            file.seek(self._done_to)
            while len(found) < limit and (line := file.readline()):
                try:
                    found.append(_decoder.decode(line).to_exposure())
                except (msgspec.DecodeError, UnicodeDecodeError):
                    logger.warning("An unreadable record of %d bytes in %s is skipped", len(line), self.path)
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
        """Keep the file under another name, which nobody replays. Raises `OSError`."""
        self.path.rename(self.path.with_suffix(REFUSED))
        os.close(self._descriptor)

    def release(self) -> None:
        """Leave the file to whoever adopts it; one without content is deleted."""
        if self._size:
            os.close(self._descriptor)
        else:
            self.delete()


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
