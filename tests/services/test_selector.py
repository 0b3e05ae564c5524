"""Selection: from memory, deterministic, blind to nothing that was committed."""

from collections import Counter

import pytest

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.domain.selection import PromptSlot, SelectionReason
from omniforge_graph.errors import (
    ForbiddenError,
    OmniForgeError,
    PluginError,
    PromptNotFoundError,
    TextError,
    UnavailableError,
)
from omniforge_graph.services.assembly import assemble
from omniforge_graph.services.snapshot import MAX_SLOT_NAMES

SLOT = PromptSlot("system", prompt_key="greeting")


async def test_without_an_experiment_the_current_version_answers(world) -> None:
    selector = world.services.selector
    assert await selector.select_first([SLOT], "acme") is None
    (selection,) = await selector.select_all([SLOT], "acme")
    assert (selection.reason, selection.prompt_version) == (SelectionReason.CURRENT_VERSION, world.versions[0])
    assert selection.experiment_id is selection.variant_id is selection.variant_name is None


async def test_a_running_experiment_answers_with_the_assigned_variants_text(world) -> None:
    experiment = await world.running(20, 80)
    selector = world.services.selector
    names = Counter()
    for n in range(500):
        selection = await selector.select_first([SLOT], f"tenant {n}")
        assert selection == await selector.select_first([SLOT], f"tenant {n}")
        variant = experiment.variant(selection.variant_id)
        assert selection.prompt_version.id == variant.prompt_version_id
        assert selection.prompt_version.content == {"v0": "Hello 1", "v1": "Hello 2"}[variant.name]
        names[selection.variant_name] += 1
    assert names["v1"] > names["v0"] > 0


async def test_the_unit_decides_when_one_is_given(world) -> None:
    await world.running()
    selector = world.services.selector
    by_unit = {(await selector.select_first([SLOT], "acme", unit_id=f"user {n}")).variant_name for n in range(50)}
    assert by_unit == {"v0", "v1"}
    alone = await selector.select_first([SLOT], "user 7")
    as_unit = await selector.select_first([SLOT], "acme", unit_id="user 7")
    assert alone.variant_id == as_unit.variant_id


async def test_paused_and_ended_experiments_take_no_traffic(world) -> None:
    experiment = await world.running()
    manager, selector = world.services.experiments, world.services.selector
    await manager.stop_experiment(experiment.id)
    assert await selector.select_first([SLOT], "acme") is None
    await manager.start_experiment(experiment.id)
    assert await selector.select_first([SLOT], "acme") is not None
    await manager.promote_variant(experiment.id, experiment.variants[1].id, "bea")
    assert await selector.select_first([SLOT], "acme") is None
    (selection,) = await selector.select_all([SLOT], "acme")
    assert selection.prompt_version == world.versions[1]


async def test_the_first_slot_under_test_answers_and_all_slots_answer_together(world) -> None:
    other = await world.services.prompts.create_prompt(PromptDraft("other", "Other", VersionDraft("x")))
    experiment = await world.running()
    slots = [PromptSlot("agent", prompt_id=other.id), SLOT, PromptSlot("again", prompt_id=world.prompt.id)]
    first = await world.services.selector.select_first(slots, "acme")
    assert (first.slot, first.experiment_id) == ("system", experiment.id)
    every = await world.services.selector.select_all(slots, "acme")
    assert [selection.slot for selection in every] == ["agent", "system", "again"]
    assert [selection.experiment_id for selection in every] == [None, experiment.id, experiment.id]


async def test_a_key_names_the_tenants_own_prompt_first(world) -> None:
    own = await world.services.prompts.create_prompt(
        PromptDraft("greeting", "Own", VersionDraft("Hi"), tenant_id="acme")
    )
    selector = world.services.selector
    (acme,) = await selector.select_all([SLOT], "acme")
    (other,) = await selector.select_all([SLOT], "other")
    assert (acme.prompt_id, other.prompt_id) == (own.id, world.prompt.id)
    with pytest.raises(PromptNotFoundError):
        await selector.select_all([PromptSlot("system", prompt_id=own.id)], "other")


async def test_a_tenants_experiment_on_a_shared_prompt_is_for_that_tenant_only(world) -> None:
    caller = Caller("svc", "acme")
    experiment = await world.services.experiments.create_experiment(
        world.prompt.id, "n", "", "won", world.variants(50, 50), "svc", caller=caller
    )
    await world.services.experiments.start_experiment(experiment.id, caller=caller)
    assert (await world.services.selector.select_first([SLOT], "acme")).experiment_id == experiment.id
    assert await world.services.selector.select_first([SLOT], "other") is None


async def test_a_selection_is_made_once_for_a_variant_and_a_slot(world) -> None:
    await world.running()
    selector = world.services.selector
    made = {id(await selector.select_first([SLOT], f"tenant {n}")): n for n in range(100)}
    assert len(made) == 2
    (under_test,) = await selector.select_all([SLOT], "tenant 0")
    assert under_test is await selector.select_first([SLOT], "tenant 0")
    elsewhere = await selector.select_first([PromptSlot("elsewhere", prompt_key="greeting")], "tenant 0")
    assert (elsewhere.slot, elsewhere.variant_id) == ("elsewhere", under_test.variant_id)


