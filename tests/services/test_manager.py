"""The experiment manager on every repository: shapes, transitions, conflicts, promotion."""

import asyncio
import math
from typing import Any

import pytest

from omniforge_graph import ExperimentManager
from omniforge_graph.domain.bucketing import HashAlgorithm
from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.change import Subject
from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.domain.experiment import ExperimentStatus
from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.errors import (
    AlreadyPromotedError,
    AlreadyRunningError,
    DuplicateError,
    ExperimentNotFoundError,
    ForbiddenError,
    IncompatibleTestError,
    InvalidTransitionError,
    OmniForgeError,
    PromptNotFoundError,
    SharesError,
    StaleRevisionError,
    TextError,
    UnknownPluginError,
    ValidationError,
    VariantNotFoundError,
    VersionNotFoundError,
)
from omniforge_graph.services.drafting import AllocationDraft, VariantDraft


async def stored(world: Any, experiment_id: str) -> Any:
    return (await world.services.repository.get_experiments([experiment_id]))[experiment_id]


# ---------------------------------------------------------------- create


async def test_a_new_experiment_is_a_draft_exactly_as_asked(world) -> None:
    experiment = await world.experiment(33.33, 33.33, 33.34)
    assert (experiment.status, experiment.revision, experiment.created_by) == (ExperimentStatus.DRAFT, 1, "ann")
    assert [v.traffic_percentage for v in experiment.variants] == [33.33, 33.33, 33.34]
    assert [v.is_control for v in experiment.variants] == [True, False, False]
    assert (experiment.success_metric, experiment.start_date) == (Metric("won"), None)
    assert experiment.allocation.seed == experiment.id
    assert await stored(world, experiment.id) == experiment


async def test_everything_that_can_be_chosen_is_kept(world) -> None:
    variants = [
        VariantDraft("a", world.versions[0].id, "0.01"),
        VariantDraft("b", world.versions[1].id, 99.99, is_control=True),
    ]
    cost = Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER)
    experiment = await world.services.experiments.create_experiment(
        world.prompt.id,
        "n",
        "",
        "cost",
        variants,
        "ann",
        metrics=[Metric("won"), cost],
        allocation=AllocationDraft("even", hash_algorithm=HashAlgorithm.SHA_256, seed="winter"),
        analysis=AnalysisPlan(test="welch_t", confidence_level=0.9, minimum_effect=0.5),
    )
    assert experiment.control.name == "b"
    assert experiment.metrics == (cost, Metric("won"))
    assert (experiment.allocation.seed, experiment.allocation.hash_algorithm) == ("winter", HashAlgorithm.SHA_256)
    assert await stored(world, experiment.id) == experiment


def broken(world: Any) -> list[tuple[dict[str, Any], type[OmniForgeError], tuple[str | int, ...]]]:
    """Every way to ask wrongly: what is asked, the error, the path."""
    good = world.variants(50, 50)
    first, second = good
    return [
        ({"prompt_id": "prm_nope"}, PromptNotFoundError, ("promptId",)),
        ({"name": ""}, TextError, ("name",)),
        ({"name": "x" * 10_000_000}, TextError, ("name",)),
        ({"description": "a\x00"}, TextError, ("description",)),
        ({"created_by": " "}, TextError, ("createdBy",)),
        ({"success_metric": "no spaces please"}, TextError, ("successMetric",)),
        ({"variants": []}, ValidationError, ("variants",)),
        ({"variants": [first]}, ValidationError, ("variants",)),
        ({"variants": "ab"}, ValidationError, ("variants",)),
        ({"variants": [first, {**second, "name": " V0"}]}, ValidationError, ("variants", 1, "name")),
        ({"variants": [first, {**second, "name": ""}]}, TextError, ("variants", 1, "name")),
        ({"variants": [first, {**second, "traffic_percentage": 49.99}]}, SharesError, ("variants",)),
        (
            {"variants": [first, {**second, "traffic_percentage": math.nan}]},
            SharesError,
            ("variants", 1, "trafficPercentage"),
        ),
        (
            {"variants": [first, {**second, "traffic_percentage": 50.001}]},
            SharesError,
            ("variants", 1, "trafficPercentage"),
        ),
        (
            {"variants": [first, {**second, "prompt_version_id": "ver_nope"}]},
            VersionNotFoundError,
            ("variants", 1, "promptVersionId"),
        ),
        ({"variants": [first, {"name": "b"}]}, ValidationError, ("variants", 1, "prompt_version_id")),
        ({"variants": [first, {**second, "color": 1}]}, ValidationError, ("variants", 1, "color")),
        ({"variants": [first, 7]}, ValidationError, ("variants", 1)),
        ({"variants": [{**v, "is_control": True} for v in good]}, ValidationError, ("variants",)),
        ({"metrics": [Metric("m"), Metric("m", MetricKind.COUNT)]}, ValidationError, ("metrics", 1, "key")),
        ({"allocation": AllocationDraft("nope")}, UnknownPluginError, ("allocation", "strategy")),
        ({"allocation": AllocationDraft(options={"x": 1})}, ValidationError, ("allocation", "options", "x")),
        ({"allocation": AllocationDraft(seed="a:b")}, ValidationError, ("allocation", "seed")),
        ({"analysis": AnalysisPlan(test="nope")}, UnknownPluginError, ("analysis", "test")),
        ({"analysis": AnalysisPlan(test="z_test", options={"x": 1})}, ValidationError, ("analysis", "options", "x")),
        (
            {"analysis": AnalysisPlan(test="z_test"), "success_metric": Metric("c", MetricKind.CONTINUOUS)},
            IncompatibleTestError,
            ("analysis", "test"),
        ),
    ]


