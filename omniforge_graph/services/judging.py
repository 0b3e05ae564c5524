"""Judging events: which can be recorded, and as what.

What is fine in a slice of a batch is found out for the whole slice at once. Only a slice in which something may be
wrong is gone through event by event, to say what and where.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from omniforge_graph.domain.event import Rejection
from omniforge_graph.errors import OmniForgeError, ValidationError
from omniforge_graph.services.identity import as_utc
from omniforge_graph.turns import Turns

CLOCK_SKEW = timedelta(minutes=5)
"""How far into the future a client's clock may run; what it dates later than now is recorded as of now."""
SLICE = 50
"""Events that are judged in one step: some milliseconds, should each of them be long and wrong."""

Event = TypeVar("Event")
Record = TypeVar("Record", bound=tuple[Any, ...])
Asked_contra = TypeVar("Asked_contra", contravariant=True)
Made_co = TypeVar("Made_co", covariant=True)


class Judge(Protocol[Asked_contra, Made_co]):
    """Turns events into records."""

    def one(self, event: Asked_contra) -> Made_co:
        """Return the record of an event; raise what is wrong with it."""

    def all(self, events: Sequence[Asked_contra]) -> Sequence[Made_co] | None:
        """Return the records of events that are all fine; None if one of them may not be."""


@dataclass(slots=True)
class Judged(Generic[Record]):
    """What became of a batch: records with the places of their events in it, and the rejections."""

    records: list[Record] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def without(self, problem: OmniForgeError, refused: Collection[int]) -> "Judged[Record]":
        """Return this with some of the records, by their places among them, rejected after all."""
        left: Judged[Record] = Judged(rejected=[*self.rejected])
        for at, (record, place) in enumerate(zip(self.records, self.places, strict=True)):
            if at in refused:
                left.rejected.append(Rejection(place, problem.code, problem.message))
            else:
                left.records.append(record)
                left.places.append(place)
        return left


async def judge(events: Sequence[Event], how: Judge[Event, Record]) -> Judged[Record]:
    """Judge a batch slice by slice, and let others on the event loop have their turns."""
    judged: Judged[Record] = Judged()
    turns = Turns()
    for start in range(0, len(events), SLICE):
        part = events[start : start + SLICE]
        fine = how.all(part)
        if fine is not None:
            judged.records += fine
            judged.places += range(start, start + len(part))
        else:
            _sift(part, start, how, judged)
        await turns.give()
    return judged


def _sift(events: Sequence[Event], start: int, how: Judge[Event, Record], judged: Judged[Record]) -> None:
    for place, event in enumerate(events, start):
        try:
            judged.records.append(how.one(event))
        except OmniForgeError as problem:
            judged.rejected.append(Rejection(place, problem.code, problem.message))
        else:
            judged.places.append(place)


def happened_at(occurred_at: Any, now: datetime) -> datetime:
    """Return when an event happened, in UTC; `ValidationError` if `occurred_at` is no datetime, or in the future."""
    if occurred_at is None:
        return now
    if not isinstance(occurred_at, datetime):
        raise ValidationError(f"occurredAt must be a datetime, not {type(occurred_at).__name__}.", path=("occurredAt",))
    try:
        moment = as_utc(occurred_at)
    except OverflowError:
        raise ValidationError("occurredAt lies outside of the calendar.", path=("occurredAt",)) from None
    if moment > now + CLOCK_SKEW:
        raise ValidationError(
            f"occurredAt {moment.isoformat()} lies in the future; it is {now.isoformat(timespec='seconds')} here.",
            path=("occurredAt",),
        )
    return min(moment, now)
