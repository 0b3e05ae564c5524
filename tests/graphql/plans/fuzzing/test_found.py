"""What once was answered differently, reduced."""

import pytest

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
