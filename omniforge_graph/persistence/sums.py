"""Outcomes kept as sums: what is left of those that were purged, and what it asks of those who record.

A sum stands for outcomes of one unit and metric, of one sender and for one experiment (or any), between which there lay
no exposure of the unit and no end of an experiment it was exposed in: all of them count for an exposure, or none. So
whatever was made of the outcomes can be made of their sums, also for exposures and experiments that come later. Only an
exposure dated among the outcomes of a sum cannot be: it is refused.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from omniforge_graph.errors import PurgedError, Span
from omniforge_graph.persistence.mapping import to_moment
from omniforge_graph.persistence.session import Session

ALWAYS: Span = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
ENDED_AMONG = "s.first_at <= e.end_date AND e.end_date < s.last_at"
MEETING = """
FROM exposure x CROSS JOIN outcome_sum s CROSS JOIN experiment e
WHERE EXISTS (SELECT 1 FROM outcome_sum) AND x.id BETWEEN ? AND ? AND x.id IN (?*) AND s.unit_id = x.unit_id
    AND e.id = x.experiment_id
    AND EXISTS (SELECT 1 FROM experiment_source f WHERE f.experiment_id = x.experiment_id AND f.metric = s.metric)
"""
MET_SUMS = f"""
SELECT x.id, MAX(CASE
    WHEN s.first_at < x.occurred_at AND x.occurred_at <= s.last_at THEN 1 WHEN {ENDED_AMONG} THEN 1 ELSE 0
END) AS astride
{MEETING} GROUP BY x.id
"""
SPANS = f"""
SELECT DISTINCT x.experiment_id, x.unit_id, s.first_at, s.last_at, CASE WHEN {ENDED_AMONG} THEN 1 ELSE 0 END AS always
{MEETING}
"""
TAKE_BACK = """
DELETE FROM outcome WHERE EXISTS (SELECT 1 FROM purged_event) AND id BETWEEN ? AND ? AND id IN (?*)
    AND event_id IS NOT NULL AND EXISTS (
        SELECT 1 FROM purged_event p
        WHERE p.event_id = outcome.event_id AND p.tenant_id = COALESCE(outcome.tenant_id, '')
    )
RETURNING id
"""


async def met_sums(session: Session, exposure_ids: Sequence[int]) -> bool:
    """Return whether sums may count for exposures that were just recorded; `lock_totals` is the caller's.

    Raises:
        PurgedError: an exposure is dated among the outcomes of a sum; the caller's transaction must not be committed.
    """
    found = await session.rows(MET_SUMS, min(exposure_ids), max(exposure_ids), exposure_ids)
    refused = [row["id"] for row in found if row["astride"]]
    if refused:
        raise PurgedError(
            "The unit's outcomes around the time of this exposure are kept as sums only: it can no longer be told "
            "which came after it. Record exposures before their time is purged.",
            refused=await _spans(session, refused),
            path=("occurredAt",),
        )
    return bool(found)


async def _spans(session: Session, exposure_ids: Sequence[int]) -> Mapping[tuple[str, str], Sequence[Span]]:
    """Return the times at which the units of these exposures can no longer be exposed in their experiments."""
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in await session.rows(SPANS, min(exposure_ids), max(exposure_ids), exposure_ids):
        span = ALWAYS if row["always"] else (to_moment(row["first_at"]), to_moment(row["last_at"]))
        spans[row["experiment_id"], row["unit_id"]].append(span)
    return spans


async def take_back_resent(session: Session, outcome_ids: Sequence[int]) -> set[int]:
    """Delete those of the outcomes just recorded whose event was recorded before and purged since; return their ids.

    Looked for after they were recorded: if they could be because a purge ended a moment ago, this sees what it kept.
    """
    rows = await session.rows(TAKE_BACK, min(outcome_ids), max(outcome_ids), outcome_ids) if outcome_ids else []
    return {row["id"] for row in rows}


async def refuse_purged_end(session: Session, end: int) -> None:
    """Raise `PurgedError` if an experiment would end at a time (in microseconds) before which outcomes were purged."""
    if await session.rows("SELECT id FROM retention WHERE id = 1 AND purged_before > ?", end):
        raise PurgedError(
            "An experiment cannot end at a time whose outcomes are kept as sums only: is this machine's clock right?",
            path=("endDate",),
        )
