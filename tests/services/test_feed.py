"""The change feed: nothing stops it, and many who ask at once cost one question."""

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager, suppress
from inspect import isawaitable

import asyncpg
import pytest

from omniforge_graph import open_database
from omniforge_graph.domain.selection import PromptSlot
from omniforge_graph.errors import PromptNotFoundError, UnavailableError
from omniforge_graph.services.assembly import assemble

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


async def test_a_pull_that_is_given_up_half_way_answers_nobody_who_waits_behind_it(world, monkeypatch) -> None:
    experiment = await world.running()
    feed, changes_since = world.services.feed, world.services.repository.changes_since
    feed.interval = 3600
    answered, committed, gate = [], asyncio.Event(), asyncio.Semaphore(0)
    pull_quietly = feed.pull_quietly

    async def gated(*arguments):
        answered.append(await changes_since(*arguments))
        await gate.acquire()
        return answered[-1]

    async def noted():
        committed.set()
        await pull_quietly()

    monkeypatch.setattr(world.services.repository, "changes_since", gated)
    monkeypatch.setattr(feed, "pull_quietly", noted)
    refreshing = asyncio.create_task(feed.pull())
    await until(lambda: len(answered) == 1)
    given_up = asyncio.create_task(feed.pull())
    stopping = asyncio.create_task(world.services.experiments.stop_experiment(experiment.id))
    await committed.wait()
    await asyncio.sleep(0)  # now it waits for its change to be taken in
    gate.release()
    await refreshing
    await until(lambda: len(answered) == 2)
    given_up.cancel()
    for _ in range(10):
        gate.release()
    await stopping
    assert [len(each) for each in answered] == [0, 1, 1, 0]
    assert await world.services.selector.select_first(SLOT, "acme") is None


async def test_who_misses_something_does_not_wait_for_a_database_that_is_away(world, monkeypatch, caplog) -> None:
    await world.services.feed.pull()
    asked = 0

    async def away(*_arguments):
        nonlocal asked
        asked += 1
        raise UnavailableError("away")

    monkeypatch.setattr(world.services.repository, "changes_since", away)
    for n in range(20):
        with pytest.raises(PromptNotFoundError, match=f"nobody-{n}"):
            await world.services.selector.select_all([PromptSlot("s", prompt_key=f"nobody-{n}")], "acme")
    assert asked == 1
    assert caplog.text.count("Changes cannot be read") == 1


async def test_who_misses_something_does_not_wait_for_a_database_that_hangs(world, monkeypatch) -> None:
    await world.services.feed.pull()
    monkeypatch.setattr("omniforge_graph.services.feed.PATIENCE", 0.05)
    asked = 0

    async def hang(*_arguments):
        nonlocal asked
        asked += 1
        await asyncio.sleep(3600)

    monkeypatch.setattr(world.services.repository, "changes_since", hang)
    async with asyncio.timeout(10):
        for n in range(50):
            with pytest.raises(PromptNotFoundError):
                await world.services.selector.select_all([PromptSlot("s", prompt_key=f"nobody-{n}")], "acme")
    assert asked == 1


async def test_without_a_server_a_database_that_is_away_is_asked_once_per_interval(world, monkeypatch) -> None:
    await world.running()
    feed, asked = world.services.feed, 0

    async def away(*_arguments):
        nonlocal asked
        asked += 1
        raise UnavailableError("away")

    monkeypatch.setattr(world.services.repository, "changes_since", away)
    monkeypatch.setattr(feed, "_began", float("-inf"))
    for n in range(20):
        assert await world.services.selector.select_first(SLOT, f"tenant {n}") is not None
    assert asked == 1


# ---------------------------------------------------------------- two processes' worth of services


async def until(condition) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(20):
        while not (await found if isawaitable(found := condition()) else found):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


@pytest.fixture
def following(registry):
    """Services on a database of their own connection, that follow the feed as a server's do."""

    @asynccontextmanager
    async def follow(url, interval):
        async with open_database(url) as repository:
            services = assemble(repository, registry, refresh_interval=interval)
            running = asyncio.create_task(services.feed.run())
            try:
                await until(services.feed.is_fresh)
                yield services
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    return follow


async def test_a_change_made_elsewhere_is_in_force_within_the_interval(database_url, build, following) -> None:
    async with open_database(database_url) as ours, following(database_url, 0.2) as theirs:
        world = await build(ours)
        experiment = await world.running()

        async def assigned():
            found = await theirs.selector.select_first(SLOT, "acme")
            return found is not None and found.experiment_id == experiment.id

        async with aclosing(theirs.broker.watch(experiment.id)) as states:
            await until(assigned)
            assert (await anext(states)).status == "RUNNING"
            await world.services.experiments.stop_experiment(experiment.id)
            async with asyncio.timeout(20):
                assert (await anext(states)).status == "PAUSED"
            # Whoever is told of a change finds it in force.
            assert await theirs.selector.select_first(SLOT, "acme") is None


async def test_postgresql_tells_at_once_also_after_the_connection_was_lost(postgres_url, build, following) -> None:
    admin = await asyncpg.connect(postgres_url)
    async with open_database(postgres_url) as ours, following(postgres_url, 3600) as theirs:
        world = await build(ours)
        experiment = await world.experiment()

        async def known():
            return theirs.feed.sequence == await ours.head()

        await until(known)
        for step in ("start_experiment", "stop_experiment") * 2:
            await getattr(world.services.experiments, step)(experiment.id)
            await until(known)
            # What is committed while nobody listens is found when somebody listens again.
            killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
            await admin.execute(killed, "omniforge-graph listening")
    await admin.close()


async def test_listening_that_fails_leaves_the_looking(world, monkeypatch, caplog) -> None:
    async def broken(_notify):
        raise RuntimeError("no ears")

    monkeypatch.setattr(world.services.repository, "listen", broken)
    world.services.feed.interval = 0.01
    running = asyncio.create_task(world.services.feed.run())
    await until(lambda: "no ears" in caplog.text and world.services.feed.is_fresh())
    began = world.services.feed._began
    await until(lambda: world.services.feed._began > began)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


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
