"""Exposures and outcomes: written in batches, with the totals of their units."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.persistence.mapping import to_json, to_micros
from omniforge_graph.persistence.paging import storable
from omniforge_graph.persistence.store import Store
from omniforge_graph.persistence.sums import take_back_resent
from omniforge_graph.persistence.totals import fold_exposures, fold_outcomes

EXPOSURE_COLUMNS = {
    "experiment_id": "text", "unit_id": "text", "variant_id": "text", "occurred_at": "bigint", "attributes": "text",
}  # fmt: skip
OUTCOME_COLUMNS = {
    "event_id": "text", "tenant_id": "text", "metric": "text", "unit_id": "text", "occurred_at": "bigint",
    "value": "float8", "experiment_id": "text",
}  # fmt: skip


class EventStore(Store):
    """Stores what happened."""

    async def record_exposures(self, exposures: Sequence[Exposure]) -> list[bool]:
        """Record all in one transaction; return for each whether it was its unit's first in the experiment."""
        keys = [(each.experiment_id, each.unit_id) for each in exposures]
        rows = [_exposure_row(each) for each in exposures]
        async with self._database.transaction() as session:
            # In the keys' order, whatever the batch's: two batches that overlap cannot lock each other out.
            inserted = await session.insert_new(
                "exposure", EXPOSURE_COLUMNS, sorted(_first(keys, rows)), "id, experiment_id, unit_id"
            )
            await fold_exposures(session, [row["id"] for row in inserted])
        return _novelty(keys, {(row["experiment_id"], row["unit_id"]) for row in inserted})

    async def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Record all in one transaction; return for each whether it is new (its event id was not seen before)."""
        keys = [_event_key(index, each) for index, each in enumerate(outcomes)]
        rows = [_outcome_row(each) for each in outcomes]
        async with self._database.transaction() as session:
            inserted = await session.insert_new(
                "outcome", OUTCOME_COLUMNS, sorted(_first(keys, rows), key=_by_event), "id, event_id, tenant_id"
            )
            resent = await take_back_resent(session, [row["id"] for row in inserted])
            inserted = [row for row in inserted if row["id"] not in resent]
            await fold_outcomes(session, [row["id"] for row in inserted])
        new = {(row["event_id"], row["tenant_id"]) for row in inserted}
        return _novelty(keys, new | {key for key in keys if isinstance(key, int)})

    async def exposure_counts(self, experiment_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, per experiment, the number of exposed units by variant id."""
        counts: dict[str, dict[str, int]] = {experiment_id: {} for experiment_id in experiment_ids}
        sql = (
            "SELECT experiment_id, variant_id, COUNT(*) AS n FROM exposure WHERE experiment_id IN (?*) "
            "GROUP BY experiment_id, variant_id"
        )
        async with self._database.reading(study=True) as session:
            for row in await session.rows(sql, storable(experiment_ids)):
                counts[row["experiment_id"]][row["variant_id"]] = int(row["n"])
        return counts


def _exposure_row(exposure: Exposure) -> tuple[Any, ...]:
    return (
        exposure.experiment_id, exposure.unit_id, exposure.variant_id, to_micros(exposure.occurred_at),
        to_json(exposure.attributes) if exposure.attributes else None,
    )  # fmt: skip


def _outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.event_id, outcome.tenant_id, outcome.metric, outcome.unit_id, to_micros(outcome.occurred_at),
        float(outcome.value), outcome.experiment_id,
    )  # fmt: skip


def _event_key(index: int, outcome: Outcome) -> Hashable:
    """Return what makes an outcome the same as another: its event id and sender's tenant, else nothing but itself."""
    return index if outcome.event_id is None else (outcome.event_id, outcome.tenant_id)


def _by_event(row: Sequence[Any]) -> tuple[str, str]:
    return row[0] or "", row[1] or ""


def _first(keys: Sequence[Hashable], rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the row of each key's first occurrence in the batch."""
    return list(dict(zip(reversed(keys), reversed(rows), strict=True)).values())


def _novelty(keys: Sequence[Hashable], new: set[Any]) -> list[bool]:
    """Return for each event whether it is the first of its key in the batch, and the key is new."""
    verdicts = []
    for key in keys:
        verdicts.append(key in new)
        new.discard(key)
    return verdicts
