"""The report on lines that were not imported."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from omniforge_graph.errors import ConfigurationError
from omniforge_graph.services.importing import RejectedLine


class ReportFile:
    """Rejected lines, one JSON object on each line; the file is there only if a line was rejected.

    Every method raises `ConfigurationError` if the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, size: int) -> None:
        """Keep the first `size` bytes and nothing else; find out now whether more can be written."""
        with self._told():
            if self.path.exists() and not self.path.is_file():  # a device would be deleted, or never synced
                raise OSError("it is no ordinary file")
            with self.path.open("ab") as file:
                file.truncate(min(size, file.tell()))
            if size == 0:
                self.path.unlink()

    def add(self, lines: Sequence[RejectedLine]) -> int:
        """Append lines, durably, and return the file's size."""
        with self._told(), self.path.open("ab") as file:
            file.write(msgspec.json.Encoder().encode_lines(lines))
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise ConfigurationError(
                f"The report on rejected lines, {self.path}, cannot be written ({problem.strerror or problem}): name "
                "another file by --report.",
                path=("report",),
            ) from problem
