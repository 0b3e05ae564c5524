"""Variables read from JSON: the same values as from graphql-core and Strawberry, or the reader steps aside."""

import uuid
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import build_schema, parse
from hypothesis import given
from hypothesis import strategies as st
from strawberry import relay
from strawberry.scalars import JSON, Base64

from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.variables import VariableReader
from tests.graphql.plans.probing import REFUSED, Probes, same


@strawberry.enum
class Colour(Enum):
    RED = "#f00"
    GREEN = strawberry.enum_value("#0f0", name="VERT")
    BLUE = strawberry.enum_value("#00f", description="As the sky.")


@strawberry.input
class Inner:
    name: str
    colour: Colour = Colour.BLUE
    note: str | None = "none"


@strawberry.input
class Parent:
    key: strawberry.ID
    unset: str | None = strawberry.UNSET
    class_: str | None = strawberry.field(name="class", default=None)
    bare: int | None


@strawberry.input
class Outer(Parent):
    inner: Inner
    numbers: list[int]
    holes: list[int | None] | None = strawberry.field(default_factory=lambda: [1, 2])
    inners: list[Inner] = strawberry.field(default_factory=lambda: [Inner(name="a")])
    nested: list[list[float]] | None = None
    at: datetime | None = None
    others: JSON | None = None
    flag: bool = False
    given: Inner | None = strawberry.field(default_factory=lambda: Inner(name="d"))
    day: date | None = None

    def total(self) -> int:
        return sum(self.numbers)


@strawberry.input
class Checked:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("negative")
        self.twice = 2 * self.value


@strawberry.input
class Open:
    value: JSON
    other: JSON | None = None


@strawberry.input
class Hidden:
    value: int
    secret: strawberry.Private[int] = 7


TOY = Probes(
    {
        "text": str,
        "maybeText": str | None,
        "id": strawberry.ID,
        "maybeId": strawberry.ID | None,
        "whole": int,
        "number": float,
        "flag": bool,
        "colour": Colour | None,
        "time": datetime,
        "maybeTime": datetime | None,
        "json": JSON | None,
        "someJson": JSON,
        "jsons": list[JSON],
        "maybeJsons": list[JSON | None],
        "open": Open,
        "decimal": Decimal,
        "uuid": uuid.UUID,
        "day": date,
        "hour": time,
        "data": Base64,
        "ids": list[strawberry.ID],
        "colours": list[Colour | None] | None,
        "inner": Inner,
        "maybeInner": Inner | None,
        "inners": list[Inner | None] | None,
        "outer": Outer,
        "checked": Checked,
        "hidden": Hidden,
    }
)

