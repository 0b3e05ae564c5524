"""How formats hold events, line by line: CSV, JSON Lines and Parquet."""

import csv
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import IO, Any, TypeAlias

import msgspec

from omniforge_graph.errors import ConfigurationError, OmniForgeError, TextError, ValidationError
from omniforge_graph.services.event_rows import RowReader
from omniforge_graph.services.event_values import JSON, TEXT, Values
from omniforge_graph.services.importing import Line

SHOWN = 2_000
"""Characters of a line that are worth reporting."""
FIRST_BYTES = 4_096
ROWS_AT_ONCE = 5_000
NO_UTF8 = "is not UTF-8 text: save it as UTF-8"

_members = re.compile(rb'"\s*:').findall
_stray_byte = re.compile("[\udc80-\udcff]").search


class FileFormat(StrEnum):
    """How a file holds its events."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def _read_csv(stream: IO[bytes], rows: RowReader, after: int) -> Iterator[Line]:
    _check_text(stream)
    records = _records(stream)
    _, text, header = next(records, (0, "", []))
    if _stray_byte(text):
        raise ValidationError(f"The first line {NO_UTF8}.", path=("file",))
    if isinstance(header, csv.Error):
        raise ValidationError(f"The first line does not name the columns: {header}.", path=("file",))
    if header:
        rows.check_columns(header)
    for number, text, row in records:
        if number <= after or not row:
            continue
        found: Any
        if isinstance(row, csv.Error):
            found = ValidationError(f"The line is no CSV: {row}.")
        elif not text.isascii() and _stray_byte(text):
            found = TextError(f"The line {NO_UTF8}.")
        elif len(row) != len(header):
            found = ValidationError(f"The line has {len(row)} values for {len(header)} columns.")
        else:
            found = _event(rows, zip(header, row, strict=True), number, TEXT)
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
    _check_text(stream)
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901 - it belongs to no line
        if number <= after or line.isspace():
            continue
        found: Any
        try:
            row = decode(line)
            if len(_members(line)) != len(row):  # one is given twice; or an object or a text within has more of these
                json.loads(line, object_pairs_hook=_distinct)
            found = _event(rows, row.items(), number, JSON)
        except UnicodeDecodeError:
            found = TextError(f"The line {NO_UTF8}.")
        except (msgspec.DecodeError, RecursionError) as problem:
            found = ValidationError(f"The line is no JSON object: {problem}.")
        except OmniForgeError as problem:
            found = problem
        yield number, _shown(line.decode("utf-8", "replace")), found


def _distinct(members: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for key, value in members:
        if key in found:
            raise ValidationError(f"{key} is given twice; leave one out.", path=(key,))
        found[key] = value
    return found


def _read_parquet(stream: IO[bytes], rows: RowReader, after: int) -> Iterator[Line]:
    arrow, parquet = load_parquet()
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
                    yield number, _shown(repr(row)), _event(rows, row.items(), number, TEXT)
    except arrow.ArrowException as problem:
        raise ValidationError(f"The file is no Parquet, or damaged: {problem}.", path=("file",)) from None


def _plain(arrow: Any, column: Any) -> list[Any]:
    if arrow.types.is_timestamp(column.type) and column.type.unit == "ns":  # Python's times have microseconds
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def load_parquet() -> tuple[Any, Any]:
    """Return pyarrow and its `parquet`; raise `ConfigurationError` if they are not installed."""
    try:
        import pyarrow  # noqa: PLC0415, ICN001 - an extra, and slow to load
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Parquet needs pyarrow: install it by `pip install 'omniforge-graph[parquet]'`.", path=("format",)
        ) from None
    return pyarrow, pyarrow.parquet


def _check_text(stream: IO[bytes]) -> None:
    """Refuse UTF-16 and what is no text at all, of which not one line could be read."""
    first, _, _ = stream.read(FIRST_BYTES).partition(b"\n")
    if b"\0" in first or first.startswith((b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b")):
        remedy = ", or unpack it" if first.startswith(b"\x1f\x8b") else ""
        raise ValidationError(f"The file {NO_UTF8}{remedy}, or name its format by --format.", path=("file",))
    stream.seek(0)


def _event(rows: RowReader, row: Iterable[tuple[str, Any]], number: int, values: Values) -> Any:
    try:
        return rows.read(row, number, values)
    except OmniForgeError as problem:
        return problem


def _shown(text: str) -> str:
    text = text.rstrip("\r\n")[:SHOWN]
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


Read: TypeAlias = Callable[[IO[bytes], RowReader, int], Iterator[Line]]
READ: Mapping[FileFormat, Read] = {
    FileFormat.CSV: _read_csv, FileFormat.JSONL: _read_jsonl, FileFormat.PARQUET: _read_parquet,
}  # fmt: skip
"""Yields the lines with a number above a given one, each with its event or what is wrong with it."""