async def test_what_is_remembered_of_slots_is_bounded(world, monkeypatch) -> None:
    monkeypatch.setattr("omniforge_graph.services.selector.MAX_NAMES", 100)
    selector = world.services.selector
    for n in range(250):
        (selection,) = await selector.select_all([PromptSlot(f"slot {n}", prompt_key="greeting")], "acme")
        assert selection.slot == f"slot {n}"
    assert len(selector._names) <= 100
    (entry,) = selector._keeper.snapshot.by_id.values()
    assert len(entry.current._made) <= MAX_SLOT_NAMES


async def test_a_slot_that_is_known_is_checked_all_the_same(world) -> None:
    selector = world.services.selector
    own = await world.services.prompts.create_prompt(PromptDraft("own", "Own", VersionDraft("x"), tenant_id="acme"))
    for _ in range(2):  # the second time everything is remembered
        await selector.select_all([SLOT], "acme")
        for slots, problem in (
            ([SLOT, SLOT], "is given twice"),
            ([PromptSlot("system")], "promptId or by promptKey"),
            ([PromptSlot("system", world.prompt.id, "greeting")], "promptId or by promptKey"),
            ([PromptSlot("")], "must not be empty"),
            ([PromptSlot(["system"], prompt_key="greeting")], "must be text"),
            ([], "1 to 100"),
            ([PromptSlot(f"s{n}", prompt_key="greeting") for n in range(101)], "1 to 100"),
            ([PromptSlot("system", prompt_id=own.id)], "no prompt with promptId"),
        ):
            with pytest.raises(OmniForgeError, match=problem):
                await selector.select_all(slots, "other")
    with pytest.raises(ForbiddenError):
        await selector.select_all([SLOT], "acme", caller=Caller("svc", "other"))
    for unit in ("", " ", "x" * 257, "\0", 7):
        with pytest.raises(TextError):
            await selector.select_all([SLOT], "acme", unit_id=unit)
    assert len(await selector.select_all([SLOT], "ac\tme", unit_id="a\u00a0b")) == 1


async def test_what_cannot_be_selected_is_named(world) -> None:
    selector = world.services.selector
    with pytest.raises(PromptNotFoundError) as refusal:
        await selector.select_all([SLOT, PromptSlot("b", prompt_key="nope")], "acme")
    assert refusal.value.path == ("prompts", 1, "promptKey")
    with pytest.raises(TextError):
        await selector.select_all([SLOT], "")
    with pytest.raises(TextError):
        await selector.select_all([SLOT], "acme", unit_id="x" * 257)
    with pytest.raises(ForbiddenError):
        await selector.select_all([SLOT], "acme", caller=Caller("svc", "other"))


async def test_another_process_sees_the_change_at_its_next_refresh(world, registry) -> None:
    theirs = assemble(world.services.repository, registry, refresh_interval=60)
    assert await theirs.selector.select_first([SLOT], "acme") is None
    experiment = await world.running()
    assert await theirs.selector.select_first([SLOT], "acme") is None
    await theirs.feed.pull()
    assert (await theirs.selector.select_first([SLOT], "acme")).experiment_id == experiment.id


async def test_a_prompt_created_elsewhere_is_found_at_once(world, registry) -> None:
    theirs = assemble(world.services.repository, registry, refresh_interval=60)
    await theirs.feed.pull()
    await world.services.prompts.create_prompt(PromptDraft("new", "New", VersionDraft("x")))
    assert len(await theirs.selector.select_all([PromptSlot("s", prompt_key="new")], "acme")) == 1


async def test_selection_survives_an_outage(world, registry, monkeypatch) -> None:
    await world.running()
    before = await world.services.selector.select_first([SLOT], "acme")

    async def away(*_args, **_kwargs):
        raise UnavailableError("away")

    monkeypatch.setattr(world.services.repository, "changes_since", away)
    monkeypatch.setattr(type(world.services.feed), "age", property(lambda self: 1e9))
    assert await world.services.selector.select_first([SLOT], "acme") == before
    with pytest.raises(PromptNotFoundError):
        await world.services.selector.select_first([PromptSlot("s", prompt_key="nope")], "acme")


async def test_an_experiment_whose_strategy_is_gone_fails_alone(world, registry, monkeypatch) -> None:
    other = await world.services.prompts.create_prompt(PromptDraft("other", "Other", VersionDraft("x")))
    await world.running()

    def gone(self, experiment, answers):
        raise PluginError("the strategy is gone", plugin="gone")

    monkeypatch.setattr("omniforge_graph.services.allocator.TrafficAllocator.arranger", gone)
    theirs = assemble(world.services.repository, registry)
    assert len(await theirs.selector.select_all([PromptSlot("s", prompt_id=other.id)], "acme")) == 1
    with pytest.raises(PluginError):
        await theirs.selector.select_all([SLOT], "acme")
