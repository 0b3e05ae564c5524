"""Literals that hold variables: plans give resolvers what graphql-core and Strawberry give them, or step aside."""

import asyncio
import json
import re
from datetime import date, datetime
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import execute_sync, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.scalars import JSON

from omniforge_graph.graphql.plans import Renderings, StepAside, compile_mutation, compile_plan
from tests.graphql.plans.probing import REFUSED, same


@strawberry.enum
class Colour(Enum):
    RED = "#f00"
    GREEN = strawberry.enum_value("#0f0", name="VERT")


@strawberry.input
class Inner:
    name: str
    colour: Colour = Colour.RED
    note: str | None = "none"
    limit: int | None = strawberry.UNSET
    class_: list[int] | None = strawberry.field(name="class", default_factory=lambda: [1])


@strawberry.input
class Outer:
    inner: Inner
    count: int = 7
    key: strawberry.ID | None
    holes: list[int | None] | None = None
    solid: list[int] = strawberry.field(default_factory=lambda: [1, 2])
    matrix: list[list[Colour] | None] | None = None
    inners: list[Inner] = strawberry.field(default_factory=lambda: [Inner(name="d")])
    given: Inner | None = strawberry.field(default_factory=lambda: Inner(name="g"))
    at: datetime | None = None
    day: date | None = None
    json: JSON = strawberry.field(default_factory=lambda: {"a": [1]})
    maybe_json: JSON | None = None
    again: "Outer | None" = None


@strawberry.input
class Checked:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("negative")


@strawberry.input(one_of=True)
class Either:
    a: str | None = strawberry.UNSET
    b: int | None = strawberry.UNSET


