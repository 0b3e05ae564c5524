"""Files of events, read line by line from after any line."""

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO

from omniforge_graph.cli.formats import READ, FileFormat, load_parquet
from omniforge_graph.errors import ConfigurationError, ValidationError
from omniforge_graph.services.event_rows import RowReader
from omniforge_graph.services.importing import Line

PIECE = 1 << 20
SUFFIXES = {
    ".csv": FileFormat.CSV, ".jsonl": FileFormat.JSONL, ".ndjson": FileFormat.JSONL, ".parquet": FileFormat.PARQUET,
}  # fmt: skip


class EventFile:
    """A file of events; text may be compressed by gzip. Messages call it `name`.

    Raises:
        ConfigurationError: there is no such file, its format is unknown, or what reads the format is not installed.
    """

    def __init__(self, path: Path, format: FileFormat | None = None, *, name: str | None = None) -> None:  # noqa: A002
        if not path.is_file():
            raise ConfigurationError(f"There is no file {path}: name one, or - for standard input.", path=("file",))
        self.path = path
        self.name = name or str(path)
        self.size = path.stat().st_size
        self._format = format or format_of(path)
        self._zipped = path.suffix == ".gz" and self._format is not FileFormat.PARQUET
        if self._format is FileFormat.PARQUET:
            load_parquet()
        self._raw: IO[bytes] | None = None

    @property
    def position(self) -> int:
        """The bytes read so far."""
        if self._raw is not None:
            with suppress(OSError, ValueError):  # another thread reads, and closes it at its end
                return self._raw.tell()
        return self.size

    def digest(self) -> bytes:
        """Return a digest of the content, the same whether it is compressed or not."""
        found = blake2b(digest_size=16)
        with self._opened() as stream:
            while piece := stream.read(PIECE):
                found.update(piece)
        return found.digest()

    def read(self, rows: RowReader, after: int) -> Generator[Line]:
        """Yield the lines with a number above `after`. The first line of CSV names the columns.

        Raises:
            ValidationError: the columns are not those of events, or the file is no text, or damaged from some line on.
        """
        with self._opened() as stream:
            yield from READ[self._format](stream, rows, after)

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        try:
            with self.path.open("rb") as self._raw:
                yield gzip.GzipFile(fileobj=self._raw) if self._zipped else self._raw  # type: ignore[misc]
        except (OSError, EOFError, zlib.error) as problem:
            raise ValidationError(
                f"{self.name} cannot be read, or is damaged ({problem}): mend it and import it again.", path=("file",)
            ) from problem


def format_of(path: Path) -> FileFormat:
    """Return the format that a file's name tells; raise `ConfigurationError` if it tells none."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SUFFIXES:
        raise ConfigurationError(
            f"The name of {path} does not tell its format: give --format csv, jsonl or parquet.", path=("format",)
        )
    return SUFFIXES[suffix]