async def test_every_wrong_request_is_refused_with_its_path_and_changes_nothing(world) -> None:
    repository = world.services.repository
    head = await repository.head()
    for wrong, error, path in broken(world):
        request = {
            "prompt_id": world.prompt.id,
            "name": "n",
            "description": "",
            "success_metric": "won",
            "variants": world.variants(50, 50),
            "created_by": "ann",
        } | wrong
        with pytest.raises(error) as refusal:
            await world.services.experiments.create_experiment(**request)
        assert refusal.value.path == path, wrong.keys()
    assert await repository.head() == head
    assert await repository.list_metrics(None) == []


async def test_a_version_of_another_prompt_is_refused(world) -> None:
    other = await world.services.prompts.create_prompt(PromptDraft("other", "Other", VersionDraft("x")))
    variants = world.variants(50, 50)
    variants[1]["prompt_version_id"] = other.current_version_id
    with pytest.raises(VersionNotFoundError):
        await world.services.experiments.create_experiment(world.prompt.id, "n", "", "won", variants, "ann")


async def test_a_metric_declared_otherwise_is_a_conflict(world) -> None:
    await world.services.metrics.declare(Metric("won", MetricKind.COUNT))
    assert (await world.experiment()).success_metric.kind is MetricKind.COUNT
    with pytest.raises(DuplicateError):
        await world.experiment(metrics=[Metric("won")])


# ---------------------------------------------------------------- transitions


async def test_the_whole_life(world) -> None:
    manager = world.services.experiments
    draft = await world.experiment()
    running = await manager.start_experiment(draft.id)
    paused = await manager.stop_experiment(draft.id)
    again = await manager.start_experiment(draft.id, expected_revision=3)
    done = await manager.complete_experiment(draft.id, {"decision": "b", "n": [1, 2.5, None]})
    assert [e.status for e in (running, paused, again, done)] == ["RUNNING", "PAUSED", "RUNNING", "COMPLETED"]
    assert [e.revision for e in (running, paused, again, done)] == [2, 3, 4, 5]
    assert again.start_date == running.start_date
    assert done.results == {"decision": "b", "n": [1, 2.5, None]}
    assert done.end_date is not None
    assert await stored(world, draft.id) == done
    history = await world.services.repository.history(draft.id)
    assert [change.subject for change in history] == [
        Subject.EXPERIMENT_CREATED,
        Subject.EXPERIMENT_STARTED,
        Subject.EXPERIMENT_STOPPED,
        Subject.EXPERIMENT_STARTED,
        Subject.EXPERIMENT_COMPLETED,
    ]
    assert history[-1].experiment == done


