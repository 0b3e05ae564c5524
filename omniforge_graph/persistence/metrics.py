"""Declared metrics: a tenant's own, and those that all tenants share."""

from collections.abc import Collection
from dataclasses import fields

from omniforge_graph.domain.metric import Metric
from omniforge_graph.errors import DuplicateError
from omniforge_graph.persistence.mapping import from_json, to_json
from omniforge_graph.persistence.paging import Conditions
from omniforge_graph.persistence.session import Session
from omniforge_graph.persistence.store import Store

DECLARE = "INSERT INTO metric (tenant_id, key, definition) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
FIND = "SELECT definition FROM metric WHERE key = ? AND COALESCE(tenant_id, '') = ?"


async def declare(session: Session, metric: Metric, tenant_id: str | None) -> bool:
    """Declare a metric; return False if it exists with the same definition, `DuplicateError` with another."""
    if await session.run(DECLARE, tenant_id, metric.key, to_json(metric)):
        return True
    rows = await session.rows(FIND, metric.key, tenant_id or "")
    known = from_json(rows[0]["definition"], Metric)
    if known == metric:
        return False
    different = [each.name for each in fields(Metric) if getattr(known, each.name) != getattr(metric, each.name)]
    raise DuplicateError(
        f"Metric {metric.key!r} is declared already, as {known.kind}, {known.direction}, {known.aggregation}, with "
        f"another {' and '.join(different)}: use that definition or another key.",
        path=("key",),
    )


class MetricStore(Store):
    """Stores declarations of metrics."""

    async def add_metric(self, metric: Metric, tenant_id: str | None) -> bool:
        """Declare a metric; return False if it exists with the same definition, `DuplicateError` with another."""
        async with self._database.transaction() as session:
            return await declare(session, metric, tenant_id)

    async def get_metrics(self, keys: Collection[str], tenant_id: str | None) -> dict[str, Metric]:
        """Return declared metrics by key: the tenant's own first, else the shared ones."""
        return await self._usable(Conditions().among("key", keys), tenant_id)

    async def list_metrics(self, tenant_id: str | None) -> list[Metric]:
        """Return the metrics a tenant can use (None: the shared ones), by key."""
        found = await self._usable(Conditions(), tenant_id)
        return [found[key] for key in sorted(found)]

    async def declarations(self, keys: Collection[str]) -> list[tuple[str | None, Metric]]:
        """Return every declaration of these keys with the tenant it belongs to."""
        return await self._declared(Conditions().among("key", keys))

    async def _usable(self, where: Conditions, tenant_id: str | None) -> dict[str, Metric]:
        where = where.add("tenant_id IS NULL") if tenant_id is None else where.visible_to(tenant_id)
        declared = await self._declared(where)
        # The shared ones first, so that the tenant's own replace them.
        return {metric.key: metric for _, metric in sorted(declared, key=lambda each: each[0] is not None)}

    async def _declared(self, where: Conditions) -> list[tuple[str | None, Metric]]:
        async with self._database.reading() as session:
            rows = await session.rows(where.sql("SELECT tenant_id, definition FROM metric"), *where.values)
        return [(row["tenant_id"], from_json(row["definition"], Metric)) for row in rows]
