"""What every repository owes for experiments, their changes and their metrics."""

from dataclasses import replace

import pytest

from omniforge_graph.domain.change import Change, ChangeSet, Subject
from omniforge_graph.domain.experiment import ExperimentStatus
from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
from omniforge_graph.domain.page import PageRequest
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.errors import (
    AlreadyRunningError,
    DuplicateError,
    ExperimentRunningError,
    StaleRevisionError,
)
from omniforge_graph.services.repository import ExperimentFilter

RATING = Metric("rating", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER, Aggregation.MEAN, "stars")


async def test_an_experiment_comes_back_as_it_was_stored(repository, make):
    prompt = await make.stored_prompt(repository, tenant_id="acme")
    other = await repository.add_version(make.version(prompt.id, "Hi"))
    experiment = make.experiment(
        prompt,
        (other, prompt.current_version),
        metrics=(RATING, Metric("converted")),
        description="why",
        analysis=AnalysisPlan("welch_t", {"tails": 2, "x": 0.1 + 0.2}, 0.99, 0.9, 1 / 3, relative=False),
        results={"rate": 0.1 + 0.2, "large": 1e22, "order": {"z": 1, "a": [1, None, "ü"]}},
        start_date=make.at(0.000001),
        end_date=make.at(1),
    )
    await repository.add_experiment(experiment, experiment.metrics, make.signature)
    assert await repository.get_experiments([experiment.id, "nobody"]) == {experiment.id: experiment}
    found = (await repository.get_experiments([experiment.id]))[experiment.id]
    assert isinstance(found.results["large"], float)
    assert list(found.results["order"]) == ["z", "a"]
    assert await repository.get_metrics(["rating", "converted", "other"], "acme") == {
        "rating": RATING,
        "converted": Metric("converted"),
    }
    assert (await repository.changes_since(1)) == [
        Change(2, Subject.EXPERIMENT_CREATED, prompt.id, make.signature, experiment)
    ]


async def test_the_life_of_an_experiment_leaves_a_trail(repository, make):
    prompt = await make.stored_prompt(repository)
    version = await repository.add_version(make.version(prompt.id, "Hi"))
    draft = await make.stored_experiment(repository, prompt)
    running = draft.start(make.at(1))
    paused = running.stop()
    resumed = paused.start(make.at(3))
    promoted = resumed.promote(draft.variants[1].id, make.at(4), {"rate": 0.5})
    current = prompt.with_current(version)
    steps = [
        ChangeSet(Subject.EXPERIMENT_STARTED, make.signature, running),
        ChangeSet(Subject.EXPERIMENT_STOPPED, make.signature, paused),
        ChangeSet(Subject.EXPERIMENT_STARTED, make.signature, resumed),
        ChangeSet(Subject.VARIANT_PROMOTED, make.signature, promoted, current),
    ]
    for step in steps:
        await repository.save(step)
        assert (await repository.get_experiments([draft.id]))[draft.id] == step.experiment
        expected = {prompt.id: step.experiment} if step.experiment.is_running else {}
        assert await repository.running_experiments() == expected
        assert await repository.running_experiments([prompt.id]) == expected
    assert await repository.running_experiments([]) == {}
    assert (await repository.get_prompts([prompt.id]))[prompt.id] == current
    history = await repository.history(draft.id)
    assert [change.experiment for change in history] == [draft, running, paused, resumed, promoted]
    assert history[1:] == [
        Change(number, step.subject, prompt.id, make.signature, step.experiment) for number, step in enumerate(steps, 3)
    ]
    everything = await repository.changes_since(0)
    assert [change.sequence for change in everything] == list(range(1, 7))
    assert await repository.changes_since(1, 2) == everything[1:3]
    assert await repository.head() == 6
    assert await repository.history("nobody") == []


async def test_saving_keeps_changed_variants_and_phases(repository, make):
    experiment = await make.started(repository)
    first, second = experiment.variants
    moved = replace(
        experiment,
        revision=experiment.revision + 1,
        variants=(replace(first, basis_points=2500), replace(second, basis_points=7500)),
    )
    await repository.save(ChangeSet(Subject.EXPERIMENT_STARTED, make.signature, moved))
    assert (await repository.get_experiments([moved.id]))[moved.id] == moved


async def test_a_stale_experiment_is_refused_and_nothing_changes(repository, make):
    prompt = await make.stored_prompt(repository)
    experiment = await make.stored_experiment(repository, prompt)
    await repository.save(make.starting(experiment))
    before = await repository.head()
    with pytest.raises(StaleRevisionError, match=experiment.id) as caught:
        await repository.save(ChangeSet(Subject.EXPERIMENT_CANCELLED, make.signature, experiment.cancel(make.now)))
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    stale_prompt = prompt.with_current(prompt.current_version)
    both = ChangeSet(
        Subject.VARIANT_PROMOTED,
        make.signature,
        experiment.start(make.now).stop(),
        replace(stale_prompt, revision=5),
    )
    with pytest.raises(StaleRevisionError, match=prompt.id) as caught:
        await repository.save(both)
    assert (caught.value.expected, caught.value.actual) == (4, 1)
    assert (await repository.get_experiments([experiment.id]))[experiment.id] == experiment.start(make.now)
    assert await repository.head() == before


async def test_what_does_not_exist_cannot_be_saved(repository, make):
    experiment = make.experiment(await make.stored_prompt(repository))
    with pytest.raises(StaleRevisionError) as caught:
        await repository.save(make.starting(experiment))
    assert caught.value.actual is None


