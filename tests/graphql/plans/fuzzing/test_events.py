"""What is recorded and tracked is the same by plan and by graphql-core, and recorded once."""

import asyncio
from dataclasses import replace

import pytest

from omniforge_graph.graphql.plans import variables
from tests.graphql.plans.fuzzing.documents import fields_of
from tests.graphql.plans.fuzzing.ground import CALLERS, GRAPHQL, HUNT, RARITY, Ground, batches, compare_all, explore
from tests.graphql.plans.fuzzing.requests import Request
from tests.graphql.plans.fuzzing.sides import Pair
from tests.graphql.plans.fuzzing.world import make_look_due

DOCUMENTS = 90
RECORDED = {"recordExposures", "recordOutcomes"}
RECORD = {f"Mutation.{name}": 0 for name in GRAPHQL.mutation_type.fields if name not in RECORDED}
LOOK = {
    **{f"Query.{name}": 0 for name in GRAPHQL.query_type.fields if not name.startswith("experiment")},
    **{f"{kind}.{name}": 10 for kind in ("Experiment", "ExperimentConnection") for name in fields_of(GRAPHQL, kind)},
    "Query.experiments": 20,
    "ExperimentConnection.edges": 100,
    "Experiment.analysis": 100,
    "Experiment.analysisHistory": 0,
    "Experiment.slices": 0,
    "Analysis.density": 5,
}
"""A query that takes a look and reads the looks elsewhere is a race within itself: its fields run side by side."""
SELECT = RARITY | {f"Query.{name}": 0 for name in GRAPHQL.query_type.fields if not name.startswith("selectV")}

pytestmark = pytest.mark.timeout(7200 if HUNT else 900)


@pytest.mark.parametrize("shard", range(4))
def test_recording_is_answered_and_done_as_by_graphql_core(
    ground: Ground, shard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shard % 2:
        monkeypatch.setattr(variables, "LONG", 0)  # all are read as those of a large batch
    executions = planned = 0
    caller = CALLERS[shard % len(CALLERS)]

    def check(batch: list[Request]) -> None:
        nonlocal executions, planned
        pair = ground.pair(caller)  # new worlds: each document finds the same
        compare_all(runner, pair)(batch)
        runner.run(pair.assert_same_state())
        executions, planned = executions + pair.executions, planned + pair.planned

    with asyncio.Runner() as runner:
        explore(batches(ground.asker(caller, GRAPHQL.mutation_type, RECORD, narrow=70)), check, 100 + shard, DOCUMENTS)
    assert planned >= 0.25 * executions


@pytest.mark.parametrize("shard", range(3))
def test_selection_tracks_what_it_tracks_by_graphql_core(ground: Ground, shard: int) -> None:
    with asyncio.Runner() as runner:
        pair = ground.pair(CALLERS[shard])
        before = len(pair.planned_side.services.repository._exposures)
        explore(batches(ground.asker(CALLERS[shard], rarity=SELECT)), compare_all(runner, pair), 200 + shard, DOCUMENTS)
        runner.run(pair.assert_same_state())
        tracked = len(pair.planned_side.services.repository._exposures) - before
    assert pair.planned >= 0.4 * pair.executions
    assert tracked > 0


def test_looks_are_taken_as_by_graphql_core(ground: Ground) -> None:
    executions = planned = looks = 0
    running = ground.world.experiments[0]
    before = len(ground.repository._looks[running.id])

    async def compare(batch: list[Request]) -> Pair:
        pair = ground.pair()
        for side in (pair.planned_side, pair.plain_side):
            await make_look_due(side.services, running)
        for request in batch:
            await pair.compare(request)
        await pair.assert_same_state()
        return pair

    def check(batch: list[Request]) -> None:
        nonlocal executions, planned, looks
        pair = runner.run(compare(batch))
        executions, planned = executions + pair.executions, planned + pair.planned
        looks += len(pair.planned_side.services.repository._looks[running.id]) - before

    asker = ground.asker(rarity=LOOK, narrow=50)
    pools = {**asker.values.pools, "Query.experiment.id": [running.id]}
    asker = replace(asker, values=replace(asker.values, pools=pools))
    with asyncio.Runner() as runner:
        explore(batches(asker, 2), check, 400, DOCUMENTS)
    assert planned >= 0.25 * executions
    assert looks >= 5