async def test_a_refused_transition_says_the_state_and_changes_nothing(world) -> None:
    manager = world.services.experiments
    draft = await world.experiment()
    for step in (manager.stop_experiment, manager.complete_experiment):
        with pytest.raises(InvalidTransitionError) as refusal:
            await step(draft.id)
        assert refusal.value.current == "DRAFT"
    with pytest.raises(StaleRevisionError):
        await manager.start_experiment(draft.id, expected_revision=7)
    with pytest.raises(ExperimentNotFoundError):
        await manager.start_experiment("exp_nope")
    assert await stored(world, draft.id) == draft


async def test_cancelling_ends_it_for_good(world) -> None:
    manager = world.services.experiments
    experiment = await world.running()
    assert (await manager.cancel_experiment(experiment.id)).status is ExperimentStatus.CANCELLED
    with pytest.raises(InvalidTransitionError):
        await manager.start_experiment(experiment.id)


async def test_completion_without_results_keeps_the_analysis(world) -> None:
    experiment = await world.running()
    done = await world.services.experiments.complete_experiment(experiment.id)
    assert done.results["analysis"]["metric"] == "won"
    assert done.results["analysis"]["winner"] is None


@pytest.mark.parametrize("results", [[], "x", {"x": math.nan}, {"x": object()}, {"x": "\x00"}, {"x": "y" * 300_000}])
async def test_results_that_cannot_be_kept_are_refused(world, results) -> None:
    experiment = await world.running()
    with pytest.raises(ValidationError) as refusal:
        await world.services.experiments.complete_experiment(experiment.id, results)
    assert refusal.value.path == ("results",)
    assert (await stored(world, experiment.id)).is_running


async def test_one_experiment_runs_per_prompt(world) -> None:
    first, second = await world.running(), await world.experiment()
    with pytest.raises(AlreadyRunningError) as refusal:
        await world.services.experiments.start_experiment(second.id)
    assert refusal.value.experiment_id == first.id
    await world.services.experiments.stop_experiment(first.id)
    assert (await world.services.experiments.start_experiment(second.id)).is_running


async def test_of_many_starts_at_once_one_succeeds(world) -> None:
    pair = [await world.experiment(), await world.experiment()]
    starts = [world.services.experiments.start_experiment(pair[n % 2].id) for n in range(20)]
    answers = await asyncio.gather(*starts, return_exceptions=True)
    conflicts = (AlreadyRunningError, StaleRevisionError, InvalidTransitionError)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert sum(isinstance(answer, conflicts) for answer in answers) == 19


# ---------------------------------------------------------------- promotion


async def test_promotion_sets_the_version_and_completes_in_one_step(world) -> None:
    experiment = await world.running()
    treatment = experiment.variants[1]
    prompt = await world.services.experiments.promote_variant(experiment.id, treatment.id, "bea")
    assert prompt.current_version == world.versions[1]
    after = await stored(world, experiment.id)
    assert (after.status, after.promoted_variant_id) == (ExperimentStatus.COMPLETED, treatment.id)
    assert after.results["analysis"]["metric"] == "won"
    last = (await world.services.repository.history(experiment.id))[-1]
    assert (last.subject, last.signature.actor) == (Subject.VARIANT_PROMOTED, "bea")
    assert (await world.services.repository.get_prompts([prompt.id]))[prompt.id] == prompt


async def test_promotion_from_completed_keeps_the_results(world) -> None:
    experiment = await world.running()
    await world.services.experiments.complete_experiment(experiment.id, {"mine": 1})
    await world.services.experiments.promote_variant(experiment.id, experiment.variants[1].id, "bea")
    assert (await stored(world, experiment.id)).results == {"mine": 1}


async def test_promotion_is_refused_from_a_draft_for_an_unknown_variant_and_twice(world) -> None:
    manager = world.services.experiments
    draft = await world.experiment()
    with pytest.raises(InvalidTransitionError):
        await manager.promote_variant(draft.id, draft.variants[1].id, "bea")
    await manager.start_experiment(draft.id)
    with pytest.raises(VariantNotFoundError):
        await manager.promote_variant(draft.id, "var_nope", "bea")
    await manager.promote_variant(draft.id, draft.variants[1].id, "bea")
    with pytest.raises(AlreadyPromotedError):
        await manager.promote_variant(draft.id, draft.variants[0].id, "bea")
    prompt = (await world.services.repository.get_prompts([world.prompt.id]))[world.prompt.id]
    assert prompt.current_version == world.versions[1]


