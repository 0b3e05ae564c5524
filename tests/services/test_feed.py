"""The change feed: nothing stops it, and many who ask at once cost one question."""

import asyncio
import logging
from contextlib import suppress

import pytest

from omniforge_graph.domain.selection import PromptSlot
from omniforge_graph.errors import PromptNotFoundError, UnavailableError

SLOT = [PromptSlot("system", prompt_key="greeting")]


async def test_an_unexpected_error_is_logged_and_the_next_refresh_goes_on(world, monkeypatch, caplog) -> None:
    await world.services.feed.pull()
    changes_since = world.services.repository.changes_since
    failures = iter([RuntimeError("a row nobody can read")])

    async def flaky(*arguments):
        if problem := next(failures, None):
            raise problem
        return await changes_since(*arguments)

    monkeypatch.setattr(world.services.repository, "changes_since", flaky)
    with caplog.at_level(logging.ERROR):
        experiment = await world.running()  # the change is committed, so this must not fail
    assert "a row nobody can read" in caplog.text
    (selection,) = await world.services.selector.select_all(SLOT, "acme")
    assert selection.experiment_id == experiment.id


async def test_the_refresher_outlives_errors(world, monkeypatch) -> None:
    world.services.feed.interval = 0.01
    asked = 0

    async def broken(*_arguments):
        nonlocal asked
        asked += 1
        raise RuntimeError("broken")

    monkeypatch.setattr(world.services.repository, "head", broken)
    monkeypatch.setattr(world.services.repository, "changes_since", broken)
    with suppress(TimeoutError):
        await asyncio.wait_for(world.services.feed.run(), 0.5)
    assert asked > 1


async def test_many_misses_at_once_cost_one_question(world, monkeypatch) -> None:
    await world.services.feed.pull()
    changes_since = world.services.repository.changes_since
    asked = 0

    async def counted(*arguments):
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        return await changes_since(*arguments)

    monkeypatch.setattr(world.services.repository, "changes_since", counted)
    slots = [[PromptSlot("s", prompt_key=f"nobody-{n}")] for n in range(30)]
    answers = await asyncio.gather(
        *(world.services.selector.select_all(each, "acme") for each in slots), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {PromptNotFoundError}
    assert asked <= 3


async def test_those_who_wait_share_the_answer_that_there_is_none(world, monkeypatch) -> None:
    async def away(*_arguments):
        await asyncio.sleep(0.05)
        raise UnavailableError("away")

    await world.services.feed.pull()
    monkeypatch.setattr(world.services.repository, "changes_since", away)
    pulls = [world.services.feed.pull() for _ in range(20)]
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*pulls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {UnavailableError}
    assert asyncio.get_running_loop().time() - started < 20 * 0.05 / 2


@pytest.mark.parametrize("step", ["complete_experiment", "promote_variant"])
async def test_nothing_ends_without_its_numbers_during_an_outage(world, monkeypatch, step) -> None:
    experiment = await world.running()

    async def away(*_arguments):
        raise UnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.repository, "read_units", away)
        more = (experiment.variants[1].id, "bea") if step == "promote_variant" else ()
        with pytest.raises(UnavailableError):
            await getattr(world.services.experiments, step)(experiment.id, *more)
    stored = (await world.services.repository.get_experiments([experiment.id]))[experiment.id]
    assert stored.is_running
    assert stored.results is None
