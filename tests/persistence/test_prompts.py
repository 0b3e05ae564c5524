"""What every repository owes for prompts and versions."""

import asyncio
from dataclasses import replace

import pytest

from omniforge_graph.domain.change import Change, Subject
from omniforge_graph.domain.page import PageRequest
from omniforge_graph.errors import DuplicateError, PromptNotFoundError, ValidationError


async def test_a_prompt_comes_back_as_it_was_stored(repository, make):
    version = make.version("x", content="Zeile 1\r\n\t„Ü“ 🙂 \u2028'\"\\", message="why", model="m-1")
    prompt = make.prompt(tenant_id="acme", description="d", layer="system")
    version = replace(version, prompt_id=prompt.id, parameters={"temperature": 0.1, "big": 1e22, "stop": [None, True]})
    prompt = replace(prompt, current_version=version)
    await repository.add_prompt(prompt, make.signature)
    assert await repository.get_prompts([prompt.id, "nobody"]) == {prompt.id: prompt}
    found = (await repository.get_versions([version.id, "nobody"]))[version.id]
    assert found == version
    assert isinstance(found.parameters["big"], float)
    assert await repository.changes_since(0) == [Change(1, Subject.PROMPT_CREATED, prompt.id, make.signature)]


async def test_times_keep_their_microseconds(repository, make):
    prompt = await make.stored_prompt(repository, created_at=make.now.replace(year=1815, microsecond=1))
    assert (await repository.get_prompts([prompt.id]))[prompt.id].created_at == prompt.created_at


async def test_a_key_is_taken_once_per_tenant_and_once_among_the_shared(repository, make):
    prompts = [await make.stored_prompt(repository, key="k", tenant_id=tenant) for tenant in (None, "a", "b")]
    for tenant in (None, "a"):
        with pytest.raises(DuplicateError, match="'k'") as caught:
            await repository.add_prompt(make.prompt(key="k", tenant_id=tenant), make.signature)
        assert caught.value.field == "key"
    assert await repository.get_prompts_by_key(["k", "other"]) == prompts[::-1]
    assert await repository.head() == 3  # a refused prompt leaves no gap in the sequence


async def test_lists_run_from_the_newest_and_respect_the_tenant(repository, make):
    tenants = (None, "a", "b", "a")
    first, second, other, third = [await make.stored_prompt(repository, tenant_id=tenant) for tenant in tenants]
    assert (await repository.list_prompts(PageRequest(), "a")).items == [third, second, first]
    assert await repository.all_prompts() == [third, other, second, first]
    assert [await repository.count_prompts(tenant) for tenant in (None, "a", "nobody")] == [4, 3, 1]


@pytest.mark.parametrize(
    ("request_", "expected", "has_next", "has_previous"),
    [
        (PageRequest(size=2), [4, 3], True, False),
        (PageRequest(size=5), [4, 3, 2, 1, 0], False, False),
        (PageRequest(size=2, after="3"), [2, 1], True, True),
        (PageRequest(size=3, after="3"), [2, 1, 0], False, True),
        (PageRequest(size=2, after="4", before="0"), [3, 2], True, True),
        (PageRequest(size=2, backward=True), [1, 0], False, True),
        (PageRequest(size=2, backward=True, before="2"), [4, 3], True, False),
        (PageRequest(size=1, backward=True, before="2"), [3], True, True),
        (PageRequest(size=0), [], True, False),
        (PageRequest(size=2, after="0"), [], False, True),
    ],
)
async def test_pages(repository, make, request_, expected, has_next, has_previous):
    prompts = [await make.stored_prompt(repository) for _ in range(5)]
    name = {str(place): prompt.id for place, prompt in enumerate(prompts)} | {None: None}
    page = replace(request_, after=name[request_.after], before=name[request_.before])
    found = await repository.list_prompts(page, None)
    assert list(found.items) == [prompts[place] for place in expected]
    assert (found.has_next, found.has_previous) == (has_next, has_previous)


async def test_versions_are_numbered_by_the_store(repository, make):
    prompt = await make.stored_prompt(repository)
    given = [make.version(prompt.id, f"text {n}", number=99) for n in range(8)]
    stored = await asyncio.gather(*map(repository.add_version, given))
    assert sorted(version.number for version in stored) == list(range(2, 10))
    assert await repository.get_versions([each.id for each in given]) == {each.id: each for each in stored}
    assert (await repository.get_prompts([prompt.id]))[prompt.id] == prompt  # the current version stays


async def test_a_version_needs_its_prompt(repository, make):
    with pytest.raises(PromptNotFoundError):
        await repository.add_version(make.version("nobody"))


async def test_versions_of_several_prompts_in_pages(repository, make):
    one, two = await make.stored_prompt(repository), await make.stored_prompt(repository)
    for n in range(4):
        await repository.add_version(make.version(one.id, str(n)))
    ids = [one.id, two.id, "nobody"]

    async def numbers(page):
        found = await repository.list_versions(ids, page)
        assert set(found) == set(ids)
        pages = [found[each] for each in ids]
        return [([v.number for v in page.items], page.has_next, page.has_previous) for page in pages]

    assert await numbers(PageRequest(size=2)) == [([5, 4], True, False), ([1], False, False), ([], False, False)]
    assert await numbers(PageRequest(size=2, after="4")) == [
        ([3, 2], True, True),
        ([1], False, True),
        ([], False, True),
    ]
    assert (await numbers(PageRequest(size=2, backward=True)))[0] == ([2, 1], False, True)
    assert (await numbers(PageRequest(size=2, backward=True, before="2")))[0] == ([4, 3], True, True)
    assert await repository.count_versions(ids) == {one.id: 5, two.id: 1, "nobody": 0}


@pytest.mark.parametrize("position", ["x", "-1", "", "1.5", "9" * 30])
async def test_a_position_among_versions_is_a_number(repository, make, position):
    prompt = await make.stored_prompt(repository)
    with pytest.raises(ValidationError, match="after"):
        await repository.list_versions([prompt.id], PageRequest(after=position))


@pytest.mark.parametrize("strange", ["\x00", "\ud800", "x" * 100_000, "' OR 1=1 --", ""])
async def test_strange_ids_find_nothing(repository, make, strange):
    await make.stored_prompt(repository)
    assert await repository.get_prompts([strange]) == {}
    assert await repository.get_prompts_by_key([strange]) == []
    assert await repository.get_versions([strange]) == {}
    assert await repository.get_experiments([strange]) == {}
    assert await repository.running_experiments([strange]) == {}


async def test_no_ids_find_nothing(repository):
    assert await repository.get_prompts([]) == {}
    assert await repository.list_versions([], PageRequest()) == {}
    assert await repository.exposure_counts([]) == {}


async def test_more_ids_than_a_statement_has_places(repository, make):
    prompt = await make.stored_prompt(repository)
    assert set(await repository.get_prompts([prompt.id, *map(str, range(40_000))])) == {prompt.id}
