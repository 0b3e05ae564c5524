"""Live experiments: the present first, then each change once and in order; the slow get the latest."""

import asyncio
from contextlib import aclosing

import pytest

from omniforge_graph.domain.caller import Caller
from omniforge_graph.errors import ExperimentNotFoundError
from omniforge_graph.services.assembly import assemble
from omniforge_graph.services.broker import BACKLOG


async def test_the_present_then_each_change_once(world) -> None:
    draft = await world.experiment()
    manager = world.services.experiments
    async with aclosing(world.services.broker.watch(draft.id)) as states:
        seen = [await anext(states)]
        await manager.start_experiment(draft.id)
        await manager.stop_experiment(draft.id)
        await manager.start_experiment(draft.id)
        seen += [await anext(states) for _ in range(3)]
    assert [(state.revision, state.status) for state in seen] == [
        (1, "DRAFT"),
        (2, "RUNNING"),
        (3, "PAUSED"),
        (4, "RUNNING"),
    ]


async def test_a_change_made_in_another_process_arrives_too_with_every_step(world, registry) -> None:
    draft = await world.experiment()
    theirs = assemble(world.services.repository, registry)
    async with aclosing(theirs.broker.watch(draft.id)) as states:
        assert (await anext(states)).status == "DRAFT"
        await world.services.experiments.start_experiment(draft.id)
        await world.services.experiments.stop_experiment(draft.id)
        await theirs.feed.pull()
        assert [(await anext(states)).status for _ in range(2)] == ["RUNNING", "PAUSED"]


async def test_a_slow_reader_gets_the_latest_state(world) -> None:
    draft = await world.experiment()
    manager = world.services.experiments
    async with aclosing(world.services.broker.watch(draft.id)) as states:
        await anext(states)
        for _ in range(BACKLOG):
            await manager.start_experiment(draft.id)
            last = await manager.stop_experiment(draft.id)
        seen = []
        while not seen or seen[-1].revision < last.revision:
            seen.append(await anext(states))
        revisions = [state.revision for state in seen]
        assert revisions == sorted(set(revisions))
        assert len(revisions) <= BACKLOG
        assert seen[-1] == last


async def test_nothing_unchanged_is_repeated_and_closing_forgets_the_reader(world) -> None:
    draft = await world.experiment()
    states = world.services.broker.watch(draft.id)
    await anext(states)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(states), 0.05)
    await states.aclose()
    assert not world.services.broker._mailboxes


async def test_an_experiment_of_another_tenant_does_not_exist(world) -> None:
    caller = Caller("svc", "t1")
    experiment = await world.services.experiments.create_experiment(
        world.prompt.id, "n", "", "won", world.variants(50, 50), "svc", caller=caller
    )
    with pytest.raises(ExperimentNotFoundError):
        await anext(world.services.broker.watch(experiment.id, caller=Caller("svc", "t2")))


async def test_who_watches_is_counted(world) -> None:
    draft, broker = await world.experiment(), world.services.broker
    assert broker.subscribers == 0
    async with aclosing(broker.watch(draft.id)) as one, aclosing(broker.watch(draft.id)) as other:
        await anext(one)
        assert broker.subscribers == 1
        await anext(other)
        assert broker.subscribers == 2
    assert broker.subscribers == 0
