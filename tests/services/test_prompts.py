"""Prompts: versions count up, the current one changes forward and back, an experiment in the way is a conflict."""

import asyncio

import pytest

from omniforge_graph.domain.change import Subject
from omniforge_graph.domain.experiment import ExperimentStatus
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft, checksum
from omniforge_graph.errors import (
    DuplicateError,
    ExperimentRunningError,
    PromptNotFoundError,
    TextError,
    VersionNotFoundError,
)


async def test_versions_are_numbered_without_gaps_even_at_once(world) -> None:
    drafts = [VersionDraft(f"text {n}") for n in range(12)]
    made = await asyncio.gather(*(world.services.prompts.create_version(world.prompt.id, d) for d in drafts))
    assert sorted(version.number for version in made) == list(range(4, 16))
    assert all(version.checksum == checksum(version.content) for version in made)
    prompt = (await world.services.repository.get_prompts([world.prompt.id]))[world.prompt.id]
    assert prompt.current_version == world.versions[0]


async def test_a_key_is_unique_among_the_shared_and_within_a_tenant(world) -> None:
    create = world.services.prompts.create_prompt
    with pytest.raises(DuplicateError):
        await create(PromptDraft("greeting", "Again", VersionDraft("x")))
    own = await create(PromptDraft("greeting", "Own", VersionDraft("x"), tenant_id="t1"))
    with pytest.raises(DuplicateError):
        await create(PromptDraft("greeting", "Own again", VersionDraft("x"), tenant_id="t1"))
    find = world.services.prompts.find_by_key
    assert (await find("greeting", "t1")) == own
    assert (await find("greeting", "t2")) == (await find("greeting", None)) == world.prompt
    assert await find("nope", "t1") is None


@pytest.mark.parametrize(
    ("key", "name", "content", "field"),
    [("a b", "n", "c", "key"), ("k", "", "c", "name"), ("k", "n", "", "content"), ("k", "n", "x" * 200_001, "content")],
)
def test_a_bad_draft_never_exists(key, name, content, field) -> None:
    with pytest.raises(TextError) as refusal:
        PromptDraft(key, name, VersionDraft(content))
    assert refusal.value.path == (field,)


async def test_forward_and_back(world) -> None:
    choose = world.services.prompts.set_current_version
    forward = await choose(world.prompt.id, world.versions[2].id)
    assert (forward.current_version, forward.revision) == (world.versions[2], 2)
    back = await choose(world.prompt.id, world.versions[0].id)
    assert (back.current_version, back.revision) == (world.versions[0], 3)
    assert await choose(world.prompt.id, world.versions[0].id) == back


async def test_what_does_not_exist_is_named(world) -> None:
    choose = world.services.prompts.set_current_version
    with pytest.raises(PromptNotFoundError):
        await choose("prm_nope", world.versions[0].id)
    with pytest.raises(VersionNotFoundError):
        await choose(world.prompt.id, "ver_nope")
    other = await world.services.prompts.create_prompt(PromptDraft("other", "Other", VersionDraft("x")))
    with pytest.raises(VersionNotFoundError):
        await choose(world.prompt.id, other.current_version_id)
    with pytest.raises(PromptNotFoundError):
        await world.services.prompts.create_version("prm_nope", VersionDraft("x"))


async def test_a_running_experiment_is_in_the_way_unless_it_shall_pause(world) -> None:
    running = await world.running()
    choose = world.services.prompts.set_current_version
    with pytest.raises(ExperimentRunningError) as refusal:
        await choose(world.prompt.id, world.versions[2].id)
    assert refusal.value.experiment_id == running.id
    assert "pauseExperiment" in str(refusal.value)
    changed = await choose(world.prompt.id, world.versions[2].id, pause_experiment=True)
    assert changed.current_version == world.versions[2]
    paused = (await world.services.repository.get_experiments([running.id]))[running.id]
    assert paused.status is ExperimentStatus.PAUSED
    assert (await world.services.repository.history(running.id))[-1].subject is Subject.CURRENT_VERSION_SET
