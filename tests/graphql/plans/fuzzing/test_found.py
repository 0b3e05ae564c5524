"""What once was answered differently, reduced."""

import pytest

from omniforge_graph.plugin.manager import installed_plugins
from tests.graphql.plans.fuzzing import world
from tests.graphql.plans.fuzzing.doors import Door, Message
from tests.graphql.plans.fuzzing.requests import Request
from tests.graphql.plans.fuzzing.test_toy import toy_pair

SLOTS = '[{slot: "a", promptKey: "greeting"}]'


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($v: JSON!) { echo(json: $v) }", '{"v": null}'),
        ("query ($v: [JSON!]!) { echo(json: $v) }", '{"v": [null]}'),
    ],
)
async def test_on_the_toy_schema(query, variables) -> None:
    pair = toy_pair()
    await pair.compare(Request(query, None, variables))
    assert pair.executions == 1


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (
            f'query ($v: JSON!) {{ selectVariant(prompts: {SLOTS}, tenantId: "u1", attributes: $v) {{ slot }} }}',
            '{"v": null}',
        ),
    ],
)
async def test_on_the_real_schema(ground, query, variables) -> None:
    pair = ground.pair()
    await pair.compare(Request(query, None, variables))
    await pair.assert_same_state()


async def test_of_two_faults_the_same_is_told_with_a_plan_and_without(ground) -> None:
    query = "query ($v: ID!) { selectVariant(prompts: [], tenantId: $v) { slot } }"
    good, bad = (f'{{"query": "{query}", "variables": {{"v": {value}}}}}'.encode() for value in ('"u1"', "1e400"))
    replies = []
    for plans in (True, False):
        door = Door(world.serve(world.copy_of(ground.repository), installed_plugins(), ground.world.clock), plans=plans)
        for _ in range(3):
            await door.send(Message("POST", b"", {}, good))
        replies.append(await door.send(Message("POST", b"", {"omniforge-tenant": "x" * 300}, bad)))
    assert replies[0] == replies[1]
