"""Files of events: CSV, JSON Lines and Parquet, read line by line from after any line."""

import csv
import gzip
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import msgspec

from omniforge_graph.errors import ConfigurationError, OmniForgeError, ValidationError
from omniforge_graph.services.event_rows import RowReader
from omniforge_graph.services.importing import Line

SHOWN = 2_000
"""Characters of a line that are worth reporting."""
PIECE = 1 << 20
ROWS_AT_ONCE = 5_000


class FileFormat(StrEnum):
    """How a file holds its events."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


SUFFIXES = {
    ".csv": FileFormat.CSV, ".jsonl": FileFormat.JSONL, ".ndjson": FileFormat.JSONL, ".parquet": FileFormat.PARQUET,
}  # fmt: skip


class EventFile:
    """A file of events; text may be compressed by gzip.

    Raises:
        ConfigurationError: there is no such file, its format is unknown, or what reads the format is not installed.
    """

    def __init__(self, path: Path, format: FileFormat | None = None) -> None:  # noqa: A002 - the option's name
        if not path.is_file():
            raise ConfigurationError(f"There is no file {path}: name one, or - for standard input.", path=("file",))
        self.path = path
        self.size = path.stat().st_size
        self._format = format or _format_of(path)
        self._zipped = path.suffix == ".gz" and self._format is not FileFormat.PARQUET
        if self._format is FileFormat.PARQUET:
            _parquet()
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
            ValidationError: the columns are not those of events, or the file is damaged from some line on.
        """
        read = {FileFormat.CSV: _read_csv, FileFormat.JSONL: _read_jsonl, FileFormat.PARQUET: _read_parquet}
        with self._opened() as stream:
            yield from read[self._format](stream, rows, after)

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        with self.path.open("rb") as self._raw:
            try:
                yield gzip.GzipFile(fileobj=self._raw) if self._zipped else self._raw  # type: ignore[misc]
            except (OSError, EOFError, zlib.error) as problem:
                raise ValidationError(
                    f"{self.path} is damaged ({problem}): mend it and import it again.", path=("file",)
                ) from problem


def _format_of(path: Path) -> FileFormat:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SUFFIXES:
        raise ConfigurationError(
            f"The name of {path} does not tell its format: give --format csv, jsonl or parquet.", path=("format",)
        )
    return SUFFIXES[suffix]


def _read_csv(stream: IO[bytes], rows: RowReader, after: int) -> Iterator[Line]:
    records = _records(stream)
    _, text, header = next(records, (0, "", []))
    if isinstance(header, csv.Error):
        raise ValidationError(f"The first line does not name the columns: {header}.", path=("file",))
    if header:
        rows.check_columns(header)
    for number, text, row in records:
        if number <= after or not row:
            continue
        if isinstance(row, csv.Error):
            found = ValidationError(f"The line is no CSV: {row}.")
        elif len(row) != len(header):
            found = ValidationError(f"The line has {len(row)} values for {len(header)} columns.")
        else:
            found = _event(rows, dict(zip(header, row, strict=True)), number)
        yield number, _shown(text), found


def _records(stream: IO[bytes]) -> Iterator[tuple[int, str, list[str] | csv.Error]]:
    """Yield each record's last line's number, its text, and its values or what is wrong with it."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        encoding = "utf-8-sig"  # the first line may begin with a byte order mark
        for line in stream:
            # Bytes that are no UTF-8 become lone surrogates, which no text may hold: their line alone is rejected.
            taken.append(line.decode(encoding, "surrogateescape"))
            yield taken[-1]
            encoding = "utf-8"

    cells = csv.reader(lines(), strict=True)
    while True:
        taken.clear()
        try:
            found: list[str] | csv.Error = next(cells)
        except StopIteration:
            return
        except csv.Error as problem:
            found = problem
        yield cells.line_num, "".join(taken), found


def _read_jsonl(stream: IO[bytes], rows: RowReader, after: int) -> Iterator[Line]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in enumerate(stream, 1):
        if number <= after or line.isspace():
            continue
        try:
            found = _event(rows, decode(line), number)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            found = ValidationError(f"The line is no JSON object: {problem}.")
        yield number, _shown(line.decode("utf-8", "replace")), found


def _read_parquet(stream: IO[bytes], rows: RowReader, after: int) -> Iterator[Line]:
    arrow, parquet = _parquet()
    try:
        file = parquet.ParquetFile(stream)
        rows.check_columns(file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches(ROWS_AT_ONCE):
            if number + batch.num_rows <= after:
                number += batch.num_rows
                continue
            columns = {name: _plain(arrow, batch.column(name)) for name in batch.schema.names}
            for values in zip(*columns.values(), strict=True):
                number += 1
                if number > after:
                    row = dict(zip(columns, values, strict=True))
                    yield number, _shown(repr(row)), _event(rows, row, number)
    except arrow.ArrowException as problem:
        raise ValidationError(f"The file is no Parquet, or damaged: {problem}.", path=("file",)) from None


def _plain(arrow: Any, column: Any) -> list[Any]:
    if arrow.types.is_timestamp(column.type) and column.type.unit == "ns":  # Python's times have microseconds
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415, ICN001 - an extra, and slow to load
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Parquet needs pyarrow: install it by `pip install 'omniforge-graph[parquet]'`.", path=("format",)
        ) from None
    return pyarrow, pyarrow.parquet


def _event(rows: RowReader, row: Mapping[str, Any], number: int) -> Any:
    try:
        return rows.read(row, number)
    except OmniForgeError as problem:
        return problem


def _shown(text: str) -> str:
    text = text.rstrip("\r\n")[:SHOWN]
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
