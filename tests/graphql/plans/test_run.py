"""What plans answer: the same bytes as graphql-core, or nothing."""

import itertools

import pytest

from omniforge_graph.graphql.plans import StepAside

LEAVES = (
    "text id integer number flag color size level moment day uuid money json nothing noColor noMoment noInteger noJson "
    "someText someColor someMoment someNumber matrix holes noList colors deep"
)

DOCUMENTS = {
    "leaves": f"{{ leaves {{ {LEAVES} }} }}",
    "leaves later": f"{{ leavesLater {{ {LEAVES} }} }}",
    "typenames": "{ __typename leaves { __typename text } t: __typename }",
    "only a typename": "{ __typename }",
    "aliases": "{ b: leaves { z: text a: text text } a: leaves { integer } }",
    "quoted key": '{ echo(text: "a\\"b\\\\\\n\\u00e9") }',
    "merged fields": "{ leaves { text } person { name } leaves { integer text } person { number } }",
    "merged through fragments": """
        { ...A person { number } ...B }
        fragment A on Query { person { name } leaves { flag } }
        fragment B on Query { leaves { text } person { ...C boss { name } } }
        fragment C on Person { boss { number } score }
    """,
    "a fragment twice": "{ person { ...F ...F n: name } } fragment F on Person { name }",
    "inline without a type": "{ person { ... { name } ... on Named { name } ... on Person { number } } }",
    "interface": "{ pets { __typename name age ... on Cat { lives } ... on Dog { tricks owner { name } } } }",
    "interface of an interface": "{ pets { ... on Cat { friends { __typename name ... on Aged { age } } } } }",
    "interface by fragments": """
        { pets { ...N ...C } }
        fragment N on Named { name __typename }
        fragment C on Cat { lives friends { ...N ... on Dog { tricks } ... on Person { score } } }
    """,
    "key order by type": "{ pets { ... on Dog { tricks } age ... on Cat { lives } name } }",
    "union": """{ things { __typename ... on Cat { name } ... on Rock { weight }
        ... on IntEdge { cursor number: node } ... on StrEdge { cursor node } } }""",
    "nothing of a type": "{ things { ... on Rock { weight } } }",
    "generics": "{ page { edges { cursor node { name } } total } }",
    "waiting below waiting": "{ persons { boss { name score boss { score } pet { name shout(times: 2) } } wait } }",
    "several roots": "{ a: persons { score } b: persons(count: 1) { pet { age } } page { total } person { name } }",
    "the same field with two arguments": "{ persons { score twice: score(factor: 2) } }",
    "waiting fields between others": "{ persons { name score number wait boss { name } n: name } }",
    "empty lists": "{ persons(count: 0) { score boss { name } } }",
    "null from waiting": '{ persons { pet(named: null) { name } kit: pet(named: "Kit") { name } boss { name } } }',
    "parent and root": '{ person { parentName(suffix: "!") rootName } }',
    "resolvers with arguments": '{ pets { ... on Cat { shout a: shout(times: 3) b: shout(mark: "?", times: 0) } } }',
    "stable": f"{{ fixed {{ name inner {{ name inner {{ name }} }} leaves {{ {LEAVES} }} }} }}",
    "stable in a list": "{ manyFixed { name inner { __typename name } } a: manyFixed { name } }",
    "half stable": "{ halfFixed { name __typename } }",
    "defaults": "{ echo }",
    "literals": """{ echo(text: "x", integer: null, number: 2, id: 7, color: RED, colors: [RED, VERDANT], flag: null,
        where: {name: "w", tags: "one"}, json: {a: [1, "x", null, 2.5, true, RED]}, lists: [[1, null], 2],
        when: "2024-01-02T03:04:05Z") }""",
    "constant conditions": """{ leaves { text @skip(if: true) integer @include(if: true) number @include(if: false)
        ... @include(if: false) { flag } ...F @skip(if: false) } } fragment F on Leaves { id }""",
    "skipped altogether": "{ leaves { text } person @skip(if: true) { name } }",
    "both conditions": "{ leaves { text @skip(if: false) @include(if: true) id @skip(if: true) @include(if: true) } }",
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_the_same_bytes(toy, name):
    assert await toy.same(DOCUMENTS[name])


async def test_arguments_do_not_leak_into_other_requests(toy):
    text = '{ a: changed b: changed c: changed(items: [5], where: {name: "x"}) d: changed(where: {name: "x"}) }'
    await toy.same(text)
    await toy.same(text)


VARIABLES = {
    "text": "String",
    "n": "Int",
    "color": "Color",
    "where": "Where",
    "l": "[[Int]!]",
    "flag": "Boolean",
    "json": "JSON",
    "when": "DateTime",
}
ARGUMENTS = "integer: $n flag: $flag colors: [RED] where: $where json: $json lists: $l when: $when"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"text": "given"},
        {"n": None},
        {"n": 3, "color": "RED", "flag": True, "json": {"a": [None]}},
        {"where": {"name": "x"}, "l": [[1, None], []], "flag": None, "color": "VERDANT"},
        {"where": {"name": "x", "limit": 9, "tags": ["a"]}, "l": None, "json": None},
        {"when": "2024-01-02T03:04:05+01:00", "json": 1.0},
    ],
)
async def test_variables(toy, variables):
    """Absent is not null: an absent variable leaves the argument to its default."""
    definitions = " ".join(f"${name}: {type_}" for name, type_ in VARIABLES.items())
    query = (
        f"query Q({definitions}) {{ echo(text: $text color: $color {ARGUMENTS}) person {{ parentName(suffix: $s) }} }}"
    )
    await toy.same(query.replace("$n: Int", "$n: Int $s: String!"), {**variables, "s": "!"})


