"""Single values of events in files: JSON has types and takes those of the API, text says what it can."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any, TypeAlias

import msgspec

from omniforge_graph.errors import ValidationError

Values: TypeAlias = Mapping[str, Callable[[Any], Any]]
"""How the values of each field are read; each raises `ValidationError` with the field at fault."""
ATTRIBUTES = "attributes"


def _wrong(name: str, expected: str, value: Any) -> ValidationError:
    shown = json.dumps(value, ensure_ascii=False, default=str)[:40]
    return ValidationError(f"{name} must be {expected}, not {shown}.", path=(name,))


def _identifier(name: str) -> Callable[[Any], str]:
    """As GraphQL's ID: text, or a whole number as text."""

    def read(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        raise _wrong(name, "text or a whole number", value)

    return read


def _name(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _wrong("metric", "text", value)


def _number(value: Any) -> float:
    if isinstance(value, float):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("value", "a number", value)
    with suppress(OverflowError):
        if float(value) == value:
            return value
    raise _wrong("value", "a number that a double holds exactly", value)


def _written_number(value: Any) -> float:
    if isinstance(value, str) and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    return _number(int(value) if isinstance(value, bool) else value)


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong("occurredAt", "a time such as 2026-03-01T12:00:00Z", value) from None


def _written_moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as any other without a zone
    return _moment(value)


def _attributes(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise _wrong(ATTRIBUTES, 'a JSON object such as {"plan": "pro"}', value)


def _written_attributes(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            return _attributes(msgspec.json.decode(value))
        except (msgspec.DecodeError, RecursionError):
            pass
    return _attributes(value)


JSON: Values = {
    "unit_id": _identifier("unitId"),
    "experiment_id": _identifier("experimentId"),
    "metric": _name,
    "event_id": _identifier("eventId"),
    "occurred_at": _moment,
    "value": _number,
    ATTRIBUTES: _attributes,
}
"""What the API takes: a number is no text, and a truth value is no number."""
TEXT: Values = {
    **JSON,
    "metric": _identifier("metric"),
    "occurred_at": _written_moment,
    "value": _written_number,
    ATTRIBUTES: _written_attributes,
}
"""What text says, and the types of a table's columns: a truth value is 0 or 1, and an empty text says nothing."""
