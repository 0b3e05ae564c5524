"""A session: one connection to speak SQL on, the same for both engines.

Statements are written once: values are ``?``, and ``IN (?*)`` takes a collection as one value, so that the text of a
statement, and with it the engine's prepared plan, never depends on how many there are.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from omniforge_graph.statistics.samples import FloatArray

Row: TypeAlias = Mapping[str, Any]
Packed: TypeAlias = dict[tuple[str, ...], FloatArray]
"""Numbers by their labels: an array of shape (numbers, rows) for each combination of labels."""


class UniqueViolation(Exception):  # noqa: N818 - a fact for the caller to interpret, not yet an error
    """A statement met a unique index; inside a transaction nothing more can be done but leave it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until a wait is given up.

    `acquire` is for a connection to a server, `command` for a statement, `study` for one that goes through many rows,
    and `queue` for our turn behind other writers, who are alive and only many.
    """

    acquire: float = 2.0
    command: float = 3.0
    study: float = 8.0
    queue: float = 8.0


PATIENT = Limits(command=600, study=600, queue=60)
"""For work on whole tables: a migration, or totals of millions of outcomes made anew."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Rows that were appended: the ids drawn for all of them, in their order, and the places of those skipped."""

    ids: range
    skipped: frozenset[int] = frozenset()

    @property
    def kept(self) -> Sequence[int]:
        """The ids of the rows that are there now."""
        return [each for place, each in enumerate(self.ids) if place not in self.skipped] if self.skipped else self.ids

    def without(self, ids: Collection[int]) -> "Appended":
        """Return what is left after rows of these ids were deleted again."""
        return Appended(self.ids, self.skipped | {each - self.ids.start for each in ids})


class Session(ABC):
    """Statements on one connection, in the transaction it was opened with or each on its own."""

    serial: ClassVar[bool]
    """Whether a transaction that writes is alone, so that the order in which it writes cannot lock others out."""

    @abstractmethod
    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and return its rows, addressed by column name."""

    @abstractmethod
    async def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return how many rows it changed; `UniqueViolation` if an index refuses it."""

    @abstractmethod
    async def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""

    @abstractmethod
    async def insert_new(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], returning: str
    ) -> list[Row]:
        """Insert many rows, skip those that a unique index refuses, return `returning` of those inserted.

        `columns` names the columns in the rows' order, each with its type.
        """

    async def append(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> Appended:
        """Insert many rows under new ids in their order, skip those that a unique index refuses.

        The fastest way to insert; the ids lie side by side, and nobody else has one of them. `columns` as for
        `insert_new`.
        """
        if not rows:
            return Appended(range(0))
        ids = await self._draw_ids(table, len(rows))
        if await self._fill(table, columns, rows, ids) == len(ids):
            return Appended(ids)
        sql = f"SELECT id FROM {table} WHERE id BETWEEN ? AND ?"  # noqa: S608 - names are constants
        there = {row["id"] for row in await self.rows(sql, ids[0], ids[-1])}
        return Appended(ids, frozenset(place for place, each in enumerate(ids) if each not in there))

    @abstractmethod
    async def _draw_ids(self, table: str, count: int) -> range:
        """Return so many ids that nobody had and nobody else will get."""

    @abstractmethod
    async def _fill(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], ids: range) -> int:
        """Insert rows under these ids but those a unique index refuses; return how many were inserted."""

    @abstractmethod
    async def packed(
        self, head: str, selects: Sequence[str], labels: Sequence[str], numbers: Sequence[str], values: Sequence[Any]
    ) -> list[Packed]:
        """Run several SELECTs as one statement, behind `head` (its WITH), and return the rows of each as arrays.

        Every SELECT returns the columns `labels` and then `numbers`. `values` are those of all parts in their order.
        """

    @abstractmethod
    def json_text(self, column: str) -> str:
        """Return an expression for the text under a key of JSON in a column; the key, `json_key`, is its value."""

    @abstractmethod
    def json_key(self, key: str) -> str:
        """Return what to give as the value of `json_text`."""

    @abstractmethod
    async def lock_totals(self, *, shared: bool, exposing: bool = False) -> None:
        """Wait for the lock on unit totals and hold it until the transaction ends.

        Alone, or `shared` with others who record outcomes, or with `exposing` with others who record exposures.
        """

    async def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Insert one row."""
        marks = ", ".join("?" * len(row))
        await self.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608

    async def update(self, table: str, row: Mapping[str, Any], id: str, revision: int) -> bool:  # noqa: A002
        """Update the row of that id if it is still at that revision; return whether it was."""
        settings = ", ".join(f"{column} = ?" for column in row)
        sql = f"UPDATE {table} SET {settings} WHERE id = ? AND revision = ?"  # noqa: S608 - names are constants
        return await self.run(sql, *row.values(), id, revision) == 1
