"""The same over a schema with what ours has not: unions, fields that fail, values that resolvers should not give."""

import asyncio

import pytest

from omniforge_graph.graphql.transport import Engine
from tests.graphql.plans.fuzzing.ground import HUNT, batches, compare_all, explore
from tests.graphql.plans.fuzzing.requests import Asker
from tests.graphql.plans.fuzzing.sides import Pair, Side
from tests.graphql.plans.fuzzing.values import Values
from tests.graphql.plans.toy.schema import SCHEMA
from tests.graphql.plans.toy.types import Context

DOCUMENTS = 120
KINDS = (
    "number bool big nan inf list tuple generator text null error later decimal member value mapping duck named cast"
)
POOLS = {
    "Query.strange.kind": [*KINDS.split(), "cat", "text", "null", "tuple"],
    **dict.fromkeys(("count", "times", "first", "integer", "factor", "limit", "lists[][]"), (1, 2, 3, 0, -1)),
}
"""Numbers are small: a client may ask for as many persons, or for as loud a shout, as it likes."""
RARITY = {
    "Query.changed": 0,  # plans share what they read: a resolver must not change its arguments
    "Query.fail": 4,
    "Query.failLater": 4,
    "Query.path": 10,
    "Query.secret": 10,
    "Query.strange": 40,
}

pytestmark = pytest.mark.timeout(7200 if HUNT else 900)


def toy_pair() -> Pair:
    """Return both sides."""
    engines = (Engine(SCHEMA, plans=plans, plan_after=1) for plans in (True, False))
    return Pair(*(Side(engine, lambda queue: Context()) for engine in engines))


@pytest.mark.parametrize("shard", range(2))
def test_a_plan_of_any_schema_answers_as_graphql_core_does(shard) -> None:
    graphql = SCHEMA._schema
    pair = toy_pair()
    with asyncio.Runner() as runner:
        asker = Asker(graphql, [graphql.query_type], Values(POOLS), RARITY)
        explore(batches(asker), compare_all(runner, pair), 300 + shard, DOCUMENTS)
    assert pair.planned >= 0.5 * pair.clean > 0.3 * pair.executions
