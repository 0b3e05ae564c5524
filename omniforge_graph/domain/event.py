"""What happened: exposures and outcomes, and the receipt for a batch of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_BATCH = 5_000
"""Events in one batch; more are refused before any is looked at."""


@dataclass(frozen=True, slots=True)
class ExposureEvent:
    """Somebody reports that a unit met its variant. Without `occurred_at` it happened now."""

    experiment_id: str
    unit_id: str
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """A unit met a variant. The first exposure of a unit in an experiment counts."""

    experiment_id: str
    unit_id: str
    variant_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """A measured value for a unit and a metric.

    With an `event_id` it is recorded once however often it is sent; without one each event counts. Without an
    `experiment_id` it belongs to every experiment in which the unit was exposed and that measures the metric.
    """

    unit_id: str
    metric: str
    value: float
    event_id: str | None = None
    occurred_at: datetime | None = None
    experiment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome as it is kept. `tenant_id` is that of the confined caller who sent it, None for any other."""

    unit_id: str
    metric: str
    value: float
    occurred_at: datetime
    event_id: str | None = None
    experiment_id: str | None = None
    tenant_id: str | None = None


class EventStatus(StrEnum):
    """What became of one event of a batch."""

    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why the event at `index` of the batch was not recorded."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BatchReceipt:
    """What became of each event; given only once the whole batch is durable."""

    statuses: tuple[EventStatus, ...]
    rejected: tuple[Rejection, ...]

    @classmethod
    def of(cls, size: int, new: Iterable[tuple[int, bool]], rejected: Iterable[Rejection]) -> "BatchReceipt":
        """Build the receipt of a batch of `size` from (index, whether it was new) pairs; the rest was rejected."""
        statuses = [EventStatus.REJECTED] * size
        for index, is_new in new:
            statuses[index] = EventStatus.ACCEPTED if is_new else EventStatus.DUPLICATE
        return cls(tuple(statuses), tuple(sorted(rejected, key=lambda each: each.index)))

    @property
    def accepted(self) -> int:
        """How many events were recorded now."""
        return self.statuses.count(EventStatus.ACCEPTED)

    @property
    def duplicates(self) -> int:
        """How many events had been recorded before."""
        return self.statuses.count(EventStatus.DUPLICATE)