async def test_one_experiment_runs_on_a_prompt(repository, make):
    prompt = await make.stored_prompt(repository)
    running = await make.started(repository, prompt)
    rival = await make.stored_experiment(repository, prompt)
    with pytest.raises(AlreadyRunningError) as caught:
        await repository.save(make.starting(rival))
    # Which one is in the way is not for the repository to tell: it does not know who asks.
    assert caught.value.experiment_id is None
    assert running.id not in str(caught.value)
    assert (await repository.get_experiments([rival.id]))[rival.id] == rival
    await repository.save(ChangeSet(Subject.EXPERIMENT_STOPPED, make.signature, running.stop()))
    await repository.save(make.starting(rival))
    assert (await repository.running_experiments())[prompt.id].id == rival.id


async def test_the_current_version_is_held_while_an_experiment_runs(repository, make):
    prompt = await make.stored_prompt(repository)
    version = await repository.add_version(make.version(prompt.id, "Hi"))
    paused = await make.stored_experiment(repository, prompt)
    running = await make.started(repository, prompt)
    current = prompt.with_current(version)
    by_hand = ChangeSet(Subject.CURRENT_VERSION_SET, make.signature, prompt=current)
    with pytest.raises(ExperimentRunningError, match=running.id) as caught:
        await repository.save(by_hand)
    assert caught.value.experiment_id == running.id
    with pytest.raises(ExperimentRunningError):  # another experiment's end does not free the prompt
        await repository.save(replace(by_hand, experiment=paused.cancel(make.now)))
    with pytest.raises(ExperimentRunningError):  # nor does the same experiment if it goes on running
        await repository.save(replace(by_hand, experiment=replace(running, revision=running.revision + 1)))
    assert (await repository.get_experiments([paused.id]))[paused.id] == paused
    assert (await repository.get_prompts([prompt.id]))[prompt.id] == prompt
    await repository.save(replace(by_hand, experiment=running.stop()))
    assert (await repository.get_prompts([prompt.id]))[prompt.id] == current
    assert (await repository.history(running.id))[-1].subject is Subject.CURRENT_VERSION_SET


async def test_a_change_of_the_prompt_alone_is_in_the_feed_without_an_experiment(repository, make):
    prompt = await make.stored_prompt(repository)
    version = await repository.add_version(make.version(prompt.id, "Hi"))
    current = prompt.with_current(version)
    await repository.save(ChangeSet(Subject.CURRENT_VERSION_SET, make.signature, prompt=current))
    assert await repository.changes_since(1) == [Change(2, Subject.CURRENT_VERSION_SET, prompt.id, make.signature)]


async def test_filters_and_pages_of_experiments(repository, make):
    mine, shared = await make.stored_prompt(repository, tenant_id="a"), await make.stored_prompt(repository)
    first = await make.stored_experiment(repository, mine)
    second = await make.stored_experiment(repository, shared)
    third = await make.started(repository, mine)

    async def found(page=None, **where):
        where = ExperimentFilter(**where)
        listed = await repository.list_experiments(where, page or PageRequest())
        if page is None:
            assert await repository.count_experiments(where) == len(listed.items)
        return list(listed.items)

    assert await found() == [third, second, first]
    assert await found(prompt_id=mine.id) == [third, first]
    assert await found(statuses=(ExperimentStatus.DRAFT,)) == [second, first]
    assert await found(statuses=(ExperimentStatus.DRAFT, ExperimentStatus.RUNNING)) == [third, second, first]
    assert await found(statuses=()) == []
    assert await found(tenant_id="a") == [third, second, first]
    assert await found(tenant_id="b") == [second]
    assert await found(tenant_id="a", prompt_id=mine.id, statuses=(ExperimentStatus.RUNNING,)) == [third]
    assert await found(PageRequest(size=1, after=third.id)) == [second]
    assert await found(PageRequest(size=1, backward=True, before=first.id)) == [second]


async def test_metrics_belong_to_a_tenant_or_to_all(repository):
    shared, own = Metric("m", MetricKind.COUNT), Metric("m", MetricKind.CONTINUOUS)
    assert await repository.add_metric(shared, None)
    assert not await repository.add_metric(shared, None)
    assert await repository.add_metric(own, "a")
    assert await repository.add_metric(RATING, "a")
    with pytest.raises(DuplicateError, match="'m'"):
        await repository.add_metric(own, None)
    assert await repository.get_metrics(["m"], None) == {"m": shared}
    assert await repository.get_metrics(["m", "rating"], "a") == {"m": own, "rating": RATING}
    assert await repository.get_metrics(["m", "rating"], "b") == {"m": shared}
    assert await repository.list_metrics(None) == [shared]
    assert await repository.list_metrics("a") == [own, RATING]
    assert await repository.list_metrics("b") == [shared]
    declared = await repository.declarations(["m", "nobody"])
    assert sorted(declared, key=lambda each: each[0] or "") == [(None, shared), ("a", own)]


async def test_an_experiment_declares_its_metrics_or_is_not_stored(repository, make):
    prompt = await make.stored_prompt(repository)
    await repository.add_metric(RATING, None)
    experiment = make.experiment(prompt, metrics=(RATING, Metric("new")))
    await repository.add_experiment(experiment, experiment.metrics, make.signature)  # the same definition is fine
    clash = make.experiment(prompt, metrics=(Metric("fresh"), Metric("rating")))
    before = await repository.head()
    with pytest.raises(DuplicateError, match="'rating'"):
        await repository.add_experiment(clash, clash.metrics, make.signature)
    assert await repository.get_experiments([clash.id]) == {}
    assert await repository.get_metrics(["fresh"], None) == {}
    assert await repository.head() == before
