"""Outcomes kept as sums: what is left of those that were purged, and what it asks of those who record.

A sum stands for outcomes of one unit and metric, of one sender and for one experiment (or any), between which there lay
no exposure of the unit and no end of an experiment it was exposed in: all of them count for an exposure, or none. So
whatever was made of the outcomes can be made of their sums, also for exposures and experiments that come later. Only an
exposure dated among the outcomes of a sum cannot be: it is refused.
"""

from collections.abc import Sequence

from omniforge_graph.errors import PurgedError
from omniforge_graph.persistence.session import Session

MET_SUMS = """
SELECT x.experiment_id, x.unit_id, MAX(CASE
    WHEN s.first_at < x.occurred_at AND x.occurred_at <= s.last_at THEN 1
    WHEN s.first_at <= e.end_date AND e.end_date < s.last_at THEN 1 ELSE 0
END) AS astride
FROM exposure x CROSS JOIN outcome_sum s CROSS JOIN experiment e
WHERE EXISTS (SELECT 1 FROM outcome_sum) AND x.id BETWEEN ? AND ? AND x.id IN (?*) AND s.unit_id = x.unit_id
    AND e.id = x.experiment_id
    AND EXISTS (SELECT 1 FROM experiment_source f WHERE f.experiment_id = x.experiment_id AND f.metric = s.metric)
GROUP BY x.experiment_id, x.unit_id
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
    refused = frozenset((row["experiment_id"], row["unit_id"]) for row in found if row["astride"])
    if refused:
        experiment_id, unit_id = min(refused)
        raise PurgedError(
            f"The outcomes of unit {unit_id!r} around its exposure in {experiment_id} are kept as sums only: it can no "
            "longer be told which came after it. Record exposures before their time is purged.",
            refused=refused,
            path=("occurredAt",),
        )
    return bool(found)


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
