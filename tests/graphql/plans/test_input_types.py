"""Every input type of our schema, with any JSON: the reader gives what resolvers get today, or steps aside."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.types.base import StrawberryObjectDefinition

from omniforge_graph.graphql.schema import schema
from tests.graphql.plans.probing import REFUSED, Probes, same

CLASSES: dict[str, Any] = {
    name: definition.origin
    for name, type_ in schema._schema.type_map.items()
    if isinstance(type_, GraphQLInputObjectType)
    and isinstance(definition := type_.extensions["strawberry-definition"], StrawberryObjectDefinition)
}
Outcome = CLASSES["OutcomeInput"]
PROBES = Probes(CLASSES | {"outcomes": list[Outcome | None] | None})

offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "String": st.text(max_size=10),
    "ID": st.text(max_size=10) | st.integers(),
    "Int": st.integers(-(2**31), 2**31 - 1),
    "Float": FLOATS | st.integers(-(2**53), 2**53) | FLOATS.map(int),
    "Boolean": st.booleans(),
    "DateTime": st.datetimes(timezones=st.none() | offsets).map(datetime.isoformat),
    "JSON": json_values,
}
"""Values in the usual notations: each has to be read."""


def usual(type_: GraphQLInputType) -> st.SearchStrategy[Any]:
    """Values of a type that have to be read."""
    if not isinstance(type_, GraphQLNonNull):
        return st.none() | usual(GraphQLNonNull(type_))
    inner = type_.of_type
    if isinstance(inner, GraphQLList):
        return st.lists(usual(inner.of_type), max_size=3)
    if isinstance(inner, GraphQLEnumType):
        return st.sampled_from(list(inner.values))
    if not isinstance(inner, GraphQLInputObjectType):
        return SCALARS[inner.name]
    members = {name: usual(each.type) for name, each in inner.fields.items()}
    required = {name for name, each in inner.fields.items() if is_required_input_field(each)}
    return st.fixed_dictionaries(
        {name: value for name, value in members.items() if name in required},
        optional={name: value for name, value in members.items() if name not in required},
    )


@st.composite
def damaged(draw: st.DrawFn, type_: GraphQLInputType) -> bytes:
    """Variables of a type, with some of the values within replaced, left out or added, or the text itself broken."""
    value = {"value": draw(usual(type_))}
    for _ in range(draw(st.integers(0, 2))):
        damage(draw, value)
    text = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)):
        return text
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(start + 4, len(text))))
    return text[:start] + draw(st.binary(max_size=2) | st.sampled_from([b"\\ud800", text[start:end] * 2])) + text[end:]


def damage(draw: st.DrawFn, value: Any) -> None:
    """Change something at some depth of an object or a list."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not places:
        return
    place = draw(st.sampled_from(places))
    if isinstance(value[place], dict | list) and value[place] and draw(st.integers(0, 3)):
        damage(draw, value[place])
    elif draw(st.booleans()):
        value[place] = draw(json_values | st.sampled_from([1.0, 2**31, 1e300, 2**53 + 1, "2025", "RUNNING"]))
    elif isinstance(value, dict):
        if draw(st.booleans()):
            value[draw(st.sampled_from(["id", "name", "x", ""]))] = draw(json_values)
        else:
            del value[place]


@pytest.mark.parametrize("name", PROBES.types)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_every_value_in_the_usual_notation_is_read_to_what_resolvers_get(name, data):
    text = json.dumps({"value": data.draw(usual(PROBES.types[name]))}).encode()
    expected = PROBES.expected(name, text)
    assert expected is not REFUSED
    assert same(PROBES.read(name, text), expected)


@pytest.mark.parametrize("name", PROBES.types)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_nothing_is_read_to_anything_else_than_what_resolvers_get(name, data):
    text = data.draw(damaged(PROBES.types[name]))
    value = PROBES.read(name, text)
    assert value is REFUSED or same(value, PROBES.expected(name, text))