class Log:
    """The context: it has what resolvers got."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []


def note(
    info: strawberry.Info,
    outer: Outer | None = None,
    outers: list[Outer | None] | None = None,
    texts: list[str | None] | None = None,
    lists: list[list[int] | None] | None = None,
    colours: list[Colour] = [Colour.GREEN],  # noqa: B006
    json: JSON | None = None,
    checked: Checked | None = None,
    either: Either | None = None,
) -> int:
    got = dict(locals())
    info.context.got.append({name: value for name, value in got.items() if name != "info"})
    if checked and checked.value == 2:
        raise ValueError("two")
    return 1


@strawberry.type
class Query:
    note: int = strawberry.field(resolver=note)


@strawberry.type
class Mutation:
    note: int = strawberry.mutation(resolver=note)


OWNER = strawberry.Schema(query=Query, mutation=Mutation)
SCHEMA = OWNER._schema

TYPES = {
    "text": "String",
    "someText": "String!",
    "textOrD": 'String = "d"',
    "int": "Int",
    "someInt": "Int!",
    "intOr3": "Int = 3",
    "someIntOr4": "Int! = 4",
    "colour": "Colour",
    "someColour": "Colour!",
    "colourOrVert": "Colour = VERT",
    "ints": "[Int!]",
    "someInts": "[Int!]!",
    "colours": "[Colour!]",
    "id": "ID",
    "at": "DateTime",
    "json": "JSON",
    "someJson": "JSON!",
    "inner": "Inner",
    "someInner": "Inner!",
    "innerOrD": 'Inner = {name: "d", limit: 5}',
    "inners": "[Inner!]",
}
"""Variables by name."""
TEXTS = st.sampled_from(["", "a", "é"])
INTS = st.integers(-2, 2)
COLOURS = st.sampled_from(["RED", "VERT"])
JSONS = st.sampled_from([0, "x", [], [None], {"a": {"b": 1}}])
INNERS = st.fixed_dictionaries(
    {"name": TEXTS},
    optional={
        "colour": COLOURS,
        "note": st.none() | TEXTS,
        "limit": st.none() | INTS,
        "class": st.none() | st.lists(INTS),
    },
)
VALUES = {
    "String": TEXTS,
    "Int": INTS,
    "Colour": COLOURS,
    "ID": TEXTS,
    "DateTime": st.just("2025-01-01T00:00:00Z"),
    "JSON": JSONS,
    "Inner": INNERS,
    "[Int!]": st.lists(INTS, max_size=2),
    "[Colour!]": st.lists(COLOURS, max_size=2),
    "[Inner!]": st.lists(INNERS, max_size=2),
}

DOCUMENTS = [
    "note(texts: [$text])",
    "note(texts: [$text, null, $textOrD, $someText])",
    "note(lists: [$ints, [$someInt, 2]])",
    "note(lists: [$someInts, 3])",
    "note(lists: [[$intOr3, $someIntOr4]])",
    "note(colours: [$someColour, RED, $colourOrVert])",
    "note(outer: {inner: {name: $textOrD}})",
    "note(outer: {inner: {name: $someText, colour: $colour, note: $text, limit: $int, class: $ints}, key: $id})",
    "note(outer: {inner: {name: $textOrD, colour: $colourOrVert, class: [$intOr3]}})",
    "note(outer: {inner: $someInner, given: $inner, inners: [$someInner, {name: $someText}]})",
    "note(outer: {inner: $innerOrD, count: $int, solid: $ints, inners: $inners, matrix: [$colours, null, [RED]]})",
    "note(outer: {inner: {name: $someText}, holes: [$int, null, 2], solid: [$intOr3], inners: {name: $someText}})",
    'note(outer: {inner: $someInner, holes: $ints, matrix: [[$someColour], VERT], at: $at, day: "2025-01-01"})',
    'note(outer: {inner: {name: "a"}, count: $someInt, given: {name: $someText}, json: $someJson, maybeJson: $json})',
    'note(outer: {inner: {name: "a"}, json: $json, again: {inner: $someInner, again: {inner: {name: $someText}}}})',
    'note(outer: {inner: {name: "a"}, json: {a: [$json, $int], b: $colour, c: {d: $text}}, maybeJson: [$ints]})',
    "note(outers: [{inner: $someInner, count: $int}, null, {inner: {name: $textOrD}}])",
    "note(outers: {inner: $someInner, key: $id})",
    "note(json: {a: $text, b: [$int, {c: $json}], d: RED, e: $at}, texts: [$text])",
    "note(json: [$colours, 1.5, $textOrD])",
    "note(checked: {value: $someInt})",
    "note(checked: {value: $intOr3}, outer: {inner: {name: $someText}})",
    'one: note(texts: [$text]) two: note(texts: ["a", $text], json: {a: $text})',
]


def document(fields: str, kind: str = "query") -> Any:
    """The operation with these fields, which defines the variables that they use."""
    used = dict.fromkeys(re.findall(r"\$(\w+)", fields))
    head = f"({', '.join(f'${name}: {TYPES[name]}' for name in used)})" if used else ""
    made = parse(f"{kind} {head} {{ {fields} }}")
    assert validate(SCHEMA, made) == []
    return made


def plan_of(fields: str) -> Any:
    made = document(fields)
    return compile_plan(SCHEMA, made, made.definitions[0], Renderings())


NOTED = "note(outer: {inner: {name: $someText, note: $text}})"
PLANS = {fields: plan_of(fields) for fields in DOCUMENTS}


def got_by_core(fields: str, variables: dict[str, Any]) -> Any:
    log = Log()
    result = execute_sync(SCHEMA, document(fields), context_value=log, variable_values=variables)
    return REFUSED if result.errors else log.got


def got_by_plan(plan: Any, variables: dict[str, Any]) -> Any:
    log = Log()
    try:
        plan.run(log, json.dumps(variables).encode()).send(None)
    except StepAside:
        return REFUSED
    except StopIteration:  # nothing has waited
        return log.got
    raise AssertionError


@st.composite
def variables_of(draw: st.DrawFn, fields: str) -> dict[str, Any]:
    """Values of the variables, some absent or null, seldom where they may not be."""
    made = {}
    for name in dict.fromkeys(re.findall(r"\$(\w+)", fields)):
        kind, _, default = TYPES[name].partition(" = ")
        needed = kind.endswith("!")
        how = draw(st.integers(0, 9))
        if how == 0 or (how < 4 and (default or not needed)):
            continue
        made[name] = None if how == 4 or (how < 7 and not needed) else draw(VALUES[kind.removesuffix("!")])
    return made


@pytest.mark.parametrize("fields", DOCUMENTS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_resolvers_get_what_graphql_core_and_strawberry_give_them(fields, data):
    plan = PLANS[fields]
    variables = data.draw(variables_of(fields))
    assert same(got_by_plan(plan, variables), got_by_core(fields, variables))


@pytest.mark.parametrize(
    ("fields", "variables", "expected"),
    [
        ("note(texts: [$text, $text])", {}, {"texts": [None, None]}),
        ("note(texts: [$text])", {"text": None}, {"texts": [None]}),
        ("note(lists: [[$intOr3]])", {}, {"lists": [[3]]}),
        (NOTED, {"someText": "a"}, {"outer": Outer(inner=Inner(name="a"), key=None)}),
        (NOTED, {"someText": "a", "text": None}, {"outer": Outer(inner=Inner(name="a", note=None), key=None)}),
        ("note(json: {a: $text, b: [$int]})", {"text": "x", "int": None}, {"json": {"a": "x", "b": [None]}}),
    ],
)
def test_what_is_absent_or_null_in_a_literal(fields, variables, expected):
    [got] = got_by_plan(plan_of(fields), variables)
    assert expected.items() <= got.items()
    assert same([got], got_by_core(fields, variables))


@pytest.mark.parametrize(
    ("fields", "variables"),
    [
        ("note(lists: [[$intOr3]])", {"intOr3": None}),
        ("note(outer: {inner: {name: $textOrD}})", {"textOrD": None}),
        ("note(outer: {inner: $innerOrD, count: $int})", {"int": None}),
        ("note(outer: {inner: $innerOrD, solid: $ints})", {"ints": None}),
        ("note(outer: {inner: $innerOrD, json: $json})", {"json": None}),
        ("note(checked: {value: $someInt})", {"someInt": -1}),
    ],
)
def test_what_a_position_refuses_is_left_to_graphql_core(fields, variables):
    assert got_by_plan(plan_of(fields), variables) is REFUSED
    assert got_by_core(fields, variables) is REFUSED


def test_what_is_built_is_new_for_each_request():
    plan = plan_of("note(outer: {inner: {name: $textOrD}, holes: [$int, 1], json: {a: [1]}}, json: {a: [2], b: $int})")
    (first,), (second,) = got_by_plan(plan, {"int": 1}), got_by_plan(plan, {"int": 1})
    assert same(first, second)
    one, other = first["outer"], second["outer"]
    assert one is not other
    for name in ("inner", "holes", "solid", "inners", "given", "json"):
        assert getattr(one, name) is not getattr(other, name)
    assert first["json"]["a"] is not second["json"]["a"]
    assert first["colours"] is not second["colours"]


@pytest.mark.parametrize(
    "fields",
    [
        "note(either: {b: $someInt})",
        "note(json: {inner: $inner})",
        "note(json: [[$inners]])",
        "note(checked: {value: -1})",
        "note(outers: [{inner: $someInner}], checked: {value: -1})",
    ],
)
def test_literals_that_have_no_plan(fields):
    assert plan_of(fields) is None


MUTATIONS = [*(each for each in DOCUMENTS if not each.startswith("one:")), "it: note(outer: {inner: $someInner})"]


@pytest.mark.parametrize("fields", MUTATIONS)
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_mutations_get_the_same(fields, data):
    made, variables = document(fields, "mutation"), data.draw(variables_of(fields))
    plan = compile_mutation(SCHEMA, made, made.definitions[0])
    planned, plain = Log(), Log()
    expected = execute_sync(SCHEMA, made, context_value=plain, variable_values=variables)
    try:
        actual = asyncio.run(plan.run(planned, json.dumps(variables).encode()))
    except StepAside:
        assert expected.errors
        assert planned.got == []
    else:
        assert actual.data == expected.data
        assert [each.formatted for each in actual.errors or ()] == [each.formatted for each in expected.errors or ()]
        assert same(planned.got, plain.got)