READ = {
    "text": ['""', '"a\\u00e9\\ud83d\\ude00\\n"', '"é😀"'],
    "maybeText": ["null", '"a"'],
    "id": ['"a"', "1", "-1", "123456789012345678901234567890", "-0"],
    "maybeId": ["null", '"a"', "0"],
    "whole": ["0", "-0", "2147483647", "-2147483648"],
    "number": [
        *("0", "-0", "-0.0", "1", "1.5", "1e10", "-1E-300", "5e-324", "0.1", "1e300", "-1.7976931348623157e308"),
        *("9007199254740991", "9007199254740992", "-9007199254740992", "9007199254740993.0", "9007199254740994"),
        *("18446744073709551616", "-1" + "0" * 20),
    ],
    "flag": ["true", "false"],
    "colour": ["null", '"RED"', '"VERT"', '"BLUE"'],
    "maybeTime": ["null", '"2025-01-01T00:00:00Z"'],
    "json": ["null", "1", "1.0", '"a"', "[1, null, {}]", '{"a": {"b": [1e3, -0]}, "": 18446744073709551616}'],
    "someJson": ["0", "false", '""', "[]", "{}", "[null]", '{"a": null}'],
    "jsons": ["[]", "[0, {}, [null]]"],
    "maybeJsons": ["[null, 1]"],
    "open": ['{"value": [null]}', '{"value": {}, "other": null}'],
    "decimal": ['"1.10"', "1", "1.5", '"NaN"'],
    "uuid": ['"12345678123456781234567812345678"', '"{12345678-1234-5678-1234-567812345678}"'],
    "day": ['"2025-02-28"', '"20250228"'],
    "hour": ['"10:11"', '"10:11:12.5+01:00"'],
    "data": ['"aGk="'],
    "ids": ["[]", '["a", 1]'],
    "colours": ["null", "[]", '[null, "RED"]'],
    "inner": ['{"name": "a"}', '{"name": "a", "colour": "RED", "note": null}', '{"name": "a", "name": "b"}'],
    "maybeInner": ["null", '{"note": "n", "name": "a"}'],
    "inners": ["null", "[]", '[null, {"name": "a"}]'],
    "outer": [
        '{"key": 1, "inner": {"name": "a"}, "numbers": [1, 2]}',
        '{"key": "k", "inner": {"name": "a"}, "numbers": [], "unset": null, "class": "c", "bare": null}',
        '{"key": "k", "inner": {"name": "a"}, "numbers": [3], "unset": "u", "holes": [null], "inners": [], "bare": 3}',
        '{"key": "k", "inner": {"name": "a"}, "numbers": [3], "holes": null, "nested": [[1, 2.5], []], "given": null}',
        '{"key": "k", "inner": {"name": "a"}, "numbers": [3], "at": "2025-01-01T00:00:00Z", "others": {"a": [1]}}',
        '{"key": "k", "inner": {"name": "a"}, "numbers": [3], "flag": true, "day": "2025-01-01", "others": null}',
    ],
    "checked": ['{"value": 3}'],
    "hidden": ['{"value": 3}'],
}
REFUSALS = {
    "text": ["null", "1", "true", '["a"]', "{}", '"\\ud800"', '"\\q"', '"a', '"\xff"'],
    "id": ["null", "true", "1.5", '["a"]', "9" * 5000, "NaN"],
    "whole": ["null", "true", '"1"', "1.5", "2147483648", "-2147483649", "1e400"],
    "number": [
        "null",
        "true",
        '"1"',
        "9007199254740993",
        "-18446744073709551617",
        "1e400",
        "NaN",
        "-Infinity",
        "1" + "0" * 400,
    ],
    "flag": ["null", "0", '"true"'],
    "colour": ['"GREEN"', '"#f00"', "1", '["RED"]', '""'],
    "time": ["null", "1", '""', '"now"', '"2025-02-30T00:00:00Z"', '"2025-01-01T00:00:60Z"', '"1"', '"٢٠٢٥-01-01"'],
    "json": ["NaN", "[1", "1e400", '{"a": "\\ud800"}'],
    "someJson": ["null"],
    "jsons": ["null", "[null]", "[1, null]"],
    "maybeJsons": ["null"],
    "open": ["null", "{}", '{"value": null}', '{"other": 1}'],
    "decimal": ["null", '"x"'],
    "uuid": ['"1"', "1"],
    "day": ['"2025"', '"2025-02-29"'],
    "data": ['"a"', "1"],
    "ids": ["null", "[null]", "[true]"],
    "colours": ['["GREEN"]', "{}"],
    "inner": ["null", "{}", '{"name": null}', '{"name": "a", "colour": null}', '{"name": "a", "x": 1}', "[]"],
    "inners": ['[{"name": 1}]', '{"x": 1}'],
    "outer": ['{"key": "k", "inner": {}, "numbers": []}', '{"key": "k", "inner": {"name": "a"}, "numbers": [null]}'],
    "checked": ['{"value": -1}'],
    "hidden": ['{"value": 3, "secret": 1}'],
}
LEFT_TO_GRAPHQL_CORE = {
    "whole": ["1.0", "1e2"],
    "id": ["1.0"],
    "ids": ['"a"'],
    "inners": ['{"name": "a"}'],
}
TIMES = [
    "2025-01-01T10:11:12Z",
    "2025-01-01T10:11:12.1Z",
    "2025-01-01T10:11:12.123456Z",
    "2025-01-01T10:11:12.1234567Z",
    "2025-01-01T10:11:12.999999999Z",
    "9999-12-31T23:59:59.9999999Z",
    "2025-01-01T10:11:12",
    "2025-01-01T10:11:12+05:30",
    "2025-01-01T10:11:12-00:00",
    "2025-01-01T10:11:12-23:59",
    "2025-01-01T24:00:00Z",
    "2025-01-01T10:11Z",
    "2025-01-01T10Z",
    "2025-01-01",
    "2025-01",
    "2025",
    "20250101T101112Z",
    "2025-W01-1T10:11:12Z",
    "2025-001T10:11:12Z",
    "2025-01-01t10:11:12z",
    "2025-01-01_10:11:12Z",
    "2025-01-01T10:11:12,5Z",
    "2025-01-01T10:11:12+0530",
    "2025-01-01T10:11:12+05",
    "0001-01-01T00:00:00Z",
]
NO_TIMES = [
    "2025-01-01T10.5Z",
    "2025-01-01T10:11:12+05:30:15",
    "2025-01-01T10:11:12+24:00",
    "2025-01-01T10:11:12+05:60",
    "2025-01-01T10:11:12.Z",
    "0000-01-01T00:00:00Z",
    "2025-13-01T00:00:00Z",
    "2025-01-01T25:00:00Z",
    "2025-01-01T10:11:12é",
]


