"""Rows of files as events."""

from datetime import UTC, date, datetime

import pytest

from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.errors import TextError, ValidationError
from omniforge_graph.services.event_rows import EventKind, RowReader
from omniforge_graph.services.event_values import TEXT

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def outcomes(**options) -> RowReader:
    return RowReader(EventKind.OUTCOMES, options.pop("source", "s"), **options)


def exposures(**options) -> RowReader:
    return RowReader(EventKind.EXPOSURES, "s", **options)


def read(reader, row, line=1, values=TEXT):
    return reader.read(row.items(), line, values)


def test_columns_are_called_as_the_fields_of_the_api_or_in_snake_case() -> None:
    camel = {
        "unitId": "u", "metric": "m", "value": 1.5, "eventId": "e", "occurredAt": "2026-03-01T12:00:00Z",
        "experimentId": "x",
    }  # fmt: skip
    snake = {
        "unit_id": "u", "metric": "m", "value": 1.5, "event_id": "e", "occurred_at": "2026-03-01T12:00:00Z",
        "experiment_id": "x",
    }  # fmt: skip
    expected = OutcomeEvent("u", "m", 1.5, "e", NOON, "x")
    assert read(outcomes(), camel, 7) == read(outcomes(), snake, 7) == expected


def test_attributes_are_json_or_columns_or_both() -> None:
    row = {"experimentId": "x", "unitId": "u", "attributes": '{"plan": "pro", "n": 1}', "attributes.language": "en"}
    expected = ExposureEvent("x", "u", None, {"plan": "pro", "n": 1, "language": "en"})
    assert read(exposures(), row, 1) == expected
    assert read(exposures(), {**row, "attributes": {"plan": "pro", "n": 1}}, 1) == expected
    assert read(exposures(), {"experimentId": "x", "unitId": "u"}, 1) == ExposureEvent("x", "u")


def test_an_outcome_without_an_id_gets_that_of_its_line() -> None:
    row = {"unitId": "u", "metric": "m", "value": 1}
    assert [read(outcomes(source="log"), row, line).event_id for line in (2, 3)] == ["log:2", "log:3"]
    assert read(outcomes(source="log"), {**row, "eventId": ""}, 2).event_id == "log:2"
    with pytest.raises(TextError, match="source"):
        outcomes(source="s" * 300)


def test_columns_are_mapped_left_out_and_given_values() -> None:
    reader = outcomes(mapping={"user": "unitId", "note": ""}, constants={"metric": "cost", "experimentId": "x"})
    reader.check_columns(["user", "value", "note"])
    assert read(reader, {"user": "u", "value": "2", "note": "?"}, 1) == OutcomeEvent("u", "cost", 2.0, "s:1", None, "x")
    plan = exposures(mapping={"tier": "attributes.plan"}, constants={"experiment_id": "x"})
    assert read(plan, {"tier": "pro", "unitId": "u"}, 1) == ExposureEvent("x", "u", None, {"plan": "pro"})


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (["unitId", "metric", "value", "occured_at"], {}, "'occured_at'.*occurredAt.*--map occured_at="),
        (["unitId", "metric"], {}, "No column is called value.*--map COLUMN=value.*--set value=VALUE"),
        (["unitId", "unit_id", "metric", "value"], {}, "unit_id is given by two columns"),
        (["unitId", "metric", "value"], {"constants": {"metric": "cost"}}, "metric is given by two columns"),
        (["unitId", "metric", "value", "attributes.plan"], {}, "'attributes.plan'"),
    ],
)
def test_columns_that_are_not_right_are_told_with_the_remedy(columns, options, words) -> None:
    with pytest.raises(ValidationError, match=words):
        outcomes(**options).check_columns(columns)


@pytest.mark.parametrize("options", [{"mapping": {"user": "unit"}}, {"constants": {"unit": "u"}}])
def test_a_field_that_is_none_is_refused_at_once(options) -> None:
    with pytest.raises(ValidationError, match="'unit'"):
        outcomes(**options)


@pytest.mark.parametrize(("value", "expected"), [("1e-3", 0.001), (2, 2), (0.5, 0.5), (True, 1), ("-4", -4.0)])
def test_values(value, expected) -> None:
    assert read(outcomes(), {"unitId": "u", "metric": "m", "value": value}, 1).value == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01 13:00:00+01:00", NOON),
        ("2026-03-01T12:00:00", NOON.replace(tzinfo=None)),
        ("2026-03-01", datetime(2026, 3, 1)),  # noqa: DTZ001 - the recorder takes what has no zone as UTC
        (NOON, NOON),
        (date(2026, 3, 1), datetime(2026, 3, 1)),  # noqa: DTZ001
        ("", None),
        (None, None),
    ],
)
def test_times(time, expected) -> None:
    assert read(outcomes(), {"unitId": 17, "metric": "m", "value": 1, "occurredAt": time}, 1) == OutcomeEvent(
        "17", "m", 1, "s:1", expected
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "1_000"}, "value"),
        ({"value": "much"}, "value"),
        ({"value": [1]}, "value"),
        ({"value": None}, "value"),
        ({"unitId": 1.5}, "unitId"),
        ({"unitId": True}, "unitId"),
        ({"unitId": ""}, "unitId"),
        ({"metric": {"key": "m"}}, "metric"),
        ({"eventId": []}, "eventId"),
        ({"occurredAt": "yesterday"}, "occurredAt"),
        ({"occurredAt": 1772366400}, "occurredAt"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_values_name_their_field(change, field) -> None:
    with pytest.raises(ValidationError, match=field) as caught:
        read(outcomes(), {"unitId": "u", "metric": "m", "value": 1, **change}, 1)
    assert caught.value.field == field


@pytest.mark.parametrize("attributes", ["plan=pro", "[1]", [1], 1])
def test_attributes_that_are_no_object_are_refused(attributes) -> None:
    with pytest.raises(ValidationError, match="attributes"):
        read(exposures(), {"experimentId": "x", "unitId": "u", "attributes": attributes}, 1)


@pytest.mark.parametrize("row", [{"unit_id": "v"}, {"metric": "n"}])
def test_a_field_given_twice_is_refused(row) -> None:
    reader = outcomes(constants={"metric": "m"})
    with pytest.raises(ValidationError, match=f"{next(iter(row))} is given twice"):
        read(reader, {"unitId": "u", "value": 1, **row})


def test_an_attribute_given_twice_is_refused() -> None:
    row = {"experimentId": "x", "unitId": "u", "attributes": {"plan": "pro"}}
    with pytest.raises(ValidationError, match=r"attributes\.plan is given twice"):
        read(exposures(), {**row, "attributes.plan": "free"})
    reader = exposures(constants={"attributes.region": "eu"})
    for plan in ("pro", "free"):  # what one row says is not left to the next
        assert read(reader, {**row, "attributes": {"plan": plan}}).attributes == {"region": "eu", "plan": plan}
    assert read(reader, {"experimentId": "x", "unitId": "u"}).attributes == {"region": "eu"}


def test_constants_that_are_no_values_are_refused_at_once() -> None:
    with pytest.raises(ValidationError, match="value must be a number"):
        outcomes(constants={"value": "much"})
