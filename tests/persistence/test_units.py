"""What every repository owes when it reads units; the one in memory is the specification of the others."""

import math
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.measurement import MAX_SLICES, NO_VALUE, OTHER_VALUES, Source, UnitQuestion, sources_of
from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind
from omniforge_graph.errors import TextError
from omniforge_graph.persistence import open_database
from omniforge_graph.testing import MemoryRepository

ANY, SUM, MEAN, NUMBER = (
    Source("converted", Aggregation(each)) for each in (Aggregation.ANY, Aggregation.SUM, "MEAN", "NUMBER")
)
BEFORE = Source("converted", Aggregation.SUM, before_exposure=True)
ADJUSTED = Metric("converted", MetricKind.CONTINUOUS, covariates=("converted",))


async def test_each_aggregation_of_a_units_outcomes(repository, make, read):
    experiment = await make.started(repository)
    await repository.record_exposures([make.exposure(experiment, unit, place) for place, unit in enumerate("ab")])
    await repository.record_exposures([make.exposure(experiment, unit) for unit in "cd"])
    values = {"a": [1.0, 3.0, 0.5], "b": [1.0], "c": [0.5]}
    await repository.record_outcomes([make.outcome(unit, value) for unit in values for value in values[unit]])
    expected = {
        ANY: {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0},
        SUM: {"a": 4.5, "b": 1.0, "c": 0.5, "d": 0.0},
        MEAN: {"a": 1.5, "b": 1.0, "c": 0.5, "d": None},
        NUMBER: {"a": 3.0, "b": 1.0, "c": 1.0, "d": 0.0},
    }
    squares = {"a": 10.25, "b": 1.0, "c": 0.25, "d": 0.0}
    for source, of_units in expected.items():
        rows = {(int(u == "b"), "", (of_units[u],), (u != "d",), squares[u]): 1 for u in "abcd"}
        assert await read(repository, experiment, source) == rows, source


async def test_several_sources_meet_in_the_units_they_belong_to(repository, make, read):
    metrics = (ADJUSTED, Metric("cost", MetricKind.CONTINUOUS))
    experiment = await make.started(repository, metrics=metrics)
    await repository.record_exposures([make.exposure(experiment, unit, int(unit == "d")) for unit in "abcde"])
    await repository.record_outcomes(
        [
            make.outcome("a", 2.0),
            make.outcome("a", 3.0, seconds=-5),
            make.outcome("b", 5.0, seconds=-9, metric="converted"),
            make.outcome("c", 7.0, metric="cost"),
            make.outcome("d", 11.0),
        ]
    )
    cost = Source("cost", Aggregation.MEAN)
    assert await read(repository, experiment, SUM, BEFORE, cost, NUMBER) == {
        (0, "", (2.0, 3.0, None, 1.0), (True, True, False, True), 4.0): 1,
        (0, "", (0.0, 5.0, None, 0.0), (False, True, False, False), 0.0): 1,
        (0, "", (0.0, 0.0, 7.0, 0.0), (False, False, True, False), 0.0): 1,
        (0, "", (0.0, 0.0, None, 0.0), (False, False, False, False), 0.0): 1,
        (1, "", (11.0, 0.0, None, 1.0), (True, False, False, True), 121.0): 1,
    }


async def test_which_outcomes_count(repository, make, read):
    prompt = await make.stored_prompt(repository, tenant_id="a")
    mine = await make.started(repository, prompt, metrics=(ADJUSTED,))
    others = await make.started(repository, metrics=(ADJUSTED,))
    for experiment in (mine, others):
        await repository.record_exposures([make.exposure(experiment, "u", seconds=10)])
    outcomes = {
        "at the exposure": (make.outcome("u", seconds=10), 1, 1),
        "before it": (make.outcome("u", seconds=9.999999), 0, 0),
        "of another metric": (make.outcome("u", seconds=11, metric="other"), 0, 0),
        "of another unit": (make.outcome("v", seconds=11), 0, 0),
        "for this experiment": (make.outcome("u", seconds=11, experiment_id=mine.id), 1, 0),
        "from the tenant itself": (make.outcome("u", seconds=11, tenant_id="a"), 1, 1),
        "from another tenant": (make.outcome("u", seconds=11, tenant_id="b"), 0, 1),
        "for this one, before": (make.outcome("u", seconds=1, experiment_id=mine.id), 0, 0),
    }
    seen = [0.0, 0.0]
    for name, (outcome, *counts) in outcomes.items():
        await repository.record_outcomes([outcome])
        seen = [one + more for one, more in zip(seen, counts, strict=True)]
        for experiment, total in zip((mine, others), seen, strict=True):
            found = await read(repository, experiment, SUM)
            assert found == {(0, "", (total,), (True,), total): 1}, name
    assert await read(repository, mine, BEFORE) == {(0, "", (2.0,), (True,), 2.0): 1}
    assert await read(repository, others, BEFORE) == {(0, "", (1.0,), (True,), 1.0): 1}


