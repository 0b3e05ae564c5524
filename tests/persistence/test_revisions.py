"""What never changes is read once, and what changes is never missed."""

from dataclasses import dataclass, replace

import pytest

from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.page import PageRequest
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.revisions import Revisions
from omniforge_graph.persistence.versions import MAX_NUMBER
from omniforge_graph.services.repository import ExperimentFilter


@dataclass(frozen=True)
class Thing:
    id: str
    revision: int


class Table:
    """A table whose rows a test changes between two statements."""

    def __init__(self, **revisions: int) -> None:
        self.revisions = revisions
        self.fetched: list[list[str]] = []
        self.changes: list[dict[str, int]] = []
        self.things = Revisions(self.fetch)

    async def rows(self, sql: str, *values: object) -> list[dict[str, object]]:
        return [{"id": key, "revision": revision} for key, revision in self.revisions.items()]

    async def fetch(self, session: object, ids: list[str]) -> list[tuple[Thing, int]]:
        self.fetched.append(ids)
        if self.changes:
            self.revisions |= self.changes.pop(0)
        return [(Thing(key, self.revisions[key]), 0) for key in ids]

    async def read(self) -> list[Thing]:
        return await self.things.read(self, "", ())  # type: ignore[arg-type]


async def test_only_what_changed_is_fetched() -> None:
    table = Table(a=1, b=1)
    first = await table.read()
    assert first == [Thing("a", 1), Thing("b", 1)]
    table.revisions |= {"b": 2, "c": 1}
    second = await table.read()
    assert second == [Thing("a", 1), Thing("b", 2), Thing("c", 1)]
    assert second[0] is first[0]
    assert await table.read() == second
    assert table.fetched == [["a", "b"], ["b", "c"]]


async def test_the_answer_is_what_one_statement_saw() -> None:
    table = Table(a=1, b=1)
    table.changes = [{"a": 2, "c": 1}, {"c": 2}]
    assert await table.read() == [Thing("a", 2), Thing("b", 1), Thing("c", 2)]
    assert table.fetched == [["a", "b"], ["c"]]


async def test_what_is_not_whole_is_left_out() -> None:
    table = Table(a=1, b=1)

    async def fetch(session: object, ids: list[str]) -> list[tuple[Thing, int]]:
        return [(Thing(key, 1), 0) for key in ids if key != "b"]

    table.things = Revisions(fetch)
    assert await table.read() == [Thing("a", 1)]


@pytest.fixture
async def counted(database_url, monkeypatch):
    """A repository that two processes share, ours and another, and the statements that ours reads by."""
    async with open_database(database_url) as ours, open_database(database_url) as other:
        statements = []
        reading = ours._database.reading

        def listened(**options):
            return _Listening(reading(**options), statements)

        monkeypatch.setattr(ours._database, "reading", listened)
        yield ours, other, statements


class _Listening:
    """A block that notes what its session reads."""

    def __init__(self, block, statements):
        self._block, self._statements = block, statements

    async def __aenter__(self):
        self._session = await self._block.__aenter__()
        return self

    async def __aexit__(self, *error):
        return await self._block.__aexit__(*error)

    async def rows(self, sql, *values):
        self._statements.append(sql)
        return await self._session.rows(sql, *values)


async def test_an_experiment_is_read_once_for_each_revision(counted, make) -> None:
    ours, other, statements = counted
    drafts = [await make.stored_experiment(other) for _ in range(3)]
    first = await ours.list_experiments(ExperimentFilter(), PageRequest())
    assert list(first.items) == drafts[::-1]
    statements.clear()
    again = await ours.get_experiments([each.id for each in drafts])
    assert len(statements) == 1
    assert [again[each.id] is each for each in first.items] == [True] * 3
    await other.save(make.starting(drafts[1]))
    statements.clear()
    running = await ours.running_experiments()
    assert running == {drafts[1].prompt_id: drafts[1].start(make.now)}
    assert len(statements) == 2
    assert list((await ours.list_experiments(ExperimentFilter(), PageRequest())).items) == [
        drafts[2], running[drafts[1].prompt_id], drafts[0],
    ]  # fmt: skip
    assert len(statements) == 3


