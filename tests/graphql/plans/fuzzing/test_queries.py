"""Whatever is asked: a plan answers with the bytes that graphql-core answers with, or leaves it to graphql-core."""

import asyncio

import pytest

from tests.graphql.plans.fuzzing.ground import CALLERS, HUNT, batches, compare_all, explore, on_sqlite
from tests.graphql.plans.fuzzing.sides import Pair

SHARDS = 10
DOCUMENTS = 140

pytestmark = pytest.mark.timeout(7200 if HUNT else 900)


def assert_worth_it(pair: Pair) -> None:
    """Hold that the comparison is not empty: most requests have an answer, and most answers are a plan's."""
    assert pair.clean >= 0.5 * pair.executions
    assert pair.planned >= 0.75 * pair.clean


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_plan_answers_as_graphql_core_does(ground, shard) -> None:
    with asyncio.Runner() as runner:
        caller = CALLERS[shard % len(CALLERS)]
        pair = ground.pair(caller)
        explore(batches(ground.asker(caller)), compare_all(runner, pair), shard, DOCUMENTS)
        runner.run(pair.assert_same_state())
    assert_worth_it(pair)


def test_a_plan_answers_from_a_database_as_graphql_core_does(sqlite_url, tmp_path) -> None:
    with asyncio.Runner() as runner:
        opened = on_sqlite(sqlite_url, tmp_path)
        asker, pair = runner.run(opened.__aenter__())
        explore(batches(asker), compare_all(runner, pair), SHARDS, DOCUMENTS // 2)
        runner.run(opened.__aexit__(None, None, None))
    assert_worth_it(pair)
