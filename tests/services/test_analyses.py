"""What is measured, judged, recorded and kept: analyses of experiments in a repository."""

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta

import msgspec
import pytest

from omniforge_graph.domain.analysis import AnalysisResult, GuardrailState, Verdict
from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import MAX_SLICES, NO_VALUE, OTHER_VALUES
from omniforge_graph.domain.metric import Aggregation, Cap, Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan, Guardrail, Monitoring
from omniforge_graph.errors import MetricNotFoundError, OmniForgeError, UnknownPluginError, ValidationError
from omniforge_graph.services.analyses import AnalysisRequest, AnalysisService
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.testing import MemoryRepository

WON = Metric("won")
RATING = Metric("rating", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN, covariates=("rating",))
COST = Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER, cap=Cap(percentile=0.99))
CALLS = Metric("calls", MetricKind.COUNT, aggregation=Aggregation.NUMBER)
PRICE = Metric("price", MetricKind.RATIO, Direction.LOWER_IS_BETTER, numerator="cost", denominator="calls")
P90 = Metric("p90", MetricKind.QUANTILE, quantile=0.9)
PER_CALL = Metric("tokens", MetricKind.RATIO)
EVERY = (WON, RATING, COST, CALLS, PRICE, P90, PER_CALL)
PLAN = AnalysisPlan(horizon=2000, goals=("rating",), guardrails=(Guardrail("cost", 0.2),))


async def record(world, experiment, start, count, *, rate=(0.2, 0.5), variant=None, attributes=lambda n: {}) -> None:
    """Send units to the variants in turn: what they win, rate, cost and use, and what they rated before."""
    chance, now = random.Random(start), world.clock()
    exposures, outcomes = [], []
    for n in range(start, start + count):
        place = n % len(experiment.variants) if variant is None else variant
        unit = f"unit {n}"
        exposures.append(Exposure(experiment.id, unit, experiment.variants[place].id, now, attributes(n)))
        level = chance.gauss(3, 1)
        values = {
            "won": [float(chance.random() < rate[place])],
            "rating": [level + chance.gauss(0, 0.3)],
            "cost": [chance.gauss(1, 0.2) for _ in range(n % 3 + 1)],
            "calls": [1.0] * (n % 3 + 1),
            "p90": [chance.lognormvariate(0, 1)],
            "tokens": [chance.gauss(100 + 20 * level, 5) for _ in range(n % 4)],
        }
        outcomes += [Outcome(unit, key, value, now) for key, found in values.items() for value in found]
        outcomes.append(Outcome(unit, "rating", level, now - timedelta(days=1)))
    repository = world.services.repository
    for batch in range(0, len(outcomes), 5000):
        await repository.record_outcomes(outcomes[batch : batch + 5000])
    await repository.record_exposures(exposures)


async def looks_of(world, experiment):
    return (await world.services.repository.get_looks([experiment.id])).get(experiment.id, [])


def assert_plain(value) -> None:
    """No number that is not finite, whatever it is wrapped in."""
    if isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            assert_plain(each)
    elif isinstance(value, tuple | list):
        for each in value:
            assert_plain(each)
    elif isinstance(value, msgspec.Struct):
        assert_plain([getattr(value, name) for name in value.__struct_fields__])
    elif hasattr(value, "__dataclass_fields__"):
        assert_plain([getattr(value, each.name) for each in fields(value)])


@pytest.fixture
async def quick(build):
    """A world in memory, for what does not depend on where events are stored."""
    return await build(MemoryRepository())


# ---------------------------------------------------------------- looks


async def test_looks_that_count_are_recorded_with_what_was_seen(world) -> None:
    experiment = await world.running(metrics=EVERY, analysis=PLAN)
    analyses = world.services.analyses
    await record(world, experiment, 0, 1000)
    first = await analyses.analyze(experiment)
    assert first.progress.monitoring is Monitoring.GROUP_SEQUENTIAL
    assert (first.progress.looks, first.progress.information) == (1, 0.5)
    (look,) = await looks_of(world, experiment)
    assert (look.number, look.units, look.tuned_units) == (1, (500, 500), 2000)
    treatment = experiment.variants[1]
    assert [(each.metric, each.treatment_id) for each in look.seen] == [
        (key, treatment.id) for key in ("won", "rating", "cost")
    ]
    (won,) = first.comparisons
    assert (look.seen[0].absolute, look.seen[0].relative) == (won.absolute_effect, won.relative_effect)
    assert look.seen[0].p_value == won.valid_p_value
    (guard,) = first.guardrails
    assert (look.seen[2].p_value, look.seen[2].harm_p_value) == (guard.p_value, guard.harm_p_value)
    assert (first.winner, first.recommendation.verdict) == (treatment.id, Verdict.SHIP)
    assert first.computed_at == world.clock.now

    # Asked again at once: no look more, and the same answer, by any goal.
    again = await analyses.analyze(experiment)
    rating = await analyses.analyze(experiment, metric="rating")
    assert len(await looks_of(world, experiment)) == 1
    assert replace(again, computed_at=None, progress=None) == replace(first, computed_at=None, progress=None)
    assert rating.recommendation == first.recommendation
    await record(world, experiment, 1000, 1000)
    last = await analyses.analyze(experiment, metric="rating")
    assert (last.progress.looks, last.progress.complete) == (2, True)
    assert last.variance_reduction > 0.8
    assert [look.total_units for look in await looks_of(world, experiment)] == [1000, 2000]


