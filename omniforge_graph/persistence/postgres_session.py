"""Statements on PostgreSQL."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from typing import Any

import asyncpg
import numpy as np

from omniforge_graph.persistence.session import Packed, Row, Session, UniqueViolation

FEW_ROWS = "; ".join(
    f"SET LOCAL {name} = off" for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)
IDS_AT_ONCE = 100_000
"""The step of the sequences of events' ids: no transaction may append more."""
COPIED_AT_ONCE = 2_000
"""Rows that are encoded while nothing else in the process can run: a millisecond or two."""


class PostgresSession(Session):
    """Statements on a connection that is this task's alone."""

    serial = False

    def __init__(self, connection: Any, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and return its rows."""
        with _unique():
            rows: list[Row] = await self._connection.fetch(_translate(sql), *values, timeout=self._limit)
            return rows

    async def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        with _unique():
            status: str = await self._connection.execute(_translate(sql), *values, timeout=self._limit)
            return int(status.rpartition(" ")[2])

    async def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        with _unique():
            await self._connection.executemany(_translate(sql), values, timeout=self._limit)

    async def insert_new(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], returning: str
    ) -> list[Row]:
        """Insert many rows but those a unique index refuses. One text for any number of rows."""
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), 1))
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) "  # noqa: S608
            f"ON CONFLICT DO NOTHING RETURNING {returning}"
        )
        return await self.rows(sql, *zip(*rows, strict=True)) if rows else []

    async def _draw_ids(self, table: str, count: int) -> range:
        """Return ids of one draw; the sequence steps over as many as a transaction may ask for."""
        assert count <= IDS_AT_ONCE, "the next draw would overlap"
        first = (await self.rows("SELECT nextval(pg_get_serial_sequence(?, 'id')) AS id", table))[0]["id"]
        return range(first, first + count)

    async def _fill(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], ids: range) -> int:
        """Copy the rows into a table of this connection and insert them from there: faster than from arrays."""
        kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        names = ", ".join(("id", *columns))
        await self._connection.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS new_{table} (id bigint, {kinds}) ON COMMIT DELETE ROWS",
            timeout=self._limit,
        )
        for start in range(0, len(rows), COPIED_AT_ONCE):
            part = slice(start, start + COPIED_AT_ONCE)
            records = [(each, *row) for each, row in zip(ids[part], rows[part], strict=True)]
            await self._connection.copy_records_to_table(
                f"new_{table}", columns=("id", *columns), records=records, timeout=self._limit
            )
            await asyncio.sleep(0)
        return await self.run(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM new_{table} ON CONFLICT DO NOTHING"  # noqa: S608
        )

    async def packed(
        self, head: str, selects: Sequence[str], labels: Sequence[str], numbers: Sequence[str], values: Sequence[Any]
    ) -> list[Packed]:
        """Run several SELECTs as one statement; the server packs the doubles, which is faster than a row for each."""
        names, packs = ", ".join(labels), ", ".join(f"string_agg(float8send({each}), ''::bytea)" for each in numbers)
        parts = (
            f"SELECT {place} AS place, {names}, {packs} FROM ({select}) AS part GROUP BY {names}"  # noqa: S608
            for place, select in enumerate(selects)
        )
        found: list[Packed] = [{} for _ in selects]
        for record in await self.rows(f"{head} {' UNION ALL '.join(parts)}", *values):
            place, *row = record.values()
            doubles = [np.frombuffer(each, dtype=">f8") for each in row[len(labels) :]]
            found[place][tuple(row[: len(labels)])] = np.array(doubles, dtype=np.float64)
        return found

    def json_text(self, column: str) -> str:
        """Return an expression for the text under a key of JSON in a column; it sorts as Python does."""
        return f'(CAST({column} AS JSON) ->> CAST(? AS TEXT)) COLLATE "C"'

    def json_key(self, key: str) -> str:
        """Return the key itself."""
        return key

    async def lock_totals(self, *, shared: bool, exposing: bool = False) -> None:
        """Wait for the lock, and have what follows go by indexes.

        The lock is on an empty table: of its modes, ROW EXCLUSIVE and SHARE are each compatible with themselves and
        not with each other, so that those who record outcomes, or exposures, need not wait for their like.

        A batch is small beside the tables it is joined with, whatever the planner believes of tables that have just
        been filled: a fold that went through them whole would take seconds.
        """
        mode = "SHARE" if exposing else "ROW EXCLUSIVE" if shared else "EXCLUSIVE"
        await self._connection.execute(f"{FEW_ROWS}; LOCK TABLE totals_lock IN {mode} MODE", timeout=self._limit)


@contextmanager
def _unique() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise UniqueViolation(str(error)) from error


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", sql.replace("IN (?*)", "= ANY(?)"))
