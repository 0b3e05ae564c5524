"""Our own recording mutations: a plan and graphql-core record the same and answer the same."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from graphql import execute, parse

from omniforge_graph.domain.caller import Caller
from omniforge_graph.errors import UnavailableError, ValidationError
from omniforge_graph.graphql.context import Context
from omniforge_graph.graphql.plans.mutations import compile_mutation
from omniforge_graph.graphql.schema import schema
from omniforge_graph.graphql.transport.masking import root_cause
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.assembly import assemble
from omniforge_graph.testing import MemoryRepository

CORE = schema._schema
NOW = datetime(2025, 6, 1, tzinfo=UTC)
RECEIPT = "{ accepted duplicates rejected { index code message } }"
EXPOSURES = f"mutation ($input: RecordExposuresInput!) {{ recordExposures(input: $input) {RECEIPT} }}"
OUTCOMES = f"mutation ($input: RecordOutcomesInput!) {{ done: recordOutcomes(input: $input) {RECEIPT} }}"


CREATE_PROMPT = """mutation ($input: CreatePromptInput!) {
    createPrompt(input: $input) { prompt { id currentVersion { id } } errors { message } }
}"""
CREATE_EXPERIMENT = """mutation ($input: CreateExperimentInput!) {
    createExperiment(input: $input) { experiment { id } errors { message } }
}"""
START = "mutation ($input: StartExperimentInput!) { startExperiment(input: $input) { errors { message } } }"


class World:
    """Services over a repository in memory, with a clock that stands still."""

    def __init__(self, repository: MemoryRepository, caller: Caller | None = None) -> None:
        self.repository = repository
        self.services = assemble(repository, installed_plugins(), clock=lambda: NOW)
        self.caller = caller or Caller()

    def context(self) -> Context:
        return Context(self.services, self.caller)

    async def core(self, text: str, variables: dict[str, Any]) -> Any:
        return await execute(CORE, parse(text), context_value=self.context(), variable_values=variables)

    async def plan(self, text: str, variables: dict[str, Any]) -> Any:
        document = parse(text)
        plan = compile_mutation(CORE, document, document.definitions[0])
        assert plan is not None
        return await plan.run(self.context(), json.dumps(variables).encode())


async def experiment(world: World) -> str:
    """Start an experiment and return its id."""

    async def do(text: str, **variables: Any) -> Any:
        result = await world.core(text, {"input": variables})
        assert result.errors is None
        [payload] = result.data.values()
        assert payload["errors"] == []
        return payload

    prompt = (await do(CREATE_PROMPT, key="greeting", name="Greeting", content="Hello"))["prompt"]
    variants = [
        {"name": name, "promptVersionId": prompt["currentVersion"]["id"], "trafficPercentage": 50} for name in "ab"
    ]
    given = {"promptId": prompt["id"], "name": "Greeting", "successMetric": "converted", "variants": variants}
    made = (await do(CREATE_EXPERIMENT, **given))["experiment"]["id"]
    await do(START, experimentId=made)
    return made


@pytest.fixture
async def worlds():
    """Two worlds with the same running experiment, and its id."""
    world = World(MemoryRepository())
    made = await experiment(world)
    return world, World(copy.deepcopy(world.repository)), made


def recorded(world: World) -> list[Any]:
    return [*world.repository._exposures.values(), *world.repository._outcomes]


async def same_from_both(core: World, plan: World, text: str, variables: dict[str, Any]) -> Any:
    """Run a mutation in both worlds; answers and records must be the same. Return the answer."""
    expected, actual = await core.core(text, variables), await plan.plan(text, variables)
    assert msgspec.json.encode(actual.data) == msgspec.json.encode(expected.data)
    assert [each.formatted for each in actual.errors or ()] == [each.formatted for each in expected.errors or ()]
    causes = [[type(root_cause(each)) for each in result.errors or ()] for result in (actual, expected)]
    assert causes[0] == causes[1]
    assert recorded(plan) == recorded(core)
    return actual


async def test_events_are_recorded_and_judged_alike(worlds):
    core, plan, made = worlds
    exposures = [
        {"experimentId": made, "unitId": "u1"},
        {"experimentId": made, "unitId": 2, "occurredAt": "2025-05-31T23:00:00.123456789Z"},
        {"experimentId": made, "unitId": "u1", "attributes": {"country": "CH", "age": 33}},
        {"experimentId": "none", "unitId": "u3"},
        {"experimentId": made, "unitId": ""},
        {"experimentId": made, "unitId": "u4", "attributes": ["no object"]},
    ]
    answer = await same_from_both(core, plan, EXPOSURES, {"input": {"events": exposures}})
    assert answer.data["recordExposures"]["accepted"] == 2
    assert [each["index"] for each in answer.data["recordExposures"]["rejected"]] == [3, 4, 5]
    outcomes = [
        {"unitId": "u1", "metric": "converted", "value": 1, "eventId": "e1", "occurredAt": NOW.isoformat()},
        {"unitId": "u1", "metric": "converted", "value": 1.0, "eventId": "e1"},
        {"unitId": 2, "metric": "converted", "value": 0, "experimentId": made},
        {"unitId": "u1", "metric": "unknown", "value": 1.5},
        {"unitId": "u1", "metric": "converted", "value": 0.5},
    ]
    answer = await same_from_both(core, plan, OUTCOMES, {"input": {"events": outcomes}})
    assert answer.data["done"]["accepted"] == 2
    assert len(recorded(plan)) == 4


@pytest.mark.parametrize("events", [0, 5001])
async def test_a_batch_of_a_wrong_size_fails_alike(worlds, events):
    core, plan, made = worlds
    batch = [{"experimentId": made, "unitId": "u"}] * events
    answer = await same_from_both(core, plan, EXPOSURES, {"input": {"events": batch}})
    assert answer.data is None
    [error] = answer.errors
    assert isinstance(root_cause(error), ValidationError)
    assert error.path == ["recordExposures"]


@pytest.mark.parametrize("failure", [UnavailableError("The database is away."), RuntimeError("a bug")])
async def test_what_the_database_raises_is_answered_alike(worlds, failure):
    core, plan, made = worlds

    async def fail(exposures):
        raise failure

    for world in (core, plan):
        world.repository.record_exposures = fail
    batch = [{"experimentId": made, "unitId": "u"}]
    core, plan = World(core.repository), World(plan.repository)
    answer = await same_from_both(core, plan, EXPOSURES, {"input": {"events": batch}})
    assert answer.data is None
    assert type(root_cause(answer.errors[0])) is type(failure)