def cases(table: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(name, text, id=f"{name}: {text[:40]}") for name, texts in table.items() for text in texts]


def raw(text: str) -> bytes:
    return b'{"value": %s}' % text.encode("latin-1" if "\xff" in text else "utf-8")


@pytest.mark.parametrize(("name", "text"), cases(READ))
def test_what_is_accepted_is_what_resolvers_get(name, text):
    value = TOY.read(name, raw(text))
    assert same(value, TOY.expected(name, raw(text)))
    assert value is not REFUSED


@pytest.mark.parametrize(("name", "text"), cases(REFUSALS))
def test_what_graphql_core_refuses_is_not_accepted(name, text):
    assert TOY.expected(name, raw(text)) is REFUSED
    assert TOY.read(name, raw(text)) is REFUSED


@pytest.mark.parametrize(("name", "text"), cases(LEFT_TO_GRAPHQL_CORE))
def test_unusual_notations_are_left_to_graphql_core(name, text):
    assert TOY.expected(name, raw(text)) is not REFUSED
    assert TOY.read(name, raw(text)) is REFUSED


@pytest.mark.parametrize("text", TIMES)
def test_each_notation_of_time_that_strawberry_accepts_is_read_to_the_same_time(text):
    value = TOY.read("time", raw(f'"{text}"'))
    assert isinstance(value, datetime)
    assert same(value, TOY.expected("time", raw(f'"{text}"')))


@pytest.mark.parametrize("text", NO_TIMES)
def test_no_other_notation_of_time_is_accepted(text):
    assert TOY.expected("time", raw(f'"{text}"')) is REFUSED
    assert TOY.read("time", raw(f'"{text}"')) is REFUSED


@given(st.from_regex(r"\A\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d([.,]\d{1,9})?(Z|z|[+-]\d\d(:?\d\d){0,2})?\Z"))
def test_times_are_read_as_strawberry_reads_them(text):
    written = msgspec.json.encode({"value": text})
    assert same(TOY.read("time", written), TOY.expected("time", written))


