"""Totals and counts compared with the events they stand for, and made anew where they differ."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from omniforge_graph.persistence.store import Store
from omniforge_graph.persistence.totals import (
    ASKED,
    FROM_ASKED,
    FROM_SUMS,
    SQUARE,
    add_sources,
    fold_exposures,
    recount_exposures,
    wrong_counts,
)

UNITS_AT_ONCE = 1_000
"""So few that those who record events meanwhile wait for milliseconds."""

UNITS = "SELECT id, unit_id FROM exposure WHERE experiment_id = ? AND unit_id > ? ORDER BY unit_id LIMIT ?"
SOURCES = "SELECT id FROM experiment_source WHERE experiment_id = ?"
KEY = "a.source_id, a.exposure_id, a.variant_id"
DIFFERENT = f"""
{ASKED.format(which="x.id BETWEEN ? AND ? AND x.id IN (?*)")}
SELECT COUNT(*) AS n FROM (
    SELECT source_id, exposure_id FROM (
        SELECT source_id, exposure_id, variant_id, outcomes, ones, total, squares, last_at AS kept_at,
            CAST(NULL AS BIGINT) AS made_at, 0.0 AS size
        FROM unit_total WHERE source_id IN ({SOURCES}) AND exposure_id BETWEEN ? AND ? AND exposure_id IN (?*)
        UNION ALL
        SELECT {KEY}, -COUNT(*), -SUM(CASE WHEN o.value = 1 THEN 1 ELSE 0 END), -SUM(o.value),
            -SUM({SQUARE.format(value="o.value")}), NULL, MAX(o.occurred_at), SUM(ABS(o.value))
        FROM {FROM_ASKED} GROUP BY {KEY}
        UNION ALL
        SELECT {KEY}, -SUM(o.outcomes), -SUM(o.ones), -SUM(o.total), -SUM(o.squares), NULL, MAX(o.last_at), SUM(o.size)
        FROM {FROM_SUMS} GROUP BY {KEY}
    ) AS kept_and_made_anew
    GROUP BY source_id, exposure_id
    HAVING SUM(outcomes) <> 0 OR SUM(ones) <> 0 OR MAX(kept_at) <> MAX(made_at) OR MIN(variant_id) <> MAX(variant_id)
        OR ABS(SUM(total)) * 1e9 > SUM(size) OR ABS(SUM(squares)) * 1e9 > MAX(squares)
) AS different
"""  # noqa: S608 - constants, as below
"""Sums of doubles depend a little on the order of their terms: a billionth of their size is no difference."""
FORGET = f"DELETE FROM unit_total WHERE source_id IN ({SOURCES}) AND exposure_id IN (?*)"  # noqa: S608
STRAY = f"""
FROM unit_total WHERE source_id IN ({SOURCES}) AND NOT EXISTS (
    SELECT 1 FROM exposure x WHERE x.id = unit_total.exposure_id AND x.experiment_id = ?
)
"""  # noqa: S608
"""Totals of exposures that are not there, or another experiment's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Totals that were compared: of how many units of which experiment, and how many of the totals were wrong."""

    experiment_id: str
    units: int
    wrong: int


class RebuildingStore(Store):
    """Verifies and rebuilds unit totals, and the numbers of exposed units."""

    async def experiment_ids(self) -> list[str]:
        """Return the ids of all experiments, the oldest first."""
        async with self._database.reading() as session:
            return [row["id"] for row in await session.rows("SELECT id FROM experiment ORDER BY id")]

    async def check_totals(self, experiment_id: str | None = None, *, repair: bool) -> AsyncIterator[Checked]:
        """Compare the totals of one or of all experiments with the events; with `repair` make wrong ones anew.

        A few units at a time, each in a transaction of its own: events may be recorded in between. Millions of outcomes
        take longer than the usual limits: open the database with `session.PATIENT`.
        """
        for each in await self.experiment_ids() if experiment_id is None else [experiment_id]:
            await self._declare(each)
            async with self._database.reading() as session:
                units = await session.rows(UNITS, each, "", UNITS_AT_ONCE)
            while units:
                yield Checked(each, len(units), await self._check([row["id"] for row in units], each, repair))
                async with self._database.reading() as session:
                    units = await session.rows(UNITS, each, units[-1]["unit_id"], UNITS_AT_ONCE)
            yield Checked(each, 0, await self._check_strays(each, repair) + await self._check_counts(each, repair))

    async def _declare(self, experiment_id: str) -> None:
        """Store the sources that the experiment needs; where one is missing, so are its totals."""
        found = await self.get_experiments([experiment_id])
        async with self._database.transaction() as session:
            for experiment in found.values():
                await add_sources(session, experiment)

    async def _check(self, exposures: Sequence[int], experiment_id: str, repair: bool) -> int:
        chosen = (min(exposures), max(exposures), exposures)
        async with self._database.transaction() as session:
            await session.lock_totals(shared=False)
            wrong = int((await session.rows(DIFFERENT, *chosen, experiment_id, *chosen))[0]["n"])
            if wrong and repair:
                await session.run(FORGET, experiment_id, exposures)
                await fold_exposures(session, exposures)
        return wrong

    async def _check_strays(self, experiment_id: str, repair: bool) -> int:
        async with self._database.reading(study=True) as session:
            rows = await session.rows(f"SELECT COUNT(*) AS n {STRAY}", experiment_id, experiment_id)
        wrong = int(rows[0]["n"])
        if wrong and repair:
            async with self._database.transaction() as session:
                await session.lock_totals(shared=False)
                await session.run(f"DELETE {STRAY}", experiment_id, experiment_id)
        return wrong

    async def _check_counts(self, experiment_id: str, repair: bool) -> int:
        async with self._database.transaction() as session:
            await session.lock_totals(shared=False)
            wrong = await wrong_counts(session, experiment_id)
            if wrong and repair:
                await recount_exposures(session, experiment_id)
        return wrong
