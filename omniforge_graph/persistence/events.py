"""Exposures and outcomes: written in batches, with the totals of their units."""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.persistence.mapping import EPOCH, to_json, to_micros
from omniforge_graph.persistence.paging import storable
from omniforge_graph.persistence.store import Store
from omniforge_graph.persistence.sums import take_back_resent
from omniforge_graph.persistence.totals import count_exposures, fold_exposures, fold_outcomes
from omniforge_graph.turns import Turns

EXPOSURE_COLUMNS = {
    "experiment_id": "text", "unit_id": "text", "variant_id": "text", "occurred_at": "bigint", "attributes": "text",
}  # fmt: skip
OUTCOME_COLUMNS = {
    "event_id": "text", "tenant_id": "text", "metric": "text", "unit_id": "text", "occurred_at": "bigint",
    "value": "float8", "experiment_id": "text",
}  # fmt: skip
COUNTS = "SELECT experiment_id, variant_id, units FROM exposure_count WHERE experiment_id IN (?*)"
EVENT, TENANT, METRIC, UNIT = range(4)
STEP = 250
"""Events of which something is made at a time, a millisecond at most."""

Event = TypeVar("Event", Exposure, Outcome)
Rows: TypeAlias = list[tuple[Any, ...]]


class EventStore(Store):
    """Stores what happened.

    A batch is prepared in steps, and the event loop goes on in between.
    """

    async def record_exposures(self, exposures: Sequence[Exposure]) -> list[bool]:
        """Record all in one transaction; return for each whether it was its unit's first in the experiment."""
        rows = await _in_steps(exposure_rows, exposures)
        keys = [row[:2] for row in rows]
        first = await _first(keys)
        # In the keys' order, whatever the batch's: two batches that overlap cannot lock each other out.
        order = sorted(first, key=keys.__getitem__)
        await asyncio.sleep(0)
        async with self._database.transaction() as session:
            appended = await session.append("exposure", EXPOSURE_COLUMNS, [rows[place] for place in order])
            await fold_exposures(session, appended.kept)
            await count_exposures(session, appended.kept)
        return _novelty(len(rows), order, appended.skipped)

    async def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Record all in one transaction; return for each whether it is new (its event id was not seen before)."""
        rows = await _in_steps(outcome_rows, outcomes)
        events = [None if row[EVENT] is None else row[:METRIC] for row in rows]
        first = await _first(events)
        async with self._database.transaction() as session:
            # By the unit, whose pages of an index and totals lie together; or again so that none is locked out.
            keys = (
                [row[UNIT] for row in rows]
                if session.serial
                else [f"{row[EVENT] or ''}\0{row[TENANT] or ''}" for row in rows]
            )
            order = sorted(first, key=keys.__getitem__)
            await asyncio.sleep(
                0
            )  # and no more: with others' long work in between, the transaction would be open for long
            appended = await session.append("outcome", OUTCOME_COLUMNS, [rows[place] for place in order])
            resent = await take_back_resent(session, appended.kept)
            if resent:
                appended = appended.without(resent)
            await fold_outcomes(session, appended.kept)
        return _novelty(len(rows), order, appended.skipped)

    async def exposure_counts(self, experiment_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, per experiment, the number of exposed units by variant id."""
        counts: dict[str, dict[str, int]] = {experiment_id: {} for experiment_id in experiment_ids}
        async with self._database.reading() as session:
            for row in await session.rows(COUNTS, storable(experiment_ids)):
                counts[row["experiment_id"]][row["variant_id"]] = row["units"]
        return counts


def exposure_rows(exposures: Sequence[Exposure]) -> Rows:
    """Return the rows of exposures."""
    times = _micros(occurred_at for _, _, _, occurred_at, _ in exposures)
    return [
        (experiment_id, unit_id, variant_id, micros, to_json(attributes) if attributes else None)
        for (experiment_id, unit_id, variant_id, _, attributes), micros in zip(exposures, times, strict=True)
    ]


def outcome_rows(outcomes: Sequence[Outcome]) -> Rows:
    """Return the rows of outcomes."""
    times = _micros(occurred_at for _, _, _, occurred_at, _, _, _ in outcomes)
    return [
        (event_id, tenant_id, metric, unit_id, micros, float(value), experiment_id)
        for (unit_id, metric, value, _, event_id, experiment_id, tenant_id), micros in zip(outcomes, times, strict=True)
    ]


def _micros(moments: Iterable[datetime]) -> Iterator[int]:
    """Yield moments as microseconds; most are the same one, the time at which the batch came."""
    last, micros = EPOCH, 0
    for moment in moments:
        if moment is not last:
            last, micros = moment, to_micros(moment)
        yield micros


async def _in_steps(rows_of: Callable[[Sequence[Event]], Rows], events: Sequence[Event]) -> Rows:
    """Return the rows of events, a step at a time."""
    rows: Rows = []
    turns = Turns()
    for start in range(0, len(events), STEP):
        rows += rows_of(events[start : start + STEP])
        await turns.give()
    return rows


async def _first(keys: Sequence[Hashable]) -> Sequence[int]:
    """Return the places of each key's first occurrence, a step at a time; None is a key of its own each time."""
    seen: set[Hashable] = set()
    turns = Turns()
    for start in range(0, len(keys), STEP):
        seen.update(keys[start : start + STEP])
        await turns.give()
    seen.discard(None)
    if len(seen) == len(keys) - keys.count(None):
        return range(len(keys))
    seen = {None}
    add = seen.add
    return [place for place, key in enumerate(keys) if key is None or not (key in seen or add(key))]


def _novelty(size: int, order: Sequence[int], skipped: Collection[int]) -> list[bool]:
    """Return for each of a batch whether it was written: as one of `order` that was not skipped."""
    if len(order) == size and not skipped:
        return [True] * size
    new = [False] * size
    for at, place in enumerate(order):
        new[place] = at not in skipped
    return new