async def test_of_two_promotions_at_once_one_succeeds(world) -> None:
    experiment = await world.running()
    promotions = [
        world.services.experiments.promote_variant(experiment.id, variant.id, "bea") for variant in experiment.variants
    ]
    answers = await asyncio.gather(*promotions, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert sum(isinstance(answer, AlreadyPromotedError | StaleRevisionError) for answer in answers) == 1


# ---------------------------------------------------------------- who asks


async def test_a_confined_caller_reaches_its_own_and_shared_prompts_only(world) -> None:
    manager, prompts = world.services.experiments, world.services.prompts
    one, two = Caller("svc", "t1"), Caller("svc", "t2")
    own = await prompts.create_prompt(PromptDraft("own", "Own", VersionDraft("x")), caller=one)
    assert own.tenant_id == "t1"
    version = await prompts.create_version(own.id, VersionDraft("y"), caller=one)
    variants = [VariantDraft("a", own.current_version_id, 50), VariantDraft("b", version.id, 50)]
    with pytest.raises(PromptNotFoundError):
        await manager.create_experiment(own.id, "n", "", "won", variants, "svc", caller=two)
    experiment = await manager.create_experiment(own.id, "n", "", "won", variants, "svc", caller=one)
    with pytest.raises(ExperimentNotFoundError):
        await manager.start_experiment(experiment.id, caller=two)
    with pytest.raises(ForbiddenError):
        await prompts.create_version(world.prompt.id, VersionDraft("z"), caller=one)
    with pytest.raises(ForbiddenError):
        await prompts.create_prompt(PromptDraft("k", "K", VersionDraft("x"), tenant_id="t2"), caller=one)
    on_shared = await manager.create_experiment(
        world.prompt.id, "n", "", "won", world.variants(50, 50), "svc", caller=one
    )
    assert on_shared.tenant_id == "t1"
    await manager.start_experiment(on_shared.id, caller=one)
    with pytest.raises(ForbiddenError):
        await manager.promote_variant(on_shared.id, on_shared.variants[1].id, "svc", caller=one)


async def test_who_loses_a_race_is_not_told_of_another_tenants_experiment(world, monkeypatch) -> None:
    manager, repository = world.services.experiments, world.services.repository
    one, two = Caller("svc", "t1"), Caller("svc", "t2")
    drafts = [
        await manager.create_experiment(world.prompt.id, "n", "", "won", world.variants(50, 50), "svc", caller=caller)
        for caller in (one, two)
    ]
    await manager.start_experiment(drafts[0].id, caller=one)
    running = repository.running_experiments
    blind = iter([True])

    async def late(*arguments):
        return {} if next(blind, False) else await running(*arguments)

    monkeypatch.setattr(repository, "running_experiments", late)
    with pytest.raises(AlreadyRunningError) as refusal:
        await manager.start_experiment(drafts[1].id, caller=two)
    assert refusal.value.experiment_id is None
    assert drafts[0].id not in str(refusal.value)


async def test_the_manager_alone_works(world) -> None:
    manager = ExperimentManager(world.services.repository)
    experiment = await world.running()
    by_id = await manager.select_variant({"system": world.prompt.id}, "acme")
    by_key = await manager.select_variant({"system": "greeting"}, "acme")
    by_value = await manager.select_variant({"system": world.prompt}, "acme")
    assert by_id is not None
    assert by_id == by_key == by_value
    assert by_id.experiment_id == experiment.id
    with pytest.raises(ValidationError):
        await manager.select_variant({"system": 7}, "acme")
    with pytest.raises(ValidationError):
        await manager.select_variant(["greeting"], "acme")  # type: ignore[arg-type]


async def test_an_analysis_reads_what_was_recorded(world) -> None:
    experiment = await world.running()
    units = [f"u{n}" for n in range(200)]
    recorder = world.services.recorder
    await recorder.record_exposures([ExposureEvent(experiment.id, unit) for unit in units])
    await recorder.record_outcomes([OutcomeEvent(unit, "won", n % 2) for n, unit in enumerate(units)])
    result = await world.services.analyses.analyze(experiment)
    assert sum(stats.units for stats in result.variant_stats.values()) == 200
    assert sum(stats.conversions for stats in result.variant_stats.values()) == 100
    assert result.computed_at is not None
    assert (result.test, result.metric) == ("z_test", "won")