async def test_the_end_counts_and_what_comes_later_does_not(repository, make, read):
    experiment = await make.started(repository, metrics=(ADJUSTED,))
    await repository.record_exposures([make.exposure(experiment, unit) for unit in "ab"])
    await repository.record_outcomes([make.outcome("a", 1.0, seconds=-1), make.outcome("a", 2.0, seconds=5)])
    # Recorded while the experiment was being ended, at a later moment than the one that became its end.
    await repository.record_outcomes([make.outcome(unit, 4.0, seconds=5.000001) for unit in "ab"])
    ended = await make.ended(repository, experiment, 5)
    await repository.record_outcomes([make.outcome("a", 8.0, seconds=6), make.outcome("a", 16.0, seconds=4)])
    await repository.record_exposures([make.exposure(experiment, "late", seconds=3)])
    await repository.record_outcomes([make.outcome("late", 32.0, seconds=3), make.outcome("late", 64.0, seconds=7)])
    assert await read(repository, ended, SUM, BEFORE) == {
        (0, "", (18.0, 1.0), (True, True), 260.0): 1,
        (0, "", (0.0, 0.0), (False, False), 0.0): 1,
        (0, "", (32.0, 0.0), (True, False), 1024.0): 1,
    }


async def test_units_of_equal_values_come_as_one_row(repository, make):
    experiment = await make.started(repository)
    await repository.record_exposures([make.exposure(experiment, f"u{n}", n % 2) for n in range(3000)])
    await repository.record_outcomes([make.outcome(f"u{n}", float(n % 3 == 0)) for n in range(2400)])
    (table,) = await repository.read_units([UnitQuestion(experiment, (ANY,))])
    found = Counter()
    rows = zip(table.variant, table.values[:, 0], table.observed[:, 0], table.weight, strict=True)
    for variant, value, observed, weight in rows:
        found[int(variant), float(value), bool(observed)] += int(weight)
    assert found == Counter((n % 2, float(n < 2400 and n % 3 == 0), n < 2400) for n in range(3000))
    if not isinstance(repository, MemoryRepository):
        assert len(table.weight) == 6
        (table,) = await repository.read_units([UnitQuestion(experiment, (SUM,))])
        assert len(table.weight) == 2402


async def test_nothing_measured_is_not_an_error(repository, make, read):
    experiment = await make.started(repository)
    for sources in (ANY,), (SUM, BEFORE), (MEAN,):
        for dimension, slices in ((None, ("",)), ("plan", ())):
            (table,) = await repository.read_units([UnitQuestion(experiment, sources, dimension)])
            assert table.values.shape == table.observed.shape == (0, len(sources))
            assert table.weight.size == table.variant.size == table.squares.size == table.slice_of.size == 0
            assert table.slices == slices
    assert await repository.read_units([]) == []
    await repository.record_exposures([make.exposure(experiment, unit) for unit in "uv"])
    assert await read(repository, experiment, MEAN) == {(0, "", (None,), (False,), 0.0): 2}
    assert await read(repository, experiment, SUM, BEFORE) == {(0, "", (0.0, 0.0), (False, False), 0.0): 2}