@pytest.mark.parametrize("text", [None, b"null", b"{}", b" {} ", b'{"value": null}', b'{"value": "a"}'])
def test_an_absent_variable_stays_absent(text):
    assert same(TOY.read("maybeText", text), TOY.expected("maybeText", text))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"1", b'{"value": "a"', b'{"value": "a"} x', b'{"value": "a", "v": 1}', b'{"\xff": 1}']
)
def test_anything_else_than_the_variables_makes_the_reader_step_aside(text):
    assert TOY.read("maybeText", text) is REFUSED


def test_json_too_deep_for_the_decoder_makes_the_reader_step_aside():
    assert TOY.read("json", b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}") is REFUSED


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("text", '"d"'),
        ("maybeText", "null"),
        ("maybeId", "5"),
        ("colour", "VERT"),
        ("number", "3"),
        ("json", '{a: [1, {b: "c"}]}'),
        ("time", '"2025-01-01"'),
        ("inner", '{name: "d"}'),
        ("inners", '{name: "d", colour: RED}'),
        ("outer", '{key: 1, inner: {name: "a"}, numbers: 3}'),
    ],
)
@pytest.mark.parametrize("text", [b"{}", b'{"value": null}'])
def test_a_variable_has_its_default_where_it_is_absent(name, default, text):
    default = f" = {default}"
    assert same(TOY.read(name, text, default), TOY.expected(name, text, default))


def test_a_default_that_a_resolver_may_change_is_made_for_each_request():
    reader = TOY.reader("outer", ' = {key: 1, inner: {name: "a"}, numbers: 3}')
    first, second = reader.read(None)["value"], reader.read(None)["value"]
    assert first == second
    for name in ("inner", "numbers", "holes", "inners", "given"):
        assert getattr(first, name) is not getattr(second, name)


def test_instances_are_of_the_class_itself_with_its_methods():
    value = TOY.read("outer", raw('{"key": 1, "inner": {"name": "a"}, "numbers": [1, 2]}'))
    assert type(value) is Outer
    assert type(value.inner) is Inner
    assert value.total() == 3
    assert TOY.read("checked", raw('{"value": 3}')).twice == 6


def test_several_variables_are_read_at_once():
    text = "query ($a: String!, $b: [ID!], $c: Int = 3, $d: Inner) { text(value: $a) }"
    reader = VariableReader.of(TOY.schema, parse(text).definitions[0])
    assert reader.read(b'{"b": [1], "a": "x"}') == {"a": "x", "b": ["1"], "c": 3}
    assert reader.read(msgspec.Raw(b'{"a": "x", "d": null}')) == {"a": "x", "c": 3, "d": None}
    with pytest.raises(StepAside):
        reader.read(b'{"b": []}')


@pytest.mark.parametrize("name", ["class", "_decode", "__init__", "UNSET", "a0", "values"])
def test_a_variable_may_have_any_name(name):
    reader = VariableReader.of(TOY.schema, parse(f"query (${name}: Int) {{ text }}").definitions[0])
    assert reader.read(b'{"%s": 1}' % name.encode()) == {name: 1}


def test_an_operation_without_variables_has_a_reader():
    assert VariableReader.of(TOY.schema, parse("{ text }").definitions[0]).read(b"null") == {}


@strawberry.input
class Itself:
    again: "Itself | None" = None


@strawberry.input(one_of=True)
class Either:
    a: str | None = strawberry.UNSET
    b: int | None = strawberry.UNSET


@strawberry.input
class Partial:
    a: strawberry.Maybe[str]


@strawberry.input
class Global:
    id: relay.GlobalID


@pytest.mark.parametrize("kind", [Itself, Either, Partial, Global, list[Itself]])
def test_types_that_strawberry_converts_in_ways_of_its_own_have_no_reader(kind):
    assert Probes({"it": kind}).reader("it") is None


def test_a_schema_of_another_make_has_no_reader():
    operation = parse("query ($a: Int) { a(a: $a) }").definitions[0]
    assert VariableReader.of(build_schema("type Query { a(a: Int): Int }"), operation) is None
