"""Selection stands on what was saved while the database is away at the start."""

import asyncio
import logging
import threading

import pytest

from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.domain.selection import PromptSlot
from omniforge_graph.errors import PromptNotFoundError, UnavailableError
from omniforge_graph.services.assembly import assemble
from omniforge_graph.services.standby import SavedPrompt, SavedSnapshot
from omniforge_graph.testing import MemoryRepository

SLOT = [PromptSlot("system", prompt_key="greeting")]


class Shelf:
    """Keeps the last snapshot, in memory."""

    def __init__(self):
        self.saved, self.times, self.problem = None, 0, None

    def save(self, at, entries):
        self.times += 1
        if self.problem:
            raise self.problem
        self.saved = SavedSnapshot(at, tuple(map(SavedPrompt.of, entries)))

    def load(self):
        return self.saved


class Interrupted(MemoryRepository):
    """A repository that can be away."""

    away = False

    async def head(self):
        return await self._ask(super().head())

    async def changes_since(self, *arguments):
        return await self._ask(super().changes_since(*arguments))

    async def _ask(self, question):
        if self.away:
            question.close()
            raise UnavailableError("away")
        return await question


@pytest.fixture
def repository():
    return Interrupted()


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def start(repository, registry, shelf):
    """Starts another process, so to speak."""

    def run(**options):
        return assemble(repository, registry, snapshots=shelf, **options)

    return run


async def answers(services):
    return [(await services.selector.select_first(SLOT, f"unit-{n}")).prompt_version.content for n in range(50)]


async def test_a_process_answers_as_the_one_before_it(world, start, repository, shelf, caplog):
    await world.running()
    first = start()
    assert await first.standby.begin()
    await first.standby.close()
    expected = await answers(first)
    assert set(expected) == {"Hello 1", "Hello 2"}
    assert first.selector.standing().saved_at is None

    repository.away = True
    second = start()
    assert await second.standby.begin()
    assert await answers(second) == expected
    standing = second.selector.standing()
    assert (standing.saved_at, standing.running) == (shelf.saved.at, 1)
    assert standing.age < float("inf")
    assert "serves the snapshot saved at" in caplog.text
    with pytest.raises(PromptNotFoundError):
        await second.selector.select_all([PromptSlot("s", prompt_key="nobody")], "acme")

    repository.away = False
    await world.services.prompts.create_prompt(PromptDraft("new", "New", VersionDraft("x")))
    await second.feed.pull()
    assert second.selector.standing().saved_at is None
    assert await second.selector.select_all([PromptSlot("s", prompt_key="new")], "acme")
    assert await answers(second) == expected


async def test_with_nothing_saved_there_is_nothing_to_answer(world, start, repository):
    repository.away = True
    services = start()
    assert not await services.standby.begin()
    assert services.selector.standing().age == float("inf")
    with pytest.raises(UnavailableError):
        await services.selector.select_all(SLOT, "acme")


async def test_what_is_saved_is_not_asked_for_while_the_database_answers(world, start, shelf, monkeypatch):
    monkeypatch.setattr(shelf, "load", lambda: pytest.fail("nobody needs it"))
    assert await start().standby.begin()


async def test_changes_are_saved_and_many_at_once_together(world, start, shelf, monkeypatch):
    monkeypatch.setattr("omniforge_graph.services.standby.PAUSE", 0.1)
    services = start()
    await services.standby.begin()
    saving = asyncio.create_task(services.standby.run())
    for n in range(100):
        await services.prompts.create_prompt(PromptDraft(f"p{n}", "P", VersionDraft("x")))
    async with asyncio.timeout(20):
        while shelf.saved is None or len(shelf.saved.prompts) < 101:  # noqa: ASYNC110 - it is saved in a thread
            await asyncio.sleep(0.01)
    assert shelf.times < 50
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)


@pytest.mark.parametrize("changed", [True, False])
async def test_one_snapshot_is_saved_at_a_time_also_at_the_end(world, start, shelf, monkeypatch, changed):
    at_work, go_on, active, most = threading.Event(), threading.Event(), [], []
    save = shelf.save

    def slow(at, entries):
        active.append(at)
        most.append(len(active))
        at_work.set()
        go_on.wait(20)
        save(at, entries)
        active.remove(at)

    monkeypatch.setattr(shelf, "save", slow)
    services = start()
    await services.standby.begin()
    saving = asyncio.create_task(services.standby.run())
    await asyncio.to_thread(at_work.wait, 20)
    if changed:
        await services.prompts.create_prompt(PromptDraft("new", "New", VersionDraft("x")))
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)
    closing = asyncio.create_task(services.standby.close())
    await asyncio.sleep(0.1)
    assert not closing.done()
    go_on.set()
    await closing
    assert active == []
    assert most == [1] * (2 if changed else 1)
    assert ("new" in {each.prompt.key for each in shelf.saved.prompts}) is changed


async def test_a_full_disk_is_told_once_and_stops_nothing(world, start, shelf, caplog):
    shelf.problem = OSError("no space left")
    services = start()
    await services.standby.begin()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await services.standby._save()
    assert caplog.text.count("no space left") == 1
    shelf.problem = None
    await services.standby._save()
    assert shelf.saved is not None


async def test_gauges_tell_what_selection_stands_on(world, start, repository):
    await world.running()
    first = start()
    await first.standby.begin()
    await first.standby.close()
    repository.away = True
    second = start()
    await second.standby.begin()
    for services, saved, sequence in ((first, 0, await MemoryRepository.head(repository)), (second, 1, 0)):
        gauges = {
            metric.name: metric.samples[0].value for metric in services.telemetry.collect() if metric.type == "gauge"
        }
        assert gauges["omniforge_snapshot_saved"] == saved
        assert gauges["omniforge_experiments_running"] == 1
        assert gauges["omniforge_feed_sequence"] == sequence
        assert gauges["omniforge_snapshot_age_seconds"] < float("inf")
