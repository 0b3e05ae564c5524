"""Keyset pages: conditions that grow, and the subquery that cuts one stretch of a table."""

from collections.abc import Collection
from typing import Any

from omniforge_graph.domain.page import PageRequest
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text, is_storable


def storable(values: Collection[str]) -> list[str]:
    """Return the values without those that no database can hold: PostgreSQL would refuse the question itself."""
    if is_storable("".join(values)):  # found out for all at once
        return list(values)
    return [value for value in values if is_storable(value)]


class Conditions:
    """The parts of a WHERE clause and their values, in order."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> "Conditions":
        """Add a condition with its values."""
        self._texts.append(text)
        self.values += values
        return self

    def visible_to(self, tenant_id: str | None) -> "Conditions":
        """Admit a tenant's rows and those that all share; None admits all."""
        if tenant_id is None:
            return self
        return self.add(
            "(tenant_id = ? OR tenant_id IS NULL)", clean_text(tenant_id, ("tenantId",), maximum=MAX_IDENTIFIER)
        )

    def among(self, column: str, values: Collection[str] | None) -> "Conditions":
        """Admit rows whose column is one of the values; None admits all."""
        return self if values is None else self.add(f"{column} IN (?*)", storable(values))

    def sql(self, head: str, tail: str = "") -> str:
        """Return the statement from its head, the conditions and its tail."""
        where = ("WHERE", " AND ".join(self._texts)) if self._texts else ()
        return " ".join((head, *where, tail))


def stretch(table: str, where: Conditions, page: PageRequest) -> tuple[str, list[Any]]:
    """Return the statement, with its values, for the page's ids and revisions and one more; the newest come first.

    The newest have the greatest ids.
    """
    if page.after is not None:
        where.add("id < ?", clean_text(page.after, ("after",)))
    if page.before is not None:
        where.add("id > ?", clean_text(page.before, ("before",)))
    order = "ORDER BY id ASC LIMIT ?" if page.backward else "ORDER BY id DESC LIMIT ?"
    sql = where.sql(f"SELECT id, revision FROM {table}", order)  # noqa: S608 - a constant
    if page.backward:
        sql = f"SELECT id, revision FROM ({sql}) s ORDER BY id DESC"  # noqa: S608 - made of constants
    return sql, [*where.values, page.size + 1]


def everything(table: str, where: Conditions) -> tuple[str, list[Any]]:
    """Return the statement, with its values, for the ids and revisions of all that is admitted, the newest first."""
    return where.sql(f"SELECT id, revision FROM {table}", "ORDER BY id DESC"), where.values  # noqa: S608 - a constant