async def test_defaults_of_variables(toy):
    query = 'query Q($text: String = "d", $n: Int = null, $count: Int = 2) { echo(text: $text, integer: $n) '
    query += "persons(count: $count) { score(factor: $count) } }"
    await toy.same(query)
    await toy.same(query, {"text": "t", "n": 4, "count": 1})
    for refused in ({"text": None}, {"count": None}):
        assert (await toy.core(query, refused)).errors
        with pytest.raises(StepAside):
            await toy.plan(query, refused)


CONDITIONS = """
    query Q($a: Boolean!, $b: Boolean = true, $n: String) {
        leaves @include(if: $a) { text @skip(if: $b) ...F @include(if: $b) }
        ... @skip(if: $a) { person { name score @include(if: $b) } }
        echo(text: $n)
    }
    fragment F on Leaves { integer ... @skip(if: $a) { flag } number @include(if: $a) }
"""


@pytest.mark.parametrize(("a", "b"), [*itertools.product([True, False], [True, False, None])])
async def test_conditions(toy, a, b):
    await toy.same(CONDITIONS, {"a": a} if b is None else {"a": a, "b": b})


@pytest.mark.parametrize("variables", [None, {}, {"a": None}, {"a": 1}, {"a": "true"}, {"a": True, "b": None}])
async def test_conditions_that_are_not_boolean(toy, variables):
    assert (await toy.core(CONDITIONS, variables)).errors
    with pytest.raises(StepAside):
        await toy.plan(CONDITIONS, variables)


KINDS = [
    "number",
    "bool",
    "big",
    "nan",
    "inf",
    "list",
    "tuple",
    "set",
    "generator",
    "text",
    "null",
    "error",
    "later",
    "decimal",
    "member",
    "value",
    "mapping",
    "duck",
    "named",
    "cast",
    "cat",
]
FIELDS = {
    **dict.fromkeys(("text", "must", "integer", "number", "flag", "id", "color", "json", "moment", "items"), ""),
    "person": "{ name number }",
    "persons": "{ name number }",
    "named": "{ __typename name }",
    "thing": "{ __typename ... on Cat { name } }",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", FIELDS)
async def test_strange_values(toy, field, kind):
    """The plan may step aside only where graphql-core reports an error, or had to await or to look closely."""
    query = f'{{ strange(kind: "{kind}") {{ {field} {FIELDS[field]} }} }}'
    result = await toy.core(query)
    if result.errors or kind == "later":
        with pytest.raises(StepAside):
            await toy.plan(query)
    else:
        await toy.same(query)


@pytest.mark.parametrize(
    "query",
    [
        "{ fail }",
        "{ failLater }",
        "{ leaves { text } fail }",
        "{ persons(first: -1) { name score } }",
        "{ persons(first: -1) { score wait } failLater }",
        "{ path }",
    ],
)
async def test_what_fails_is_left_to_graphql_core(toy, query):
    with pytest.raises(StepAside):
        await toy.plan(query)
