"""Tracked exposures: idempotent, written together, kept through an outage."""

import asyncio

import pytest

from omniforge_graph.domain.selection import PromptSlot
from omniforge_graph.errors import UnavailableError

SLOT = [PromptSlot("system", prompt_key="greeting")]


async def track(world, unit: str) -> None:
    (selection,) = await world.services.selector.select_all(SLOT, unit)
    if exposure := world.services.tracker.exposure(selection, unit):
        world.services.tracker.add(exposure)


async def exposed(world, experiment) -> int:
    counts = await world.services.repository.exposure_counts([experiment.id])
    return sum(counts.get(experiment.id, {}).values())


async def test_tracked_units_are_recorded_once(world) -> None:
    experiment = await world.running()
    for unit in ("a", "b", "a"):
        await track(world, unit)
    await world.services.tracker.flush()
    await track(world, "a")
    await world.services.tracker.flush()
    assert await exposed(world, experiment) == 2


async def test_without_an_experiment_there_is_nothing_to_track(world) -> None:
    await track(world, "a")
    await world.services.tracker.flush()
    experiment = await world.running()
    assert await exposed(world, experiment) == 0


async def test_an_outage_delays_but_loses_nothing(world, monkeypatch) -> None:
    experiment = await world.running()
    await track(world, "a")
    record = world.services.repository.record_exposures
    failures = iter([True, True])

    async def flaky(exposures):
        if next(failures, False):
            raise UnavailableError("away")
        return await record(exposures)

    monkeypatch.setattr(world.services.repository, "record_exposures", flaky)
    with pytest.raises(UnavailableError):
        await world.services.tracker.flush()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(world.services.tracker.run(), 2)
    assert await exposed(world, experiment) == 1


async def test_closing_writes_what_waits(world) -> None:
    experiment = await world.running()
    await track(world, "a")
    await world.services.tracker.close()
    assert await exposed(world, experiment) == 1
