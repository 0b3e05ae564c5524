"""Which operations have plans."""

from pathlib import Path

import pytest
import strawberry
from graphql import OperationType, parse
from strawberry.extensions import FieldExtension

from omniforge_graph.graphql.plans import Renderings, StepAside, compile_plan
from omniforge_graph.graphql.plans.collecting import MOST_FIELDS
from omniforge_graph.graphql.plans.plan import MOST_VARIANTS
from omniforge_graph.graphql.schema import schema
from tests.graphql.plans.toy.types import Context

CONTRACT = Path(__file__).parents[4] / "shared" / "contract" / "operations.graphql"


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Cat") { name } }',
        "{ leaves { text } __schema { queryType { name } } }",
        "{ secret }",
        "query Q($where: Where!) { echo(json: {where: $where}) }",
        "mutation { nothing }",
        "{ " + " ".join(f"a{number}: person {{ name number }}" for number in range(MOST_FIELDS // 2)) + " }",
    ],
)
async def test_no_plan(toy, query):
    assert toy.compile(query) is None
    await toy.core(query)


async def test_what_conditions_leave_out_needs_no_plan(toy):
    query = "query Q($a: Boolean!) { person { name } secret @include(if: $a) }"
    await toy.same(query, {"a": False})
    with pytest.raises(StepAside):
        await toy.plan(query, {"a": True})


async def test_so_many_combinations_of_conditions_are_compiled(toy):
    names = [f"v{number}" for number in range(MOST_VARIANTS.bit_length())]
    definitions = " ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: echo @include(if: ${name})" for name in names)
    plan = toy.compile(f"query Q({definitions}) {{ __typename {fields} }}")
    answered = 0
    for number in range(2 ** len(names)):
        variables = ", ".join(f'"{name}": {str(bool(number >> bit & 1)).lower()}' for bit, name in enumerate(names))
        try:
            data = await plan.run(Context(), f"{{{variables}}}".encode())
        except StepAside:
            continue
        assert len(data) == 1 + number.bit_count()
        answered += 1
    assert answered == MOST_VARIANTS


class Shouting(FieldExtension):
    def resolve(self, next_, source, info, **arguments):
        return next_(source, info, **arguments).upper()


async def test_extensions_have_no_plan(make_toy):
    @strawberry.type
    class Query:
        @strawberry.field(extensions=[Shouting()])
        def text(self) -> str:
            return "text"

        @strawberry.field
        def plain(self) -> str:
            return "plain"

    toy = make_toy(Query)
    assert toy.compile("{ text }") is None
    assert toy.compile("{ plain text }") is None
    await toy.same("{ plain }")


async def test_resolvers_that_were_replaced_have_no_plan(make_toy):
    @strawberry.type
    class Query:
        @strawberry.field
        def text(self) -> str:
            return "text"

    toy = make_toy(Query)
    toy.schema.query_type.fields["text"].resolve = lambda source, info: "replaced"
    assert toy.compile("{ text }") is None


async def test_directives_of_ones_own_have_no_plan():
    from strawberry.directive import DirectiveLocation, directive

    @directive(locations=[DirectiveLocation.FIELD])
    def loud(value: str) -> str:
        return value.upper()

    @strawberry.type
    class Query:
        @strawberry.field
        def text(self) -> str:
            return "text"

    made = strawberry.Schema(Query, directives=[loud])
    document = parse("{ text @loud }")
    assert compile_plan(made._schema, document, document.definitions[0], Renderings()) is None


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not at hand")
def test_every_query_of_the_contract_has_a_plan():
    document = parse(CONTRACT.read_text())
    queries = [each for each in document.definitions if each.operation is OperationType.QUERY]
    assert len(queries) >= 8
    for query in queries:
        assert compile_plan(schema._schema, document, query, Renderings()), query.name.value
