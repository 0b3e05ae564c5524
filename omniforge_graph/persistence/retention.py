"""Purging: outcomes of long ago become sums, a batch at a time, and nothing that is made of them changes."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from operator import itemgetter

from omniforge_graph.persistence.mapping import to_micros
from omniforge_graph.persistence.store import Store
from omniforge_graph.persistence.totals import SQUARE

BATCH = 2_000
"""Outcomes in one transaction: those who record events wait for some ten milliseconds behind one."""
WINDOW = 100_000
"""Outcomes that are put in the order of their units at once: what a batch touches lies together then."""
BEGIN_PURGE = """
UPDATE retention SET purged_before = CASE WHEN purged_before < ? THEN ? ELSE purged_before END WHERE id = 1
"""
OLDEST = "SELECT id, unit_id, metric FROM outcome WHERE occurred_at < ? ORDER BY occurred_at LIMIT ?"
SUM_COLUMNS = {
    "unit_id": "text", "metric": "text", "first_at": "bigint", "experiment_id": "text", "tenant_id": "text",
    "last_at": "bigint", "outcomes": "bigint", "ones": "bigint", "total": "float8", "size": "float8",
    "squares": "float8",
}  # fmt: skip
CHOSEN = "id IN (?*)"
TOUCHED = f"SELECT DISTINCT unit_id, metric FROM outcome WHERE {CHOSEN}"  # noqa: S608 - constants, as below
ADD_UP = f"""
WITH part AS MATERIALIZED (
    SELECT unit_id, metric, occurred_at AS first_at, COALESCE(experiment_id, '') AS experiment_id,
        COALESCE(tenant_id, '') AS tenant_id, occurred_at AS last_at, 1 AS outcomes,
        CASE WHEN value = 1 THEN 1 ELSE 0 END AS ones, value AS total, ABS(value) AS size,
        {SQUARE.format(value="value")} AS squares
    FROM outcome WHERE {CHOSEN}
    UNION ALL
    SELECT s.unit_id, s.metric, s.first_at, s.experiment_id, s.tenant_id, s.last_at, s.outcomes, s.ones, s.total,
        s.size, s.squares
    FROM ({TOUCHED}) o CROSS JOIN outcome_sum s WHERE s.unit_id = o.unit_id AND s.metric = o.metric
), placed AS (
    SELECT part.*, (
        SELECT COUNT(*) FROM exposure x WHERE x.unit_id = part.unit_id AND x.occurred_at <= part.first_at
    ) + (
        SELECT COUNT(*) FROM exposure x CROSS JOIN experiment e
        WHERE x.unit_id = part.unit_id AND e.id = x.experiment_id AND e.end_date < part.first_at
    ) AS borders_before
    FROM part
)
SELECT unit_id, metric, MIN(first_at) AS first_at, experiment_id, tenant_id, MAX(last_at) AS last_at,
    CAST(SUM(outcomes) AS BIGINT) AS outcomes, CAST(SUM(ones) AS BIGINT) AS ones, SUM(total) AS total,
    SUM(size) AS size, SUM(squares) AS squares
FROM placed GROUP BY unit_id, metric, experiment_id, tenant_id, borders_before
"""  # noqa: S608
"""Outcomes between the same two of their unit's borders (exposures, and ends of their experiments) lie together; so
does each sum with those that came since."""
DROP_SUMS = f"DELETE FROM outcome_sum WHERE (unit_id, metric) IN ({TOUCHED})"  # noqa: S608
KEEP_EVENTS = f"""
INSERT INTO purged_event (event_id, tenant_id)
SELECT event_id, COALESCE(tenant_id, '') FROM outcome WHERE {CHOSEN} AND event_id IS NOT NULL
ON CONFLICT DO NOTHING
"""  # noqa: S608
DROP_OUTCOMES = f"DELETE FROM outcome WHERE {CHOSEN}"  # noqa: S608


class RetentionStore(Store):
    """Purges outcomes."""

    async def purge_outcomes(self, before: datetime, *, batch: int = BATCH, window: int = WINDOW) -> AsyncIterator[int]:
        """Turn outcomes from before a time into sums, and yield after each batch how many it were.

        Each batch is a transaction of its own: a process that is killed has purged a batch, or not.
        """
        end = to_micros(before)
        found = window
        while found == window:
            async with self._database.reading(study=True) as session:
                rows = await session.rows(OLDEST, end, window)
            found = len(rows)
            # By the unit, whose sum is written anew for each batch that has outcomes of it.
            ids = [row["id"] for row in sorted(rows, key=itemgetter("unit_id", "metric"))]
            for start in range(0, found, batch):
                yield await self._purge(ids[start : start + batch], end)

    async def _purge(self, ids: Sequence[int], end: int) -> int:
        async with self._database.transaction() as session:
            # First of all: whoever else purges waits here, and sees below what this one left.
            await session.run(BEGIN_PURGE, end, end)
            await session.lock_totals(shared=True)
            sums = [tuple(row) for row in await session.rows(ADD_UP, ids, ids)]
            await session.run(DROP_SUMS, ids)
            await session.insert_new("outcome_sum", SUM_COLUMNS, sums, "first_at")
            await session.run(KEEP_EVENTS, ids)
            return await session.run(DROP_OUTCOMES, ids)

    async def count_purgeable(self, before: datetime) -> int:
        """Return how many outcomes there are from before a time."""
        async with self._database.reading(study=True) as session:
            rows = await session.rows("SELECT COUNT(*) AS n FROM outcome WHERE occurred_at < ?", to_micros(before))
        return int(rows[0]["n"])

    async def claim_purging(self, now: datetime, until: datetime) -> bool:
        """Return whether no other process has claimed to purge now; if none has, claim it until a time."""
        free = "id = 1 AND claimed_until <= ?"
        async with self._database.reading() as session:
            if not await session.rows(f"SELECT id FROM retention WHERE {free}", to_micros(now)):  # noqa: S608
                return False
        async with self._database.transaction() as session:
            sql = f"UPDATE retention SET claimed_until = ? WHERE {free}"  # noqa: S608
            return await session.run(sql, to_micros(until), to_micros(now)) == 1