async def test_units_are_split_by_an_attribute_of_their_first_exposure(repository, make, read):
    experiment = await make.started(repository, metrics=(ADJUSTED,))
    await repository.record_exposures(
        [
            make.exposure(experiment, "a", plan="pro", lang="en"),
            make.exposure(experiment, "b", 1, plan="pro"),
            make.exposure(experiment, "c", plan='it\'s "free" $.x ? {}', lang="de"),
            make.exposure(experiment, "d"),
            make.exposure(experiment, "e", lang="en"),
            make.exposure(experiment, "f", plan="pro"),
        ]
    )
    await repository.record_exposures([make.exposure(experiment, "a", plan="changed")])
    await repository.record_outcomes([make.outcome(unit, float(ord(unit) - 96)) for unit in "abcd"])
    await repository.record_outcomes([make.outcome("a", 1.0, seconds=-1)])
    assert await read(repository, experiment, SUM, dimension="plan") == {
        (0, "pro", (1.0,), (True,), 1.0): 1,
        (1, "pro", (2.0,), (True,), 4.0): 1,
        (0, 'it\'s "free" $.x ? {}', (3.0,), (True,), 9.0): 1,
        (0, NO_VALUE, (4.0,), (True,), 16.0): 1,
        (0, NO_VALUE, (0.0,), (False,), 0.0): 1,
        (0, "pro", (0.0,), (False,), 0.0): 1,
    }
    assert (0, "en", (1.0, 1.0), (True, True), 1.0) in await read(repository, experiment, SUM, BEFORE, dimension="lang")
    (by_plan, whole, by_lang) = await repository.read_units(
        [UnitQuestion(experiment, (ANY,), dimension) for dimension in ("plan", None, "lang")]
    )
    assert by_plan.slices == ("pro", NO_VALUE, 'it\'s "free" $.x ? {}')
    assert whole.slices == ("",)
    assert by_lang.slices == (NO_VALUE, "en", "de")
    for table in (by_plan, whole, by_lang):
        assert table.weight.sum() == 6
    nobody = await read(repository, experiment, NUMBER, dimension="a.key:of/no-exposure")
    assert {key[1] for key in nobody} == {NO_VALUE}


async def test_a_dimension_must_be_a_key(repository, make):
    experiment = await make.started(repository)
    with pytest.raises(TextError) as refusal:
        await repository.read_units([UnitQuestion(experiment, (ANY,), "plan' OR 1=1 --\"")])
    assert refusal.value.path == ("dimension",)


async def test_the_rarer_values_of_a_dimension_are_taken_together(repository, make):
    experiment = await make.started(repository)
    values = [f"v{n:02}" for n in range(MAX_SLICES + 10)]
    units = [(value, place) for rank, value in enumerate(values) for place in range(2 if rank < MAX_SLICES else 1)]
    units += [("ä", 0), ("Z", 0), ("Z", 1)]  # as frequent as others: the smaller code point is kept
    exposures = [make.exposure(experiment, f"{value}-{place}", plan=value) for value, place in units]
    random.Random(1).shuffle(exposures)
    await repository.record_exposures([*exposures, make.exposure(experiment, "plain")])
    (table,) = await repository.read_units([UnitQuestion(experiment, (ANY,), "plan")])
    kept = ("Z", *values[: MAX_SLICES - 1])
    assert table.slices == (OTHER_VALUES, *kept, NO_VALUE)
    sizes = Counter()
    for place, weight in zip(table.slice_of, table.weight, strict=True):
        sizes[table.slices[place]] += int(weight)
    assert sizes == {OTHER_VALUES: 2 + 10 + 1, NO_VALUE: 1} | dict.fromkeys(kept, 2)


async def test_many_questions_are_answered_each(repository, make, units_of):
    metrics = tuple(Metric(f"m{n}", MetricKind.CONTINUOUS) for n in range(30))
    experiments = [await make.started(repository, metrics=metrics) for _ in range(2)]
    for experiment in experiments:
        await repository.record_exposures([make.exposure(experiment, unit) for unit in "ab"])
    await repository.record_outcomes([make.outcome("a", float(n), metric=f"m{n}") for n in range(30)])
    questions = [
        UnitQuestion(experiment, (Source(f"m{n}", Aggregation.SUM),)) for n in range(30) for experiment in experiments
    ]
    tables = await repository.read_units(questions)
    assert list(map(units_of, tables)) == [
        {(0, "", (float(n),), (True,), float(n * n)): 1, (0, "", (0.0,), (False,), 0.0): 1}
        for n in range(30)
        for _ in experiments
    ]


async def test_values_come_back_to_the_last_bit(repository, make):
    experiment = await make.started(repository)
    values = [0.1, 1 / 3, 5e-324, 1.03e-163, 1.6e-162, 1.7976931348623157e300, -1e15, 123456789.123456789]
    for value in values:
        await repository.record_exposures([make.exposure(experiment, f"u{value}")])
        await repository.record_outcomes([make.outcome(f"u{value}", value)])
    for source in (SUM, MEAN):
        (table,) = await repository.read_units([UnitQuestion(experiment, (source,))])
        assert sorted(table.values[:, 0]) == sorted(values)
    small = table.squares[abs(table.values[:, 0]) <= 1e15]
    expected = [value * value for value in values if abs(value) <= 1e15]
    for found, exact in zip(sorted(small), sorted(expected), strict=True):
        assert math.isclose(found, exact, abs_tol=5e-324)


