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

SQUARE = "CASE WHEN ABS({value}) < 1.6e-162 THEN 0 WHEN ABS({value}) > 1e150 THEN 1e300 ELSE {value} * {value} END"
"""A value's square. PostgreSQL fails on squares too small or too large for a double; they count as 0 and 1e300."""

RULE = """
    {before} = ({happened} < {exposed}) AND ({before} OR {ending} IS NULL OR {happened} <= {ending})
    AND ({named} IS NULL OR {named} = {experiment}) AND ({sender} IS NULL OR {owner} IS NULL OR {sender} = {owner})
"""
"""Which outcomes count for an exposure and a source of its experiment: the one place of the rule."""

# Two steps each, so that no planner can take another way than by the unit, whatever it believes of tables that were
# filled a moment ago; CROSS JOIN tells SQLite the order within a step.
MET = """
WITH met AS MATERIALIZED (
    SELECT o.metric, o.value, o.occurred_at AS happened_at, o.experiment_id AS named_id, o.tenant_id AS sender_id,
        x.id AS exposure_id, x.variant_id, x.experiment_id, x.occurred_at AS exposed_at
    FROM outcome o CROSS JOIN exposure x WHERE o.id BETWEEN ? AND ? AND o.id IN (?*) AND x.unit_id = o.unit_id
)
"""
FROM_MET = f"""
    met m CROSS JOIN experiment_source s CROSS JOIN experiment e
    WHERE s.experiment_id = m.experiment_id AND s.metric = m.metric AND e.id = m.experiment_id AND {
    RULE.format(
        before="s.before_exposure", happened="m.happened_at", exposed="m.exposed_at", ending="e.end_date",
        named="m.named_id", experiment="m.experiment_id", sender="m.sender_id", owner="e.tenant_id",
    )
}"""  # fmt: skip
ASKED = """
WITH asked AS MATERIALIZED (
    SELECT x.id AS exposure_id, x.variant_id, x.unit_id, x.experiment_id, x.occurred_at AS exposed_at,
        s.id AS source_id, s.metric, s.before_exposure, e.end_date, e.tenant_id
    FROM exposure x CROSS JOIN experiment_source s CROSS JOIN experiment e
    WHERE {which} AND s.experiment_id = x.experiment_id AND e.id = x.experiment_id
)
"""
FROM_ASKED = f"""
    asked a CROSS JOIN outcome o
    WHERE o.metric = a.metric AND o.unit_id = a.unit_id AND {
    RULE.format(
        before="a.before_exposure", happened="o.occurred_at", exposed="a.exposed_at", ending="a.end_date",
        named="o.experiment_id", experiment="a.experiment_id", sender="o.tenant_id", owner="a.tenant_id",
    )
}"""  # fmt: skip
ADDED_UP = f"""
COUNT(*), SUM(CASE WHEN {{value}} = 1 THEN 1 ELSE 0 END), SUM({{value}}), SUM({SQUARE}), MAX({{happened}})
"""

FOLD = """
{head} INSERT INTO unit_total (source_id, exposure_id, variant_id, outcomes, ones, total, squares, last_at)
SELECT {key}, {added_up} FROM {tables} GROUP BY {key} ORDER BY {key}
ON CONFLICT (source_id, exposure_id) DO UPDATE SET
    outcomes = unit_total.outcomes + excluded.outcomes,
    ones = unit_total.ones + excluded.ones,
    total = unit_total.total + excluded.total,
    squares = unit_total.squares + excluded.squares,
    last_at = CASE WHEN excluded.last_at > unit_total.last_at THEN excluded.last_at ELSE unit_total.last_at END
"""
"""In the keys' order, so that two batches that touch the same totals cannot lock each other out."""

FOLD_OUTCOMES = FOLD.format(
    head=MET, key="s.id, m.exposure_id, m.variant_id", tables=FROM_MET,
    added_up=ADDED_UP.format(value="m.value", happened="m.happened_at"),
)  # fmt: skip
_ASKED_KEY = "a.source_id, a.exposure_id, a.variant_id"
_ASKED_SUMS = ADDED_UP.format(value="o.value", happened="o.occurred_at")
FOLD_EXPOSURES, FOLD_SOURCES = (
    FOLD.format(
        head=ASKED.format(which=f"{column} BETWEEN ? AND ? AND {column} IN (?*)"),
        key=_ASKED_KEY, tables=FROM_ASKED, added_up=_ASKED_SUMS,
    )
    for column in ("x.id", "s.id")
)  # fmt: skip

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
