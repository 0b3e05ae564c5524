"""Statements on SQLite, run by the thread of a connection."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import aiosqlite
import msgspec
import numpy as np

from omniforge_graph.persistence.session import Packed, Row, Session, UniqueViolation

T = TypeVar("T")

CHUNK = 500
"""Rows of one INSERT: far below SQLite's limit of 32,766 values, large enough to make the overhead vanish."""
CHUNKS = (512, 64, 8, 1)
"""The same, in few sizes: each is a text of its own, which is parsed once. A statement for each row instead would have
to win Python's global lock back from the event loop after each."""
_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}


class SqliteSession(Session):
    """Statements on a connection that is this task's alone."""

    serial = True

    def __init__(self, connection: aiosqlite.Connection, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and return its rows."""
        return list(await self._limited(self._connection.execute_fetchall(_translate(sql), _adapt(values))))  # type: ignore[arg-type]

    async def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        cursor = await self._limited(self._connection.execute(_translate(sql), _adapt(values)))
        changed = cursor.rowcount
        await cursor.close()
        return changed

    async def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        cursor = await self._limited(self._connection.executemany(_translate(sql), values))
        await cursor.close()

    async def insert_new(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], returning: str
    ) -> list[Row]:
        """Insert many rows but those a unique index refuses. One statement for each chunk of rows."""
        inserted: list[Row] = []
        marks = f"({', '.join('?' * len(columns))})"
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            sql = (
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([marks] * len(chunk))} "  # noqa: S608
                f"ON CONFLICT DO NOTHING RETURNING {returning}"
            )
            inserted += await self.rows(sql, *(value for row in chunk for value in row))
        return inserted

    async def _draw_ids(self, table: str, count: int) -> range:
        """Return the ids after the highest there ever was; the transaction is alone."""
        rows = await self.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        first = (rows[0]["seq"] if rows else 0) + 1
        return range(first, first + count)

    async def _fill(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], ids: range) -> int:
        """Insert rows under these ids, in the connection's thread without coming back in between."""
        connection: Any = self._connection
        filling = connection._execute(_fill, connection._conn, table, columns, rows, ids)  # noqa: SLF001
        inserted: int = await self._limited(filling)
        return inserted

    async def packed(
        self, head: str, selects: Sequence[str], labels: Sequence[str], numbers: Sequence[str], values: Sequence[Any]
    ) -> list[Packed]:
        """Run several SELECTs as one statement; an aggregate of ours packs the doubles."""
        names = ", ".join(labels)
        parts = (
            f"SELECT {place} AS place, {names}, pack({', '.join(numbers)}) FROM ({select}) GROUP BY {names}"  # noqa: S608
            for place, select in enumerate(selects)
        )
        found: list[Packed] = [{} for _ in selects]
        for record in await self.rows(f"{head} {' UNION ALL '.join(parts)}", *values):
            place, *label, doubles = tuple(record)
            found[place][tuple(label)] = np.frombuffer(doubles).reshape(-1, len(numbers)).T  # type: ignore[call-overload]
        return found

    def json_text(self, column: str) -> str:
        """Return an expression for the text under a key of JSON in a column."""
        return f"json_extract({column}, ?)"

    def json_key(self, key: str) -> str:
        """Return the path of a key."""
        return f'$."{key}"'

    async def lock_totals(self, *, shared: bool, exposing: bool = False) -> None:
        """Return at once: a transaction that writes is alone from its beginning."""

    async def _limited(self, work: Awaitable[T]) -> T:
        """Await a statement; beyond the limit, or when cancelled, interrupt it."""
        try:
            async with asyncio.timeout(self._limit):
                return await work
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _UNIQUE:
                raise UniqueViolation(str(error)) from error
            raise
        except (TimeoutError, asyncio.CancelledError):
            # The connection's thread is still at it, and the next task's statement would wait behind this one.
            await self._connection.interrupt()
            raise


def _fill(
    connection: sqlite3.Connection, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], ids: range
) -> int:
    head = f"INSERT INTO {table} (id, {', '.join(columns)}) VALUES "  # noqa: S608 - names are constants
    marks = f"({', '.join('?' * (len(columns) + 1))})"
    inserted = start = 0
    for size in CHUNKS:
        sql = f"{head}{', '.join([marks] * size)} ON CONFLICT DO NOTHING"
        while len(rows) - start >= size:
            chunk = zip(ids[start : start + size], rows[start : start + size], strict=True)
            inserted += connection.execute(sql, [value for each, row in chunk for value in (each, *row)]).rowcount
            start += size
    return inserted


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    return sql.replace("(?*)", "(SELECT value FROM json_each(?))")


def _adapt(values: Sequence[Any]) -> list[Any]:
    return [
        msgspec.json.encode(list(value)).decode()
        if isinstance(value, list | tuple | set | frozenset | range)
        else value
        for value in values
    ]