async def test_the_numbers_of_every_kind_are_those_of_the_recorded_outcomes(world) -> None:
    experiment = await world.running(metrics=EVERY, analysis=AnalysisPlan(monitoring=Monitoring.FIXED))
    await record(world, experiment, 0, 1200)
    memory = MemoryRepository()
    other = replace(world, services=replace(world.services, repository=memory))
    world.clock.now -= timedelta(seconds=1)
    await record(other, experiment, 0, 1200)
    registry = world.services.registry
    expected = AnalysisService(memory, registry, ExperimentAnalyzer(registry), clock=world.clock)
    for metric in EVERY:
        found = await world.services.analyses.analyze(experiment, metric=metric.key)
        told = await expected.analyze(experiment, metric=metric.key)
        for one, two in zip(found.variant_stats.values(), told.variant_stats.values(), strict=True):
            for name in ("units", "mean", "standard_deviation", "adjusted_mean", "design_effect", "effective_units"):
                here, there = getattr(one, name), getattr(two, name)
                assert here == (None if there is None else pytest.approx(there, rel=1e-9)), (metric.key, name)
        assert [each.p_value for each in found.comparisons] == pytest.approx(
            [each.p_value for each in told.comparisons], rel=1e-6
        )
        assert_plain(found)


async def test_what_is_no_look_at_the_plan_is_not_recorded(quick) -> None:
    experiment = await quick.running(metrics=EVERY, analysis=PLAN)
    analyses = quick.services.analyses
    await record(quick, experiment, 0, 198)
    assert (await analyses.analyze(experiment)).progress.looks == 0  # 99 units each
    await record(quick, experiment, 198, 402)
    await analyses.analyze(experiment, metric="p90")  # secondary
    await analyses.analyze(experiment, metric="cost")  # a guardrail
    await analyses.analyze(experiment, test="chi_square")  # not the plan's test
    await analyses.slices(experiment, "plan")
    assert await looks_of(quick, experiment) == []
    await analyses.analyze(experiment, metric="rating")
    await record(quick, experiment, 600, 30)  # 1.5 % of the horizon
    await analyses.analyze(experiment)
    assert [look.total_units for look in await looks_of(quick, experiment)] == [600]
    await record(quick, experiment, 630, 20)
    await analyses.analyze(experiment)
    assert [look.total_units for look in await looks_of(quick, experiment)] == [600, 650]


async def test_the_plans_test_by_its_name_is_a_look(quick) -> None:
    experiment = await quick.running(analysis=AnalysisPlan(test="z_test", horizon=2000))
    await record(quick, experiment, 0, 300)
    await quick.services.analyses.analyze(experiment, test="z_test")
    assert len(await looks_of(quick, experiment)) == 1


async def test_a_paused_experiment_is_looked_at_and_an_ended_one_is_not(world) -> None:
    manager, analyses = world.services.experiments, world.services.analyses
    experiment = await world.running(analysis=AnalysisPlan(horizon=2000))
    await record(world, experiment, 0, 400)
    paused = await manager.stop_experiment(experiment.id)
    await analyses.analyze(paused)
    assert len(await looks_of(world, experiment)) == 1
    cancelled = await manager.cancel_experiment(experiment.id)
    await record(world, experiment, 400, 1000)
    await analyses.analyze(cancelled)
    assert len(await looks_of(world, experiment)) == 1
    draft = await world.experiment(analysis=AnalysisPlan(horizon=2000))
    await record(world, draft, 0, 400)
    await analyses.analyze(draft)
    assert await looks_of(world, draft) == []


