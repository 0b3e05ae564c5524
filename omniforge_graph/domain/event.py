"""What happened: exposures and outcomes, and the receipt for a batch of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from omniforge_graph.domain.text import clean_key, clean_text
from omniforge_graph.errors import ValidationError

MAX_BATCH = 5_000
"""Events in one batch; more are refused before any is looked at."""
MAX_ATTRIBUTES = 20
MAX_ATTRIBUTE_VALUE = 100
NO_ATTRIBUTES: Mapping[str, str] = {}


def clean_attributes(attributes: Any) -> dict[str, str]:
    """Return an exposure's attributes with their values as text: true, 12, en.

    Raises:
        ValidationError: no mapping, more than 20, a key that is no key, or a value that is not text of at most 100
            characters, a number or a truth value.
    """
    if not isinstance(attributes, Mapping):
        raise ValidationError("attributes must be a JSON object.", path=("attributes",))
    if len(attributes) > MAX_ATTRIBUTES:
        raise ValidationError(
            f"At most {MAX_ATTRIBUTES} attributes; {len(attributes)} were given.", path=("attributes",)
        )
    return {
        clean_key(key, ("attributes", str(key)), name="The attribute's name"): _attribute(value, str(key))
        for key, value in attributes.items()
        if value is not None
    }


def clean_dimension(dimension: str) -> str:
    """Return the key of an attribute to slice by; raises `ValidationError` if it is no key."""
    return clean_key(dimension, ("dimension",))


def _attribute(value: Any, key: str) -> str:
    path = ("attributes", key)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        value = repr(value)
    if not isinstance(value, str):
        raise ValidationError(f"The attribute {key} must be text, a number or a truth value.", path=path)
    return clean_text(value, path, maximum=MAX_ATTRIBUTE_VALUE, name=f"The attribute {key}")


class ReportedExposure(Protocol):
    """What an `ExposureEvent` says, whoever carries it: a door need not copy each event of a batch."""

    @property
    def experiment_id(self) -> str: ...  # noqa: D102 - as of `ExposureEvent`, and so below
    @property
    def unit_id(self) -> str: ...  # noqa: D102
    @property
    def occurred_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def attributes(self) -> Any: ...  # noqa: D102


class ReportedOutcome(Protocol):
    """What an `OutcomeEvent` says, whoever carries it."""

    @property
    def unit_id(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def event_id(self) -> str | None: ...  # noqa: D102
    @property
    def occurred_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def experiment_id(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ExposureEvent:
    """Somebody reports that a unit met its variant. Without `occurred_at` it happened now.

    `attributes` describe the unit at that moment (its plan, language, model ...), for analyses by slice.
    """

    experiment_id: str
    unit_id: str
    occurred_at: datetime | None = None
    attributes: Mapping[str, Any] | None = None


class Exposure(NamedTuple):
    """A unit met a variant. The first exposure of a unit in an experiment counts, with its attributes.

    Of these and of outcomes there are thousands in a batch, and a tuple is made in a fraction of the time.
    """

    experiment_id: str
    unit_id: str
    variant_id: str
    occurred_at: datetime
    attributes: Mapping[str, str] = NO_ATTRIBUTES


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


class Outcome(NamedTuple):
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
