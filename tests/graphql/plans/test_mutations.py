"""Mutation plans against graphql-core: the same data, the same errors, and the resolver runs once."""

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

import msgspec
import pytest
import strawberry
from graphql import GraphQLError, OperationDefinitionNode, build_schema, execute, parse, validate
from graphql.pyutils import is_awaitable

from omniforge_graph.graphql.plans import long_inputs
from omniforge_graph.graphql.plans.errors import StepAside
from omniforge_graph.graphql.plans.mutations import compile_mutation


@strawberry.enum
class Mood(Enum):
    GOOD = 1
    BAD = 2


@strawberry.interface
class Note:
    text: str


@strawberry.type
class Remark(Note):
    mood: Mood = Mood.GOOD


@strawberry.type
class Complaint(Note):
    level: int = 1


@strawberry.type
class Receipt:
    id: strawberry.ID
    amounts: list[float]
    notes: list[Note]
    mood: Mood | None = None
    parent: "Receipt | None" = None

    @strawberry.field
    def length(self) -> int:
        return len(self.amounts)


@strawberry.input
class Position:
    name: str
    count: int = 1
    mood: Mood = Mood.BAD


@dataclass
class Log:
    """The context: it has what resolvers were called with."""

    calls: list[Any] = field(default_factory=list)


class OutOfStockError(Exception):
    def __init__(self) -> None:
        self.message = "Out of stock."
        self.extensions = {"code": "OUT_OF_STOCK"}


def receipt(**changed: Any) -> Receipt:
    given = {"id": strawberry.ID("1"), "amounts": [1.5], "notes": [Remark(text="a"), Complaint(text="b")]}
    return Receipt(**{**given, **changed})


@strawberry.type
class Query:
    one: int = 1


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def buy(self, info: strawberry.Info, positions: list[Position], note: str | None = "none") -> Receipt:
        info.context.calls.append((self, positions, note))
        return receipt(amounts=[float(each.count) for each in positions])

    @strawberry.mutation
    def sell(self, info: strawberry.Info, name: str = "apple", moods: list[Mood] | None = None) -> Receipt | None:
        info.context.calls.append((name, moods))
        return None if name == "nothing" else receipt(mood=moods[0] if moods else None)

    @strawberry.mutation
    async def fail(self, info: strawberry.Info, how: str) -> Receipt | None:
        info.context.calls.append(how)
        raise ERRORS[how]

    @strawberry.mutation
    def fail_at_once(self, info: strawberry.Info, how: str) -> Receipt:
        info.context.calls.append(how)
        raise ERRORS[how]

    @strawberry.mutation
    async def give(self, info: strawberry.Info, what: str) -> Receipt | None:
        info.context.calls.append(what)
        return WRONG[what]

    @strawberry.mutation
    def give_at_once(self, info: strawberry.Info, what: str) -> Receipt:
        info.context.calls.append(what)
        return WRONG[what]

    @strawberry.mutation
    def look(self, info: strawberry.Info, positions: list[Position], at: Annotated[str, strawberry.argument()]) -> str:
        looks = {
            "variables": lambda: info.variable_values,
            "selected": lambda: [each.name for each in info.selected_fields],
            "path": info.path.as_list,
            "name": lambda: (info.field_name, info.python_name, info.operation.name.value),
            "query": lambda: info.query,
            "schema": lambda: info.schema is schema,
        }
        return repr(looks[at]())

    @strawberry.mutation
    async def count(self) -> int:
        return 3


schema = strawberry.Schema(query=Query, mutation=Mutation, types=[Remark, Complaint])
core = schema._schema

ERRORS = {
    "value": ValueError("no such thing"),
    "own": OutOfStockError(),
    "graphql": GraphQLError("said by GraphQL", extensions={"code": "X"}),
    "located": GraphQLError("said elsewhere", path=["elsewhere"]),
    "key": KeyError("k"),
}
WRONG = {
    "none": None,
    "an exception": ValueError("returned"),
    "a null amount": receipt(amounts=[1.0, None, 2.0]),
    "a bad amount": receipt(amounts=[1.0, "x", float("nan")]),
    "no list": receipt(amounts=3),
    "an unknown mood": receipt(mood="GREAT"),
    "a foreign note": receipt(notes=[Remark(text="a"), object()]),
    "a null note": receipt(notes=[None]),
    "another class": object(),
    "a bad text": receipt(notes=[Remark(text={"a": 1})]),
    "fine": receipt(amounts=[]),
}
EVERYTHING = (
    """{ id ...rest notes { __typename text ... on Remark { mood } ... on Complaint { level hard: level } } }"""
)
REST = "fragment rest on Receipt { mood amounts all: amounts id }"


