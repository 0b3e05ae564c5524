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
from omniforge_graph.persistence.sums import met_sums, refuse_purged_end

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
    FROM outcome o CROSS JOIN exposure x WHERE {chosen} AND x.unit_id = o.unit_id
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
FROM_SUMS = f"""
    asked a CROSS JOIN outcome_sum o
    WHERE o.metric = a.metric AND o.unit_id = a.unit_id AND {
    RULE.format(
        before="a.before_exposure", happened="o.first_at", exposed="a.exposed_at", ending="a.end_date",
        named="NULLIF(o.experiment_id, '')", experiment="a.experiment_id",
        sender="NULLIF(o.tenant_id, '')", owner="a.tenant_id",
    )
}"""  # fmt: skip
"""All outcomes of a sum count, or none: what holds for the first holds for each."""
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
FOLD_SOURCES, FOLD_EXPOSURES, FOLD_TOTALS = (
    FOLD.format(head=ASKED.format(which=which), key=_ASKED_KEY, tables=FROM_ASKED, added_up=_ASKED_SUMS)
    for which in ("{chosen}", "{chosen}", "s.id = ? AND {chosen}")
)
ADD_SOURCES, ADD_EXPOSURES, ADD_TOTALS = (
    FOLD.format(
        head=ASKED.format(which=which), key=_ASKED_KEY, tables=FROM_SUMS,
        added_up="SUM(o.outcomes), SUM(o.ones), SUM(o.total), SUM(o.squares), MAX(o.last_at)",
    ) for which in ("{chosen}", "{chosen}", "s.id = ? AND {chosen}")
)  # fmt: skip
"""The same from the sums of purged outcomes."""

COUNT_EXPOSURES = """
INSERT INTO exposure_count (experiment_id, variant_id, units)
SELECT x.experiment_id, x.variant_id, COUNT(*) FROM exposure x WHERE {chosen}
GROUP BY x.experiment_id, x.variant_id ORDER BY x.experiment_id, x.variant_id
ON CONFLICT (experiment_id, variant_id) DO UPDATE SET units = exposure_count.units + excluded.units
"""
WRONG_COUNTS = """
SELECT COUNT(*) AS n FROM (
    SELECT variant_id FROM (
        SELECT variant_id, units FROM exposure_count WHERE experiment_id = ?
        UNION ALL
        SELECT variant_id, -COUNT(*) FROM exposure WHERE experiment_id = ? GROUP BY variant_id
    ) AS kept_and_counted GROUP BY variant_id HAVING SUM(units) <> 0
) AS different
"""

OVERRUN = """
WITH late AS MATERIALIZED (SELECT metric, unit_id FROM outcome WHERE occurred_at > ?),
met AS MATERIALIZED (
    SELECT s.id AS source_id, (
        SELECT x.id FROM exposure x WHERE x.experiment_id = s.experiment_id AND x.unit_id = l.unit_id
    ) AS exposure_id
    FROM (SELECT DISTINCT metric, unit_id FROM late) l CROSS JOIN experiment_source s
    WHERE s.experiment_id = ? AND s.metric = l.metric AND NOT s.before_exposure
)
SELECT source_id, exposure_id FROM met WHERE (
    SELECT t.last_at FROM unit_total t WHERE t.source_id = met.source_id AND t.exposure_id = met.exposure_id
) > ?
"""
"""From the outcomes after the end, of which there are few when it is now, and not from the totals, however many. What
is looked up for one row stays so: no planner turns it around."""
DROP = "DELETE FROM unit_total WHERE source_id = ? AND exposure_id IN (?*)"


async def fold_outcomes(session: Session, ids: Sequence[int]) -> None:
    """Add outcomes, just recorded in this transaction, to the totals of the units that were exposed before."""
    if ids:
        await session.lock_totals(shared=True)
        await _fold(session, FOLD_OUTCOMES, "o.id", ids)


async def fold_exposures(session: Session, ids: Sequence[int]) -> None:
    """Make the totals of exposures, just recorded in this transaction, from the outcomes that came before them.

    An exposure and an outcome of one unit, recorded by two transactions at the same time, must not miss each other:
    those that record outcomes share a lock, those that record exposures share it too, but not both at the same time.
    Whoever gets it second sees what the first one wrote.
    """
    if ids:
        await session.lock_totals(shared=True, exposing=True)
        await _fold(session, FOLD_EXPOSURES, "x.id", ids)
        if await met_sums(session, ids):
            await _fold(session, ADD_EXPOSURES, "x.id", ids)


async def count_exposures(session: Session, ids: Sequence[int]) -> None:
    """Count exposures, just recorded in this transaction; the last that it does, for others wait for the counts."""
    if ids:
        await _fold(session, COUNT_EXPOSURES, "x.id", ids)


async def wrong_counts(session: Session, experiment_id: str) -> int:
    """Return how many variants have another number of exposures than is counted; `lock_totals` is the caller's."""
    return int((await session.rows(WRONG_COUNTS, experiment_id, experiment_id))[0]["n"])


async def recount_exposures(session: Session, experiment_id: str) -> None:
    """Count the exposures of an experiment anew; `lock_totals`, alone, is the caller's."""
    await session.run("DELETE FROM exposure_count WHERE experiment_id = ?", experiment_id)
    await session.run(COUNT_EXPOSURES.format(chosen="x.experiment_id = ?"), experiment_id)


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


async def is_ending(session: Session, experiment: PromptExperiment) -> bool:
    """Return whether saving the experiment, which comes next, ends it; one that is promoted may have ended before."""
    if experiment.end_date is None or experiment.start_date is None:
        return False
    return bool(await session.rows("SELECT id FROM experiment WHERE id = ? AND end_date IS NULL", experiment.id))


async def end_totals(session: Session, experiment: PromptExperiment) -> None:
    """Make totals with outcomes after the end, which this transaction has just stored, anew without them.

    They were recorded between the moment of the end and now, or by a machine whose clock is ahead. Having the lock
    alone, this sees all that was recorded before; whoever records next sees the end.
    """
    assert experiment.end_date is not None, "nothing lies after the end of what has none"
    end = to_micros(experiment.end_date)
    await session.lock_totals(shared=False)
    await refuse_purged_end(session, end)
    found: dict[int, list[int]] = {}
    for row in await session.rows(OVERRUN, end, experiment.id, end):
        found.setdefault(row["source_id"], []).append(row["exposure_id"])
    for source, exposures in found.items():
        await session.run(DROP, source, exposures)
        for fold in (FOLD_TOTALS, ADD_TOTALS):
            await _fold(session, fold, "x.id", exposures, source)


async def fold_sources(session: Session, ids: Sequence[int]) -> None:
    """Make the totals of sources that have none; `lock_totals` is the caller's."""
    if ids:
        for fold in (FOLD_SOURCES, ADD_SOURCES):
            await _fold(session, fold, "s.id", ids)


async def _fold(session: Session, fold: str, column: str, ids: Sequence[int], *values: int) -> None:
    """Run a statement on the rows `chosen` by their ids; those of a batch lie side by side unless some were skipped."""
    chosen = f"{column} BETWEEN ? AND ?"
    if isinstance(ids, range):
        await session.run(fold.format(chosen=chosen), *values, ids[0], ids[-1])
        return
    await session.run(fold.format(chosen=f"{chosen} AND {column} IN (?*)"), *values, min(ids), max(ids), ids)