async def test_many_people_looking_at_once_are_one_look(world) -> None:
    experiment = await world.running(metrics=EVERY, analysis=PLAN)
    await record(world, experiment, 0, 600)
    registry = world.services.registry
    other = AnalysisService(world.services.repository, registry, ExperimentAnalyzer(registry), clock=world.clock)
    asked = [
        service.analyze(experiment, metric=metric)
        for service in (world.services.analyses, other)
        for metric in ("won", "rating", None)
    ]
    found = await asyncio.gather(*asked)
    assert len(await looks_of(world, experiment)) == 1
    for each in found:
        assert (each.progress.looks, each.progress.nominal_alpha) == (1, found[0].progress.nominal_alpha)
        assert each.recommendation == found[0].recommendation
        assert each.guardrails == found[0].guardrails
        same = found[0] if each.metric == "won" else found[1]
        assert each.comparisons == same.comparisons


async def test_one_question_about_many_metrics_is_one_look(quick) -> None:
    experiment = await quick.running(metrics=EVERY, analysis=PLAN)
    await record(quick, experiment, 0, 600)
    requests = [AnalysisRequest(experiment, key) for key in ("rating", None, "won", "p90", "nope")]
    *found, problem = await quick.services.analyses.analyze_many(requests)
    assert [each.metric for each in found] == ["rating", "won", "won", "p90"]
    assert isinstance(problem, MetricNotFoundError)
    assert len(await looks_of(quick, experiment)) == 1
    assert found[0].recommendation == found[1].recommendation == found[2].recommendation


# ---------------------------------------------------------------- the end


async def test_completion_records_the_last_look_and_keeps_its_analysis(world) -> None:
    manager, analyses = world.services.experiments, world.services.analyses
    experiment = await world.running(metrics=EVERY, analysis=PLAN)
    await record(world, experiment, 0, 600)
    await analyses.analyze(experiment)
    await record(world, experiment, 600, 10)  # too soon for a look, but the last
    ended = await manager.complete_experiment(experiment.id)
    looks = await looks_of(world, experiment)
    assert [look.total_units for look in looks] == [600, 610]
    kept = ended.results["analysis"]
    assert kept["progress"]["looks"] == 2
    after = await analyses.analyze(ended)
    assert kept["winner"] == after.winner == experiment.variants[1].id
    assert kept["recommendation"]["verdict"] == after.recommendation.verdict
    assert [each["valid_p_value"] for each in kept["comparisons"]] == [each.valid_p_value for each in after.comparisons]
    assert after.progress.looks == 2
    assert len(await looks_of(world, experiment)) == 2
    assert_plain(kept)


async def test_an_experiment_that_nobody_met_ends_with_an_analysis_all_the_same(world) -> None:
    experiment = await world.running(metrics=EVERY, analysis=PLAN)
    ended = await world.services.experiments.complete_experiment(experiment.id)
    assert ended.results["analysis"]["recommendation"]["verdict"] == "CONTINUE"
    assert await looks_of(world, experiment) == []
    assert_plain(ended.results)


# ---------------------------------------------------------------- always something to say


@pytest.mark.parametrize("monitoring", [Monitoring.FIXED, Monitoring.ALWAYS_VALID, Monitoring.GROUP_SEQUENTIAL])
async def test_poor_data_is_always_an_answer_without_nan(quick, monitoring) -> None:
    plan = replace(PLAN, monitoring=monitoring)
    variants = quick.variants(34, 33, 33)
    experiment = await quick.services.experiments.create_experiment(
        quick.prompt.id, "n", "", WON, variants, "ann", metrics=EVERY, analysis=plan
    )
    experiment = await quick.services.experiments.start_experiment(experiment.id)
    stages = [(0, None), (1, 0), (1, 1), (3, 0), (200, 0), (200, 1), (1, 2), (150, 2)]
    start = 0
    for count, variant in stages:
        if count:
            await record(quick, experiment, start, count, variant=variant, rate=(0, 1, 0))
            start += count
        for metric in EVERY:
            tests = [None, "bayesian", "permutation"] if metric.kind is not MetricKind.QUANTILE else [None]
            for test in tests:
                found = await quick.services.analyses.analyze_many([AnalysisRequest(experiment, metric.key, test)])
                assert isinstance(found[0], AnalysisResult)
                assert_plain(found[0])
            assert_plain(await quick.services.analyses.slices(experiment, "plan", metric=metric.key))