def compiled(text: str):
    document = parse(text)
    assert validate(core, document) == []
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    return document, compile_mutation(core, document, operation)


async def both(text: str, variables: dict[str, Any] | None = None) -> tuple[Log, Log, Any]:
    """Run a mutation with its plan and with graphql-core; the results must be the same. Return what was called."""
    document, plan = compiled(text)
    assert plan is not None
    planned, plain = Log(), Log()
    expected = execute(core, document, context_value=plain, variable_values=variables)
    if is_awaitable(expected):
        expected = await expected
    actual = await plan.run(planned, None if variables is None else json.dumps(variables).encode())
    assert msgspec.json.encode(actual.data) == msgspec.json.encode(expected.data)
    assert [each.formatted for each in actual.errors or ()] == [each.formatted for each in expected.errors or ()]
    for one, other in zip(actual.errors or (), expected.errors or (), strict=True):
        assert (one.nodes, one.source, one.positions) == (other.nodes, other.source, other.positions)
        assert type(one.original_error) is type(other.original_error)
        assert str(one.original_error) == str(other.original_error)
    assert planned == plain
    return planned, plain, actual


async def test_a_mutation_answers_as_graphql_core_does():
    text = f"mutation ($positions: [Position!]!) {{ bought: buy(positions: $positions) {EVERYTHING} }} {REST}"
    log, _, result = await both(text, {"positions": [{"name": "a"}, {"name": "b", "count": 4, "mood": "GOOD"}]})
    assert log.calls == [(None, [Position(name="a"), Position(name="b", count=4, mood=Mood.GOOD)], "none")]
    assert result.errors is None
    assert list(result.data["bought"]) == ["id", "mood", "amounts", "all", "notes"]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ("", None),
        ("(name: $name)", {}),
        ("(name: $name)", {"name": "pear"}),
        ('(name: "nothing")', {}),
        ("(name: $name, moods: GOOD)", {"name": "pear"}),
        ("(name: $name, moods: [GOOD, BAD])", {"name": "pear"}),
        ("(name: $name, moods: $moods)", {"name": "pear", "moods": ["BAD"]}),
        ("(name: $name, moods: $moods)", {"name": "pear", "moods": None}),
        ("(name: $name, moods: $moods)", {"name": "pear"}),
        ("(moods: null)", {}),
    ],
)
async def test_arguments_come_from_literals_variables_and_defaults(arguments, variables):
    known = {"$name": '$name: String! = "plum"', "$moods": "$moods: [Mood!]"}
    used = ", ".join(definition for name, definition in known.items() if name in arguments)
    head = f"mutation ({used})" if used else "mutation"
    log, _, _ = await both(f"{head} {{ sell{arguments} {{ id mood }} }}", variables)
    assert len(log.calls) == 1


@pytest.mark.parametrize("how", ERRORS)
@pytest.mark.parametrize("name", ["fail", "failAtOnce"])
async def test_what_a_resolver_raises_is_answered_as_graphql_core_does(how, name):
    log, _, result = await both(f"mutation ($how: String!) {{ it: {name}(how: $how) {{ id }} }}", {"how": how})
    assert log.calls == [how]
    assert result.data == ({"it": None} if name == "fail" else None)
    assert len(result.errors) == 1


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("name", ["give", "giveAtOnce"])
async def test_what_a_resolver_should_not_return_is_answered_as_graphql_core_does(what, name):
    text = f"mutation ($what: String!) {{ {name}(what: $what) {EVERYTHING} }} {REST}"
    log, _, result = await both(text, {"what": what})
    assert log.calls == [what]
    assert (result.errors is None) == (what == "fine" or (what == "none" and name == "give"))


@pytest.mark.parametrize("at", ["variables", "selected", "path", "name", "query", "schema"])
async def test_resolvers_get_a_whole_info(at):
    text = "mutation Look($positions: [Position!]!, $at: String!) { seen: look(positions: $positions, at: $at) }"
    _, _, result = await both(text, {"positions": [{"name": "a"}], "at": at})
    assert result.errors is None


async def test_a_field_without_arguments_or_info_is_planned():
    _, _, result = await both("mutation { count }")
    assert result.data == {"count": 3}


BOUGHT = "buy(positions: $positions) { id amounts }"
NULLABLE, NOT_NULL = "fail(how: $how) { id }", "failAtOnce(how: $how) { id }"
WRONG_AND_NULLABLE, WRONG_AND_NOT = "give(what: $what) { amounts }", "giveAtOnce(what: $what) { amounts }"


