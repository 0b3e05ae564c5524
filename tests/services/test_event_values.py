"""Values of JSON Lines: taken if the API takes them, and then the same ones."""

from collections.abc import Mapping

import pytest
from graphql import Undefined, coerce_input_value
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.errors import ValidationError
from omniforge_graph.graphql.schema import schema
from omniforge_graph.services.event_rows import FIELDS, EventKind, RowReader
from omniforge_graph.services.event_values import JSON, TEXT

EVENTS = {EventKind.EXPOSURES: ExposureEvent, EventKind.OUTCOMES: OutcomeEvent}
INPUTS = {EventKind.EXPOSURES: "ExposureInput", EventKind.OUTCOMES: "OutcomeInput"}
TIMES = ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5+01:00", "2026-03-01T12:00:00", "2026-03-01", "yesterday", ""]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 1, 1.0, -0.0, 2**53, 2**53 + 1, 10**400, 1e300, "", "1", "1.5", "true", "u", *TIMES])
)  # fmt: skip
VALUES = SCALARS | st.lists(SCALARS, max_size=1) | st.dictionaries(st.just("plan"), SCALARS)


@st.composite
def events(draw):
    """An event of a kind that is mostly right, with some fields missing and some of any value."""
    kind = draw(st.sampled_from(EventKind))
    right = {
        "experimentId": "x", "unitId": 7, "metric": "m", "value": 1.5, "eventId": "e", "occurredAt": TIMES[0],
        "attributes": {"plan": "pro"},
    }  # fmt: skip
    event = {name: right[name] for name in FIELDS[kind]}
    event.update(draw(st.dictionaries(st.sampled_from([*event, "surprise"]), VALUES, max_size=2)))
    for name in draw(st.sets(st.sampled_from([*FIELDS[kind]]), max_size=1)):
        event.pop(name)
    return kind, event


@settings(max_examples=500)
@given(events())
def test_an_object_is_taken_if_the_api_takes_it_and_says_the_same(drawn) -> None:
    kind, event = drawn
    api = coerce_input_value(event, schema._schema.type_map[INPUTS[kind]])
    if api is not Undefined and not isinstance(api.get("attributes"), Mapping | None):
        api = Undefined  # any JSON to GraphQL; the recorder refuses it
    try:
        ours = RowReader(kind, "s").read(event.items(), 1, JSON)
    except ValidationError:
        ours = Undefined
    if api is not Undefined and "eventId" in FIELDS[kind] and api["eventId"] is None:
        api["eventId"] = "s:1"
    assert ours == (api if api is Undefined else EVENTS[kind](**{FIELDS[kind][name]: api[name] for name in api}))


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("value", True, "true"),
        ("value", "1", '"1"'),
        ("value", 2**53 + 1, "9007199254740993"),
        ("unitId", False, "false"),
        ("unitId", 1.5, "1.5"),
        ("metric", 1, "1"),
        ("eventId", {"a": 1}, '{"a": 1}'),
        ("occurredAt", 1772366400, "1772366400"),
        ("occurredAt", "", '""'),
    ],
)
def test_what_is_wrong_is_shown_as_json(field, value, shown) -> None:
    event = {"unitId": "u", "metric": "m", "value": 1, field: value}
    with pytest.raises(ValidationError) as caught:
        RowReader(EventKind.OUTCOMES, "s").read(event.items(), 1, JSON)
    assert caught.value.field == field
    assert caught.value.message.endswith(f", not {shown}.")


def test_an_empty_text_says_nothing_in_a_table_and_is_one_in_json() -> None:
    event = {"unitId": "u", "metric": "m", "value": 1, "eventId": ""}
    reader = RowReader(EventKind.OUTCOMES, "s")
    assert reader.read(event.items(), 1, TEXT).event_id == "s:1"
    assert reader.read(event.items(), 1, JSON).event_id == ""  # which the recorder refuses, whoever sends it
