"""Events out of rows: columns named as the fields of the API, or mapped to them, and values as a file has them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.errors import ValidationError

ATTRIBUTES = "attributes"
LONGEST_SOURCE = MAX_IDENTIFIER - 20
"""Room for a colon and the number of a line."""


class EventKind(StrEnum):
    """What a file holds."""

    EXPOSURES = "exposures"
    OUTCOMES = "outcomes"


FIELDS: Mapping[EventKind, Mapping[str, str]] = {
    EventKind.EXPOSURES: {
        "experimentId": "experiment_id", "unitId": "unit_id", "occurredAt": "occurred_at", ATTRIBUTES: ATTRIBUTES,
    },
    EventKind.OUTCOMES: {
        "unitId": "unit_id", "metric": "metric", "value": "value", "eventId": "event_id",
        "occurredAt": "occurred_at", "experimentId": "experiment_id",
    },
}  # fmt: skip
"""The API's names of an event's fields, and ours."""
REQUIRED = {
    EventKind.EXPOSURES: ("experimentId", "unitId"),
    EventKind.OUTCOMES: ("unitId", "metric", "value"),
}
Place: TypeAlias = tuple[str, str | None]
"""A field and, for a column such as `attributes.plan`, the key within it."""


@dataclass(frozen=True)
class RowReader:
    """Reads rows of one file.

    `mapping` names the field of a column whose name is none; an empty one leaves the column out. `constants` are the
    values of fields that are the same in each row. `source` and the line's number make the id of an outcome that has
    none, so that the same line of the same source is recorded once.
    """

    kind: EventKind
    source: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    _places: dict[str, Place | None] = field(default_factory=dict)
    _fixed: list[tuple[Place, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clean_text(self.source, ("source",), maximum=LONGEST_SOURCE)
        for column, name in self.mapping.items():
            self._places[column] = self._field(name, f"--map {column}={name}") if name else None
        for name, value in self.constants.items():
            self._fixed.append((self._field(name, f"--set {name}={value}"), value))

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise `ValidationError` if a column is unknown or given twice, or one that every event needs is missing."""
        places = [place for column in columns if (place := self._place(column)) is not None]
        places += [place for place, _ in self._fixed]
        for place in places:
            if places.count(place) > 1:
                raise ValidationError(f"{'.'.join(filter(None, place))} is given by two columns; leave one out.")
        given = {name for name, _ in places}
        for name in REQUIRED[self.kind]:
            if FIELDS[self.kind][name] not in given:
                raise ValidationError(
                    f"No column is called {name}: name the one that holds it by --map COLUMN={name}, or give one value "
                    f"for all by --set {name}=VALUE.",
                    path=(name,),
                )

    def read(self, row: Mapping[str, Any], line: int) -> ExposureEvent | OutcomeEvent:
        """Return the event of a row; raises `ValidationError` with the field at fault."""
        values: dict[str, Any] = {}
        for column, value in row.items():
            if value is None or value == "":
                continue
            place = self._places[column] if column in self._places else self._place(column)
            if place is not None:
                self._put(values, place, value)
        for place, value in self._fixed:
            self._put(values, place, value)
        if self.kind is EventKind.OUTCOMES:
            values.setdefault("event_id", f"{self.source}:{line}")
        try:
            return _EVENTS[self.kind](**values)
        except TypeError:
            missing = [name for name in REQUIRED[self.kind] if FIELDS[self.kind][name] not in values]
            raise ValidationError(f"{' and '.join(missing)} must be given.", path=(missing[0],)) from None

    def _put(self, values: dict[str, Any], place: Place, value: Any) -> None:
        name, key = place
        if key is not None:
            values.setdefault(name, {})[key] = value
        elif name == ATTRIBUTES:
            values[name] = {**values.get(name, {}), **_attributes(value)}
        else:
            values[name] = _READ[name](value)

    def _place(self, column: str) -> Place | None:
        """Return where a column's values go; remember it."""
        if column not in self._places:
            remedy = f"say which field it is by --map {column}=FIELD, or leave it out by --map {column}="
            self._places[column] = self._field(column, f"the column {column!r}", remedy)
        return self._places[column]

    def _field(self, name: str, given: str, remedy: str = "use one of them") -> Place:
        fields = FIELDS[self.kind]
        if name in fields:
            return fields[name], None
        if name in fields.values():
            return name, None
        head, dot, key = name.partition(".")
        if head in fields and head == ATTRIBUTES and dot and key:
            return ATTRIBUTES, key
        raise ValidationError(
            f"{name!r} ({given}) is no field of {self.kind}, which have {', '.join(fields)}: {remedy}.", path=(name,)
        )


def _identifier(name: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise ValidationError(f"{name} must be text, not {str(value)[:40]!r}.", path=(name,))

    return read


def _value(value: Any) -> float:
    if isinstance(value, float | int):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, str) and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    raise ValidationError(f"value must be a number, not {str(value)[:40]!r}.", path=("value",))


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as any other without a zone
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValidationError(
            f"occurredAt must be a time such as 2026-03-01T12:00:00Z, not {str(value)[:40]!r}.", path=("occurredAt",)
        ) from None


def _attributes(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            value = None
    if not isinstance(value, Mapping):
        raise ValidationError('attributes must be a JSON object such as {"plan": "pro"}.', path=(ATTRIBUTES,))
    return value


_EVENTS: Mapping[EventKind, Callable[..., ExposureEvent | OutcomeEvent]] = {
    EventKind.EXPOSURES: ExposureEvent,
    EventKind.OUTCOMES: OutcomeEvent,
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    "unit_id": _identifier("unitId"),
    "experiment_id": _identifier("experimentId"),
    "metric": _identifier("metric"),
    "event_id": _identifier("eventId"),
    "occurred_at": _moment,
    "value": _value,
}