# ---------------------------------------------------------------- the databases against the specification

METRICS = (
    Metric("won"),
    Metric("money", MetricKind.CONTINUOUS, covariates=("money", "visits")),
    Metric("visits", MetricKind.COUNT, aggregation=Aggregation.MEAN),
    Metric("rate", MetricKind.RATIO, numerator="money", denominator="visits", covariates=("rate",)),
    Metric("each", MetricKind.RATIO, covariates=("each",)),
)
SOURCES = [sources_of(metric) for metric in METRICS] + [
    (Source("visits", Aggregation.NUMBER),),
    (Source("won", Aggregation.ANY), Source("each", Aggregation.NUMBER)),
]
UNITS = st.sampled_from("abcd")
TIMES = st.integers(0, 6)
EXPOSURE = st.tuples(st.just("expose"), st.integers(0, 1), UNITS, TIMES, st.sampled_from(["x", "y", None]))
OUTCOME = st.tuples(
    st.sampled_from(["won", "money", "visits", "each", "other"]), UNITS, TIMES,
    st.sampled_from([0.0, 1.0, 2.0, -0.375, 1e6, 3.125]), st.sampled_from([None, None, 0, 1]),
    st.sampled_from([None, None, "a", "b"]),
)  # fmt: skip
OUTCOMES = st.lists(OUTCOME, min_size=1, max_size=6).map(lambda batch: ("outcomes", *batch))
END = st.tuples(st.just("end"), st.integers(0, 1), TIMES)
STEPS = st.lists(st.one_of(EXPOSURE, OUTCOMES, END), max_size=25)


class Play:
    """Does the same in all repositories."""

    def __init__(self, make, repositories, experiments):
        self.experiments = experiments
        self._make, self._repositories = make, repositories
        self._name = experiments[0].id  # units of its own for each example

    async def expose(self, place, unit, seconds, plan):
        attributes = {} if plan is None else {"plan": plan}
        experiment = self.experiments[place]
        exposure = self._make.exposure(experiment, f"{self._name}-{unit}", ord(unit) % 2, seconds, **attributes)
        for repository in self._repositories:
            await repository.record_exposures([exposure])

    async def outcomes(self, *batch):
        recorded = [self._outcome(*each) for each in batch]
        for repository in self._repositories:
            await repository.record_outcomes(recorded)

    def _outcome(self, metric, unit, seconds, value, named, tenant_id):
        experiment_id = None if named is None else self.experiments[named].id
        changes = {"metric": metric, "experiment_id": experiment_id, "tenant_id": tenant_id}
        return self._make.outcome(f"{self._name}-{unit}", value, seconds, **changes)

    async def end(self, place, seconds):
        if self.experiments[place].end_date is not None:
            return
        ended = self.experiments[place] = self.experiments[place].cancel(self._make.at(seconds))
        for repository in self._repositories:
            await repository.save(ChangeSet(Subject.EXPERIMENT_CANCELLED, self._make.signature, experiment=ended))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_the_databases_say_what_memory_says_and_keep_the_totals_right(database_url, make, units_of, steps, wrong):
    async with open_database(database_url) as repository:
        memory = MemoryRepository()
        experiments = []
        for tenant_id in ("a", None):
            prompt = await make.stored_prompt(repository, tenant_id=tenant_id)
            experiment = make.experiment(prompt, metrics=METRICS)
            for each in (repository, memory):
                await each.add_experiment(experiment, (), make.signature)
                await each.save(make.starting(experiment))
            experiments.append(experiment.start(make.now))
        play = Play(make, (repository, memory), experiments)
        for name, *values in steps:
            await getattr(play, name)(*values)
        questions = [
            UnitQuestion(experiment, sources, dimension)
            for experiment in play.experiments
            for sources in SOURCES
            for dimension in (None, "plan")
        ]
        found, expected = await repository.read_units(questions), await memory.read_units(questions)
        for question, here, there in zip(questions, found, expected, strict=True):
            assert here.slices == there.slices
            assert units_of(here) == units_of(there), question
        for experiment in experiments:
            assert await wrong(repository, experiment.id) == 0