async def test_the_cheaper_prompt_ships_if_it_is_not_worse(world) -> None:
    plan = AnalysisPlan(horizon=2000, guardrails=(Guardrail("rating", 0.1),))
    experiment = await world.running(metric=COST, metrics=(RATING,), analysis=plan)
    assert experiment.success_metric == COST
    chance, now = random.Random(5), world.clock()
    exposures = [Exposure(experiment.id, f"u{n}", experiment.variants[n % 2].id, now) for n in range(2000)]
    outcomes = [
        Outcome(f"u{n}", key, chance.gauss(mean, 0.5), now)
        for n in range(2000)
        for key, mean in (("cost", 2 - 0.5 * (n % 2)), ("rating", 4))
    ]
    await world.services.repository.record_exposures(exposures)
    await world.services.repository.record_outcomes(outcomes)
    found = await world.services.analyses.analyze(experiment)
    assert (found.guardrails[0].state, found.recommendation.verdict) == (GuardrailState.PASSED, Verdict.SHIP)
    assert found.winner == experiment.variants[1].id


# ---------------------------------------------------------------- slices


async def test_slices_are_adjusted_together_and_checked_one_by_one(world) -> None:
    experiment = await world.running(analysis=AnalysisPlan(monitoring=Monitoring.FIXED))
    languages = ("en", "de", "fr")
    await record(world, experiment, 0, 1200, attributes=lambda n: {"language": languages[n // 2 % 3]})
    await record(world, experiment, 1200, 200)
    # Somebody loses the control's exposures, in French only.
    await record(world, experiment, 2000, 120, variant=1, attributes=lambda n: {"language": "fr"})
    found = await world.services.analyses.slices(experiment, "language")
    assert {each.value: each.units for each in found.slices} == {"fr": 520, "en": 400, "de": 400, NO_VALUE: 200}
    assert [each.units for each in found.slices] == [520, 400, 400, 200]
    assert [each.sample_ratio.mismatch for each in found.slices] == [True, False, False, False]
    p_values = sorted(each.comparisons[0].p_value for each in found.slices)
    for each in found.slices:
        (one,) = each.comparisons
        expected = min(p * 4 / (rank + 1) for rank, p in enumerate(p_values) if p >= one.p_value)
        assert one.adjusted_p_value == pytest.approx(expected, rel=1e-9)
        assert one.is_significant
    assert found.computed_at == world.clock.now
    assert "In fr the units" in found.notices[0].message
    assert_plain(found)


async def test_rare_values_are_taken_together(world) -> None:
    experiment = await world.running()
    # Sixty models: the higher its number the more units it has, two for each step.
    models = [f"model {number:02}" for number in range(60) for _ in range(2 * number + 2)]
    await record(world, experiment, 0, len(models), attributes=lambda n: {"model": models[n]})
    found = await world.services.analyses.slices(experiment, "model")
    sizes = {each.value: each.units for each in found.slices}
    assert len(sizes) == MAX_SLICES + 1
    assert sizes[OTHER_VALUES] == sum(2 * number + 2 for number in range(10))
    assert sizes["model 59"] == 120
    assert "model 09" not in sizes
    assert sum(sizes.values()) == len(models)
    assert [each.units for each in found.slices] == sorted(sizes.values(), reverse=True)


async def test_slices_of_nobody_and_questions_that_cannot_be_answered(quick) -> None:
    experiment = await quick.running()
    analyses = quick.services.analyses
    assert (await analyses.slices(experiment, "plan")).slices == ()
    for problem, arguments in (
        (ValidationError, {"dimension": "a b"}),
        (MetricNotFoundError, {"dimension": "plan", "metric": "nope"}),
        (UnknownPluginError, {"dimension": "plan", "test": "nope"}),
    ):
        with pytest.raises(problem):
            await analyses.slices(experiment, **arguments)


# ---------------------------------------------------------------- creation


async def test_a_plan_that_cannot_hold_is_refused_by_its_field(quick) -> None:
    for plan, path in (
        (AnalysisPlan(test="bayesian", monitoring=Monitoring.ALWAYS_VALID), ("analysis", "monitoring")),
        (AnalysisPlan(test="bayesian", monitoring=Monitoring.GROUP_SEQUENTIAL, horizon=9), ("analysis", "monitoring")),
        (AnalysisPlan(guardrails=(Guardrail("nope", 0.1),)), ("analysis", "guardrails", 0, "metric")),
        (AnalysisPlan(goals=("won",)), ("analysis", "goals", 0)),
    ):
        with pytest.raises(OmniForgeError) as caught:
            await quick.experiment(analysis=plan)
        assert caught.value.path == path
    assert isinstance(await quick.experiment(analysis=AnalysisPlan(test="bayesian")), PromptExperiment)
