"""Totals compared with the events they stand for, and made anew where they differ."""

from omniforge_graph.persistence.store import Store
from omniforge_graph.persistence.totals import ASKED, FROM_ASKED, SQUARE, add_sources, fold_sources

SOURCES = "SELECT id FROM experiment_source WHERE experiment_id = ?"
DIFFERENT = f"""
{ASKED.format(which="x.experiment_id = ?")}
SELECT COUNT(*) AS n FROM (
    SELECT source_id, exposure_id FROM (
        SELECT source_id, exposure_id, variant_id, outcomes, ones, total, squares, last_at, 0.0 AS size
        FROM unit_total WHERE source_id IN ({SOURCES})
        UNION ALL
        SELECT a.source_id, a.exposure_id, a.variant_id, -COUNT(*), -SUM(CASE WHEN o.value = 1 THEN 1 ELSE 0 END),
            -SUM(o.value), -SUM({SQUARE.format(value="o.value")}), MAX(o.occurred_at), SUM(ABS(o.value))
        FROM {FROM_ASKED} GROUP BY a.source_id, a.exposure_id, a.variant_id
    ) AS kept_and_made_anew
    GROUP BY source_id, exposure_id
    HAVING SUM(outcomes) <> 0 OR SUM(ones) <> 0 OR MIN(last_at) <> MAX(last_at) OR MIN(variant_id) <> MAX(variant_id)
        OR ABS(SUM(total)) * 1e9 > MAX(size) OR ABS(SUM(squares)) * 1e9 > MAX(squares)
) AS different
"""  # noqa: S608 - constants
"""Sums of doubles depend a little on the order of their terms: a billionth of their size is no difference."""


class RebuildingStore(Store):
    """Verifies and rebuilds unit totals."""

    async def rebuild_totals(self, experiment_id: str | None = None, *, verify_only: bool = False) -> int:
        """Compare the totals of one or of all experiments with the events; return how many were wrong.

        Those of an experiment with wrong ones are made anew, unless `verify_only`. Nobody records events in between.
        Millions of outcomes take longer than the usual limits: open the database with `session.PATIENT`.
        """
        if experiment_id is None:
            async with self._database.reading() as session:
                ids = [row["id"] for row in await session.rows("SELECT id FROM experiment ORDER BY id")]
        else:
            ids = [experiment_id]
        return sum([await self._rebuild(each, verify_only) for each in ids])

    async def _rebuild(self, experiment_id: str, verify_only: bool) -> int:
        found = await self.get_experiments([experiment_id])
        async with self._database.transaction() as session:
            await session.lock_totals(shared=False)
            for experiment in found.values():
                await add_sources(session, experiment)
            wrong = int((await session.rows(DIFFERENT, experiment_id, experiment_id))[0]["n"])
            if wrong and not verify_only:
                await session.run(f"DELETE FROM unit_total WHERE source_id IN ({SOURCES})", experiment_id)  # noqa: S608
                await fold_sources(session, [row["id"] for row in await session.rows(SOURCES, experiment_id)])
        return wrong
