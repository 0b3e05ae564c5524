"""Our own operations with variables inside of literals: absent, null or given, a plan answers as graphql-core does."""

import copy
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from graphql import execute, parse, validate
from graphql.pyutils import is_awaitable

from omniforge_graph.graphql.plans import Renderings, StepAside, compile_mutation, compile_plan
from omniforge_graph.testing import MemoryRepository
from tests.graphql.plans.test_recording import CORE, NOW, World, experiment, recorded

ABSENT = object()
RECEIPT = "{ accepted duplicates rejected { index code message } }"
SELECT = """query ($key: String, $slot: String = "s", $tenant: ID!, $country: String, $age: Int) {
    selectVariant(
        prompts: [{slot: $slot, promptKey: $key}, {slot: "other", promptKey: "greeting"}]
        tenantId: $tenant
        attributes: {country: $country, age: $age}
    ) { slot reason variantName promptVersion { content } }
}"""
EXPERIMENTS = """query ($status: ExperimentStatus, $prompt: ID, $any: [ExperimentStatus!], $first: ExperimentStatus!) {
    one: experiments(filter: {status: {eq: $status, in: $any}, promptId: $prompt}) { edges { node { name status } } }
    two: experiments(filter: {status: {in: [$first]}}) { edges { node { name status } } }
}"""
WHOLE_BATCH = f"mutation ($events: [OutcomeInput!]!) {{ recordOutcomes(input: {{events: $events}}) {RECEIPT} }}"
OUTCOMES = f"""mutation ($unit: ID!, $value: Float = 1, $id: ID, $at: DateTime, $more: OutcomeInput!) {{
    recordOutcomes(input: {{events: [
        {{unitId: $unit, metric: "converted", value: $value, eventId: $id, occurredAt: $at}}
        $more
        {{unitId: "u2", metric: "converted", value: 0}}
    ]}}) {RECEIPT}
}}"""
EXPOSURES = f"""mutation ($experiment: ID!, $unit: ID!, $country: String, $more: JSON) {{
    recordExposures(input: {{events: [
        {{experimentId: $experiment, unitId: $unit, attributes: {{country: $country}}}}
        {{experimentId: $experiment, unitId: "other", attributes: $more}}
    ]}}) {RECEIPT}
}}"""


def combinations(choices: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """All combinations of the values of variables."""
    for values in itertools.product(*choices.values()):
        yield {name: value for name, value in zip(choices, values, strict=True) if value is not ABSENT}


@pytest.fixture
async def world():
    made = World(MemoryRepository())
    return made, await experiment(made)


def operation(text: str) -> Any:
    document = parse(text)
    assert validate(CORE, document) == []
    return document


async def run(plan: Any, world: World, variables: dict[str, Any]) -> Any:
    """What a plan answers, or None if it steps aside."""
    try:
        return await plan.run(world.context(), json.dumps(variables).encode())
    except StepAside:
        return None


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        (
            SELECT,
            {
                "key": ["greeting", None, ABSENT],
                "slot": ["a", None, ABSENT],
                "tenant": ["u1"],
                "country": ["CH", None, ABSENT],
                "age": [3, None, ABSENT],
            },
        ),
        (
            EXPERIMENTS,
            {
                "status": ["RUNNING", "DRAFT", None, ABSENT],
                "prompt": ["none", None, ABSENT],
                "any": [["RUNNING"], [], None, ABSENT],
                "first": ["RUNNING", None, ABSENT],
            },
        ),
    ],
)
async def test_queries(world, text, choices):
    one, _ = world
    document = operation(text)
    plan = compile_plan(CORE, document, document.definitions[0], Renderings())
    answered = 0
    for variables in combinations(choices):
        expected = execute(CORE, document, context_value=one.context(), variable_values=variables)
        if is_awaitable(expected):
            expected = await expected
        actual = await run(plan, one, variables)
        assert (actual is None) == bool(expected.errors), (variables, expected.errors)
        if actual is not None:
            assert msgspec.json.encode(actual) == msgspec.json.encode(expected.data)
            answered += 1
    assert answered > 1


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        (WHOLE_BATCH, {"events": [[{"unitId": 1, "metric": "converted", "value": 1}], [], None, ABSENT, [None]]}),
        (
            OUTCOMES,
            {
                "unit": ["u1", 2, None],
                "value": [1, 0.5, None, ABSENT],
                "id": ["e1", None, ABSENT],
                "at": [NOW.isoformat(), None, ABSENT],
                "more": [{"unitId": "u1", "metric": "unknown", "value": 1}, None],
            },
        ),
        (
            EXPOSURES,
            {
                "experiment": [1, None],
                "unit": ["u1"],
                "country": ["CH", None, ABSENT],
                "more": [{"age": 3}, {}, "x", None, ABSENT],
            },
        ),
    ],
)
async def test_mutations(world, text, choices):
    one, made = world
    document = operation(text)
    plan = compile_mutation(CORE, document, document.definitions[0])
    answered = 0
    for variables in combinations(choices):
        if variables.get("experiment"):
            variables["experiment"] = made
        planned, plain = World(copy.deepcopy(one.repository)), World(copy.deepcopy(one.repository))
        expected = execute(CORE, document, context_value=plain.context(), variable_values=variables)
        if is_awaitable(expected):
            expected = await expected
        actual = await run(plan, planned, variables)
        if actual is None:
            assert expected.data is None
        else:
            assert msgspec.json.encode(actual.data) == msgspec.json.encode(expected.data)
            assert [each.formatted for each in actual.errors or ()] == [
                each.formatted for each in expected.errors or ()
            ]
            answered += expected.errors is None
        assert recorded(planned) == recorded(plain)
    assert answered
