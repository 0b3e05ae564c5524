"""Unit totals: what each unit's outcomes of a metric come down to, kept in step with the events as they are written.

A total belongs to a source (an experiment, a metric, from the exposure on or before it) and an exposure. The sources
of an experiment are those its metrics need: an outcome of a unit exposed in a hundred experiments is folded into the
totals of those that measure it.
"""

from collections.abc import Sequence

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import sources_of
from omniforge_graph.persistence.mapping import to_micros
from omniforge_graph.persistence.session import Session

SOURCE_COLUMNS = {"experiment_id": "text", "metric": "text", "before_exposure": "boolean"}

SQUARE = "CASE WHEN ABS(o.value) < 1.6e-162 THEN 0 WHEN ABS(o.value) > 1e150 THEN 1e300 ELSE o.value * o.value END"
"""A value's square. PostgreSQL fails on squares too small or too large for a double; they count as 0 and 1e300."""

PAIRED = """
    o.unit_id = x.unit_id AND o.metric = s.metric AND s.experiment_id = x.experiment_id AND e.id = x.experiment_id
    AND s.before_exposure = (o.occurred_at < x.occurred_at)
    AND (s.before_exposure OR e.end_date IS NULL OR o.occurred_at <= e.end_date)
    AND (o.experiment_id IS NULL OR o.experiment_id = x.experiment_id)
    AND (o.tenant_id IS NULL OR e.tenant_id IS NULL OR o.tenant_id = e.tenant_id)
"""
"""Which outcomes count for an exposure and a source: the one place of the rule."""

# CROSS JOIN tells SQLite where to begin and in which order to go on; PostgreSQL chooses for itself.
FROM_OUTCOMES = "outcome o CROSS JOIN exposure x CROSS JOIN experiment_source s CROSS JOIN experiment e"
FROM_EXPOSURES = "exposure x CROSS JOIN experiment_source s CROSS JOIN outcome o CROSS JOIN experiment e"

FOLD = """
INSERT INTO unit_total (source_id, exposure_id, variant_id, outcomes, ones, total, squares, last_at)
SELECT s.id, x.id, x.variant_id, COUNT(*), SUM(CASE WHEN o.value = 1 THEN 1 ELSE 0 END), SUM(o.value),
    SUM({square}), MAX(o.occurred_at)
FROM {tables} WHERE {column} BETWEEN ? AND ? AND {column} IN (?*) AND {paired}
GROUP BY s.id, x.id, x.variant_id ORDER BY s.id, x.id
ON CONFLICT (source_id, exposure_id) DO UPDATE SET
    outcomes = unit_total.outcomes + excluded.outcomes,
    ones = unit_total.ones + excluded.ones,
    total = unit_total.total + excluded.total,
    squares = unit_total.squares + excluded.squares,
    last_at = CASE WHEN excluded.last_at > unit_total.last_at THEN excluded.last_at ELSE unit_total.last_at END
"""
"""In the keys' order, so that two batches that touch the same totals cannot lock each other out.

The ids of a batch lie close together: their range keeps PostgreSQL from going through the whole table for them."""

FOLD_OUTCOMES = FOLD.format(square=SQUARE, tables=FROM_OUTCOMES, column="o.id", paired=PAIRED)
FOLD_EXPOSURES = FOLD.format(square=SQUARE, tables=FROM_EXPOSURES, column="x.id", paired=PAIRED)
FOLD_SOURCES = FOLD.format(square=SQUARE, tables=FROM_EXPOSURES, column="s.id", paired=PAIRED)

OVERRUN = """
DELETE FROM unit_total WHERE source_id IN (SELECT id FROM experiment_source WHERE experiment_id = ?)
AND exposure_id IN (
    SELECT t.exposure_id FROM experiment_source s JOIN unit_total t ON t.source_id = s.id
    WHERE s.experiment_id = ? AND NOT s.before_exposure AND t.last_at > ?
) RETURNING exposure_id
"""


async def fold_outcomes(session: Session, ids: Sequence[int]) -> None:
    """Add outcomes, just recorded in this transaction, to the totals of the units that were exposed before."""
    if ids:
        await session.lock_totals(shared=True)
        await _fold(session, FOLD_OUTCOMES, ids)


async def fold_exposures(session: Session, ids: Sequence[int]) -> None:
    """Make the totals of exposures, just recorded in this transaction, from the outcomes that came before them.

    An exposure and an outcome of one unit, recorded by two transactions at the same time, must not miss each other:
    those that record outcomes share a lock, those that record exposures have it alone. Whoever gets it second sees what
    the first one wrote.
    """
    if ids:
        await session.lock_totals(shared=False)
        await _fold(session, FOLD_EXPOSURES, ids)


async def add_sources(session: Session, experiment: PromptExperiment) -> list[int]:
    """Store what the experiment's metrics need of each unit; return the ids of the sources it did not have."""
    needed = {(each.metric, each.before_exposure) for metric in experiment.metrics for each in sources_of(metric)}
    rows = [(experiment.id, *each) for each in sorted(needed)]
    return [row["id"] for row in await session.insert_new("experiment_source", SOURCE_COLUMNS, rows, "id")]


async def declare_sources(session: Session, experiment: PromptExperiment) -> None:
    """Store what the experiment's metrics need; if it has begun, make the totals of sources it did not have."""
    added = await add_sources(session, experiment)
    if added and experiment.start_date is not None:
        await session.lock_totals(shared=False)
        await fold_sources(session, added)


async def end_totals(session: Session, experiment: PromptExperiment) -> None:
    """Make totals with outcomes after the experiment's end, recorded while it was being ended, anew without them."""
    if experiment.end_date is None or experiment.start_date is None:
        return
    await session.lock_totals(shared=False)
    rows = await session.rows(OVERRUN, experiment.id, experiment.id, to_micros(experiment.end_date))
    if rows:
        await _fold(session, FOLD_EXPOSURES, sorted({row["exposure_id"] for row in rows}))


async def fold_sources(session: Session, ids: Sequence[int]) -> None:
    """Make the totals of sources that have none; `lock_totals` is the caller's."""
    if ids:
        await _fold(session, FOLD_SOURCES, ids)


async def _fold(session: Session, fold: str, ids: Sequence[int]) -> None:
    await session.run(fold, min(ids), max(ids), ids)