@pytest.mark.parametrize(
    ("fields", "called"),
    [
        (["count", "again: count", BOUGHT], 1),
        ([BOUGHT, "sell { id }", f"more: {BOUGHT}"], 3),
        ([BOUGHT, BOUGHT, "count @skip(if: true)"], 1),
        ([BOUGHT, NULLABLE, f"more: {BOUGHT}"], 3),
        ([NULLABLE, BOUGHT, f"more: {NULLABLE}"], 3),
        ([WRONG_AND_NULLABLE, BOUGHT, "sell { id }"], 3),
        ([BOUGHT, NOT_NULL, f"more: {BOUGHT}"], 2),
        ([NULLABLE, WRONG_AND_NULLABLE, WRONG_AND_NOT, BOUGHT], 3),
        ([BOUGHT, f"more: {BOUGHT}", NULLABLE], 3),
        (['look(positions: $positions, at: "path")', NULLABLE, 'more: look(positions: $positions, at: "path")'], 1),
        (["count @skip(if: true)"], 0),
    ],
)
async def test_several_fields_run_one_after_the_other_whatever_fails(fields, called):
    types = {"positions": "[Position!]!", "how": "String!", "what": "String!"}
    given = {"positions": [{"name": "a", "count": 4}], "how": "own", "what": "a null amount"}
    used = [name for name in types if any(f"${name}" in each for each in fields)]
    head = f"mutation ({', '.join(f'${name}: {types[name]}' for name in used)})" if used else "mutation"
    calls, _, _ = await both(f"{head} {{ {' '.join(fields)} }}", {name: given[name] for name in used})
    assert len(calls.calls) == called


@pytest.mark.parametrize("fields", ["buy(positions: $positions) { amounts }", f"{NULLABLE} {BOUGHT}"])
async def test_long_variables_are_read_with_turns_for_others(fields, rounds):
    positions = [{"name": "x" * 30, "count": place} for place in range(5_000)]
    more, given = (", $how: String!", {"how": "key"}) if "$how" in fields else ("", {})
    text = f"mutation ($positions: [Position!]!{more}) {{ {fields} }}"
    _, _, result = await both(text, {"positions": positions, **given})
    assert result.data["buy"]["amounts"] == [float(place) for place in range(5_000)]
    assert len(rounds) > 5_000 / long_inputs.STEP


async def test_a_late_fault_in_long_variables_makes_it_step_aside_before_anything_runs():
    _, plan = compiled("mutation ($positions: [Position!]!) { buy(positions: $positions) { id } }")
    positions = [{"name": "x" * 30} for _ in range(5_000)]
    for wrong in ({"name": 1}, {"name": "a", "mood": "FAIR"}, {}, None):
        log = Log()
        with pytest.raises(StepAside):
            await plan.run(log, msgspec.json.encode({"positions": [*positions, wrong]}))
        assert log.calls == []


@pytest.mark.parametrize(
    "variables",
    [
        b"{}",
        b'{"positions": 1}',
        b'{"positions": [{"name": 1}]}',
        b'{"positions": [{"name": "a", "x": 1}]}',
        None,
        b"{",
    ],
)
async def test_variables_that_do_not_fit_make_it_step_aside_before_anything_runs(variables):
    _, plan = compiled("mutation ($positions: [Position!]!) { buy(positions: $positions) { id } }")
    log = Log()
    with pytest.raises(StepAside):
        await plan.run(log, variables)
    assert log.calls == []


@pytest.mark.parametrize("before", ["", "sell { id }"])
async def test_null_for_an_argument_that_takes_none_makes_it_step_aside_before_anything_runs(before):
    _, plan = compiled(f'mutation ($how: String = "value") {{ {before} fail(how: $how) {{ id }} }}')
    log = Log()
    with pytest.raises(StepAside):
        await plan.run(log, b'{"how": null}')
    assert log.calls == []


async def test_literals_that_resolvers_may_change_are_made_anew_for_each_run():
    _, plan = compiled('mutation { buy(positions: [{name: "a"}]) { id } }')
    log = Log()
    await plan.run(log, None)
    await plan.run(log, None)
    (_, first, _), (_, second, _) = log.calls
    assert first == second == [Position(name="a")]
    assert first is not second
    assert first[0] is not second[0]


@pytest.mark.parametrize(
    "text",
    [
        "{ one }",
        "mutation { __typename }",
        "mutation { sell { length } }",
        "mutation { sell { parent { parent { length } } } }",
        "mutation ($if: Boolean!) { sell { id @include(if: $if) } }",
        "mutation { count sell { length } }",
    ],
)
def test_only_fields_of_plain_attributes_are_planned(text):
    assert compiled(text)[1] is None


def test_a_schema_of_another_make_is_not_planned():
    plain = build_schema("type Query { a: Int } type Mutation { b: Int }")
    document = parse("mutation { b }")
    assert compile_mutation(plain, document, document.definitions[0]) is None
