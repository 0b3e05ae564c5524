"""Events out of rows: columns named as the fields of the API, or mapped to them, and values as a file has them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.errors import ValidationError
from omniforge_graph.services.event_values import ATTRIBUTES, JSON, TEXT, Values

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
    _fixed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clean_text(self.source, ("source",), maximum=LONGEST_SOURCE)
        for column, name in self.mapping.items():
            self._places[column] = self._field(name, f"--map {column}={name}") if name else None
        for name, value in self.constants.items():
            _put(self._fixed, self._field(name, f"--set {name}={value}"), name, value, TEXT)

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise `ValidationError` if a column is unknown or given twice, or one that every event needs is missing."""
        places = [place for column in columns if (place := self._place(column)) is not None]
        places += [self._field(name, "--set") for name in self.constants]
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

    def read(self, row: Iterable[tuple[str, Any]], line: int, values: Values = TEXT) -> ExposureEvent | OutcomeEvent:
        """Return the event of a row's columns and values; raises `ValidationError` with the field at fault."""
        event = dict(self._fixed)
        for column, value in row:
            place = self._places[column] if column in self._places else self._place(column)
            if place is not None and value is not None and (value != "" or values is JSON):
                _put(event, place, column, value, values)
        if self.kind is EventKind.OUTCOMES and "event_id" not in event:
            event["event_id"] = f"{self.source}:{line}"
        try:
            return _EVENTS[self.kind](**event)
        except TypeError:
            missing = [name for name in REQUIRED[self.kind] if FIELDS[self.kind][name] not in event]
            raise ValidationError(f"{' and '.join(missing)} must be given.", path=(missing[0],)) from None

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


def _put(event: dict[str, Any], place: Place, column: str, value: Any, values: Values) -> None:
    name, key = place
    if name == ATTRIBUTES:
        known, more = event.get(name, {}), values[name](value) if key is None else {key: value}
        taken, value = not known.keys().isdisjoint(more), {**known, **more}
    else:
        taken, value = name in event, values[name](value)
    if taken:
        raise ValidationError(f"{column} is given twice; leave one out.", path=(column,))
    event[name] = value


_EVENTS: Mapping[EventKind, Callable[..., ExposureEvent | OutcomeEvent]] = {
    EventKind.EXPOSURES: ExposureEvent,
    EventKind.OUTCOMES: OutcomeEvent,
}