async def test_a_prompt_is_read_once_for_each_revision_and_shares_its_version(counted, make) -> None:
    ours, other, statements = counted
    prompt = await make.stored_prompt(other)
    version = await other.add_version(make.version(prompt.id, "Hi"))
    before = (await ours.get_prompts([prompt.id]))[prompt.id]
    assert before == prompt
    assert (await ours.get_prompts_by_key([prompt.key]))[0] is before
    changed = prompt.with_current(version)
    await other.save(ChangeSet(Subject.CURRENT_VERSION_SET, make.signature, prompt=changed))
    after = (await ours.list_prompts(PageRequest(), None)).items[0]
    assert after == changed
    statements.clear()
    assert (await ours.get_versions([version.id]))[version.id] is after.current_version
    assert statements == []
    (everything,) = await ours.all_prompts()
    assert everything == changed
    assert everything.current_version is after.current_version


async def test_prompts_and_versions_with_long_texts_are_forgotten_before_they_take_all_memory(sqlite_url, make) -> None:
    """Each change makes another revision, whose version has 400 kB of its own: 84 of them fill the room."""
    async with open_database(sqlite_url) as store:
        prompt = await make.stored_prompt(store)
        for number in range(100):
            version = await store.add_version(make.version(prompt.id, f"{number:06}" + "ж" * 200_000))
            prompt = prompt.with_current(version)
            await store.save(ChangeSet(Subject.CURRENT_VERSION_SET, make.signature, prompt=prompt))
            assert (await store.get_prompts([prompt.id]))[prompt.id] == prompt
            await store.list_versions([prompt.id], PageRequest(size=1))
            assert max(map(len, (store._revisions_of_prompts._known, store._versions, store._pages))) <= 84


async def test_a_page_of_versions_is_read_again_when_there_is_a_newer_one(counted, make) -> None:
    ours, other, statements = counted
    one, two = await make.stored_prompt(other), await make.stored_prompt(other)
    ids = [one.id, two.id]
    first = await ours.list_versions(ids, PageRequest(size=2))
    statements.clear()
    again = await ours.list_versions(ids, PageRequest(size=2))
    assert len(statements) == 1
    assert [again[each] is first[each] for each in ids] == [True, True]
    added = await other.add_version(make.version(one.id, "Hi"))
    found = await ours.list_versions(ids, PageRequest(size=2))
    assert list(found[one.id].items) == [added, one.current_version]
    assert found[two.id] is first[two.id]
    assert await ours.list_versions(ids, PageRequest(size=1)) != found
    assert (await ours.list_versions([one.id], PageRequest(size=1, backward=True)))[one.id].items == [
        one.current_version
    ]


async def test_pages_from_either_end_cut_the_same_list(repository, make) -> None:
    prompt = await make.stored_prompt(repository)
    added = [await repository.add_version(make.version(prompt.id, str(number))) for number in range(6)]
    numbers = [each.number for each in (prompt.current_version, *added)][::-1]
    for after in (None, 8, 7, 4, 1, MAX_NUMBER % 10**9):
        for before in (None, 0, 1, 3, 7):
            for size in (0, 1, 3, 7, 100):
                within = [n for n in numbers if (after is None or n < after) and (before is None or n > before)]
                page = PageRequest(size, *(None if edge is None else str(edge) for edge in (after, before)))
                for request, expected in (
                    (page, within[:size]),
                    (replace(page, backward=True), within[max(len(within) - size, 0) :]),
                ):
                    found = (await repository.list_versions([prompt.id], request))[prompt.id]
                    assert [version.number for version in found.items] == expected, request
