"""Purging: whatever was purged and whenever, every total and every answer is that of a twin that never purged."""

import asyncio
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.measurement import Source, UnitQuestion, sources_of
from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind
from omniforge_graph.errors import PurgedError
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.database import connect

LONG_AGO = -(2**62)
SUM = Source("converted", Aggregation.SUM)
BEFORE = Source("converted", Aggregation.SUM, before_exposure=True)
ADJUSTED = Metric("converted", MetricKind.CONTINUOUS, covariates=("converted",))


async def count(url, table):
    async with connect(url) as database, database.reading() as session:
        return int((await session.rows(f"SELECT COUNT(*) AS n FROM {table}"))[0]["n"])


async def purge(store, before, **sizes):
    """Purge all and return how many outcomes each batch had."""
    return [each async for each in store.purge_outcomes(before, **sizes)]


async def run(url, statement, *values):
    async with connect(url) as database, database.transaction() as session:
        await session.run(statement, *values)


@pytest.fixture
async def store(database_url):
    async with open_database(database_url) as opened:
        yield opened


async def test_outcomes_of_a_stretch_become_one_sum(store, database_url, make, read, wrong):
    experiment = await make.started(store, metrics=(ADJUSTED,))
    await store.record_exposures([make.exposure(experiment, unit, seconds=5) for unit in "ab"])
    times = {"a": [1, 2, 3, 5, 6, 7], "b": [4, 9]}
    await store.record_outcomes([make.outcome(unit, 2.0, at) for unit, seconds in times.items() for at in seconds])
    before = await read(store, experiment, SUM, BEFORE)
    assert await store.count_purgeable(make.at(9)) == 7
    assert await purge(store, make.at(9), batch=2, window=3) == [2, 1, 2, 1, 1]
    assert await purge(store, make.at(9)) == []
    assert await count(database_url, "outcome") == 1
    assert await count(database_url, "outcome_sum") == 3  # before and after for one unit, before for the other
    assert await read(store, experiment, SUM, BEFORE) == before
    assert await wrong(store) == 0


async def test_an_experiment_that_comes_later_has_covariates_from_before_the_purge(store, make, read):
    await store.record_outcomes([make.outcome("a", 2.0, at, metric="converted") for at in (1, 2, 3)])
    await purge(store, make.at(10))
    experiment = await make.started(store, metrics=(ADJUSTED,))
    await store.record_exposures([make.exposure(experiment, unit, seconds=20) for unit in "ab"])
    assert await read(store, experiment, SUM, BEFORE) == {
        (0, "", (0.0, 6.0), (False, True), 0.0): 1,
        (0, "", (0.0, 0.0), (False, False), 0.0): 1,
    }


async def test_outcomes_on_either_side_of_an_end_are_summed_up_apart(store, database_url, make, read, wrong):
    experiment = await make.started(store)
    await store.record_exposures([make.exposure(experiment, "a", seconds=1)])
    ended = await make.ended(store, experiment, 4)
    await store.record_outcomes([make.outcome("a", 2.0, at) for at in (3, 4, 5, 6)])
    await purge(store, make.at(10))
    assert await count(database_url, "outcome_sum") == 2
    await run(database_url, "DELETE FROM unit_total")
    assert await wrong(store, repair=True) == 1
    assert await read(store, ended, SUM) == {(0, "", (4.0,), (True,), 8.0): 1}


async def test_totals_that_an_end_makes_anew_are_made_of_sums_too(store, make, read, wrong):
    experiment = await make.started(store)
    await store.record_exposures([make.exposure(experiment, "a", seconds=1)])
    await store.record_outcomes([make.outcome("a", 2.0, at) for at in (3, 4)])
    await purge(store, make.at(5))
    await store.record_outcomes([make.outcome("a", 1.0, at) for at in (6, 9)])
    ended = await make.ended(store, experiment, 8)
    assert await read(store, ended, SUM) == {(0, "", (5.0,), (True,), 9.0): 1}
    assert await wrong(store) == 0


async def test_an_event_is_known_after_its_outcome_was_purged(store, database_url, make, read, wrong):
    experiment = await make.started(store)
    await store.record_exposures([make.exposure(experiment, "a")])
    first = [make.outcome("a", 1.0, 1, event_id=event, tenant_id=tenant) for event in "ef" for tenant in (None, "t")]
    assert await store.record_outcomes([*first, make.outcome("a", 1.0, 1)]) == [True] * 5
    await purge(store, make.at(2))
    again = [*first, *first, make.outcome("a", 1.0, 3, event_id="g"), make.outcome("a", 1.0, 3)]
    again.append(make.outcome("a", 1.0, 3, event_id="e", tenant_id="another"))
    assert await store.record_outcomes(again) == [False] * 8 + [True] * 3
    assert await count(database_url, "outcome") == 3
    assert await count(database_url, "purged_event") == 4
    assert await read(store, experiment, SUM) == {(0, "", (8.0,), (True,), 8.0): 1}
    assert await wrong(store) == 0


async def test_an_exposure_among_the_outcomes_of_a_sum_is_refused_and_no_other(store, make, read, wrong):
    experiment = await make.started(store)
    await store.record_outcomes([make.outcome(unit, 2.0, at) for unit in "abc" for at in (3, 5)])
    await store.record_outcomes([make.outcome("d", 2.0, at, metric="other") for at in (3, 5)])
    await purge(store, make.at(10))
    good = [make.exposure(experiment, unit, seconds=at) for unit, at in (("a", 3), ("b", 6), ("d", 4), ("e", 4))]
    late = [make.exposure(experiment, "c", seconds=at) for at in (4, 5)]
    for each in late:
        with pytest.raises(PurgedError, match="kept as sums only") as caught:
            await store.record_exposures([*good, each])
        assert caught.value.refused == {(experiment.id, "c"): [(make.at(3), make.at(5))]}
        assert sum((await store.exposure_counts([experiment.id]))[experiment.id].values()) == 0
    assert await store.record_exposures(good) == [True] * 4
    assert await read(store, experiment, SUM) == {
        (0, "", (4.0,), (True,), 8.0): 1,
        (0, "", (0.0,), (False,), 0.0): 3,
    }
    assert await wrong(store) == 0


async def test_an_exposure_in_an_experiment_that_ended_among_the_outcomes_of_a_sum_is_refused(store, make, read):
    experiment = await make.started(store)
    ended = await make.ended(store, experiment, 4)
    await store.record_outcomes([make.outcome(unit, 2.0, at) for unit in "ab" for at in (3, 5)])
    await store.record_outcomes([make.outcome("c", 2.0, at) for at in (5, 6)])
    await purge(store, make.at(10))
    with pytest.raises(PurgedError) as caught:
        await store.record_exposures([make.exposure(experiment, "a", seconds=2)])
    assert all(caught.value.refuses(experiment.id, "a", make.at(seconds)) for seconds in (-9, 2, 4, 9))
    assert await store.record_exposures([make.exposure(experiment, "c", seconds=2)]) == [True]
    assert await read(store, ended, SUM) == {(0, "", (0.0,), (False,), 0.0): 1}


async def test_an_end_before_what_was_purged_is_refused(store, make):
    experiment = await make.started(store)
    await store.record_outcomes([make.outcome("a", 2.0, 1)])
    assert await purge(store, make.at(5)) == [1]
    with pytest.raises(PurgedError):
        await make.ended(store, experiment, 4)
    await make.ended(store, experiment, 5)


async def test_one_process_claims_to_purge(store, make):
    claims = [store.claim_purging(make.at(0), make.at(60)) for _ in range(8)]
    assert sorted(await asyncio.gather(*claims)) == [False] * 7 + [True]
    assert not await store.claim_purging(make.at(59), make.at(119))
    assert await store.claim_purging(make.at(60), make.at(120))


# ---------------------------------------------------------------- the twin

METRICS = (
    Metric("won"),
    Metric("money", MetricKind.CONTINUOUS, covariates=("money", "visits")),
    Metric("rate", MetricKind.RATIO, numerator="money", denominator="visits", covariates=("rate",)),
)
SOURCES = [sources_of(metric) for metric in METRICS]
UNITS = st.sampled_from("abc")
TIMES = st.integers(0, 9)
OUTCOME = st.tuples(
    st.sampled_from(["won", "money", "visits", "other"]), UNITS, TIMES, st.sampled_from([1.0, -0.375, 1e6]),
    st.sampled_from([None, None, "e", "f", "g", "h"]), st.sampled_from([None, None, 0, 1]),
    st.sampled_from([None, None, "a", "b"]),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("expose"), st.integers(0, 1), UNITS, TIMES),
        st.lists(OUTCOME, min_size=1, max_size=8).map(lambda batch: ("outcomes", *batch)),
        st.tuples(st.just("end"), st.integers(0, 1), TIMES),
        st.tuples(st.just("purge"), TIMES, st.integers(1, 4)),
        st.tuples(st.just("rebuild")),
    ),
    max_size=25,
)


class Play:
    """Does the same in two repositories, and purges in the first one."""

    def __init__(self, make, purged, twin, experiments, wrong):
        self.experiments = experiments
        self._make, self._purged, self._twin, self._wrong = make, purged, twin, wrong
        self._name = experiments[0].id  # units and events of its own for each example
        self._kept, self._gone, self._border = [], [], -1

    async def expose(self, place, unit, seconds):
        exposure = self._make.exposure(self.experiments[place], f"{self._name}-{unit}", ord(unit) % 2, seconds)
        try:
            new = await self._purged.record_exposures([exposure])
        except PurgedError:
            # Rightly: purged outcomes lie on either side of the exposure, or of the end.
            times = [at for metric, of, at in self._gone if of == unit and metric != "other"]
            ended = self.experiments[place].end_date
            end = None if ended is None else (ended - self._make.now).total_seconds()
            assert (min(times) < seconds <= max(times)) or (end is not None and min(times) <= end < max(times))
            return
        assert await self._twin.record_exposures([exposure]) == new

    async def outcomes(self, *batch):
        recorded = [self._outcome(*each) for each in batch]
        new = await self._purged.record_outcomes(recorded)
        assert await self._twin.record_outcomes(recorded) == new
        self._kept += [each[:3] for each, is_new in zip(batch, new, strict=True) if is_new]

    def _outcome(self, metric, unit, seconds, value, event, named, tenant_id):
        return self._make.outcome(
            f"{self._name}-{unit}",
            value,
            seconds,
            metric=metric,
            event_id=event and f"{self._name}-{event}",
            experiment_id=None if named is None else self.experiments[named].id,
            tenant_id=tenant_id,
        )

    async def end(self, place, seconds):
        if self.experiments[place].end_date is not None:
            return
        ended = self.experiments[place].cancel(self._make.at(seconds))
        change = ChangeSet(Subject.EXPERIMENT_CANCELLED, self._make.signature, experiment=ended)
        try:
            await self._purged.save(change)
        except PurgedError:
            assert seconds < self._border
            return
        assert seconds >= self._border
        await self._twin.save(change)
        self.experiments[place] = ended

    async def purge(self, seconds, limit):
        if await purge(self._purged, self._make.at(seconds), batch=limit, window=2 * limit):
            self._border = max(self._border, seconds)
        self._gone += [each for each in self._kept if each[2] < seconds]
        self._kept = [each for each in self._kept if each[2] >= seconds]

    async def rebuild(self):
        for each in self.experiments:
            assert await self._wrong(self._purged, each.id, repair=True) == 0


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_nothing_that_is_made_of_outcomes_changes(database_url, new_database, make, units_of, steps, wrong):
    twin_url = await twin_of(database_url, new_database)
    async with open_database(database_url) as purged, open_database(twin_url) as twin:
        await run(database_url, "UPDATE retention SET purged_before = ?", LONG_AGO)
        experiments = []
        for tenant_id in ("a", None):
            prompt = make.prompt(tenant_id=tenant_id)
            experiment = make.experiment(prompt, metrics=METRICS)
            for each in (purged, twin):
                await each.add_prompt(prompt, make.signature)
                await each.add_experiment(experiment, (), make.signature)
                await each.save(make.starting(experiment))
            experiments.append(experiment.start(make.now))
        play = Play(make, purged, twin, experiments, wrong)
        for name, *values in steps:
            await getattr(play, name)(*values)
        questions = [UnitQuestion(each, sources) for each in play.experiments for sources in SOURCES]
        expected = [units_of(table) for table in await twin.read_units(questions)]
        assert [units_of(table) for table in await purged.read_units(questions)] == expected
        for each in play.experiments:
            assert await wrong(purged, each.id) == 0
        # And from nothing but what is left of the events.
        await run(database_url, "DELETE FROM unit_total")
        for each in play.experiments:
            await wrong(purged, each.id, repair=True)
        assert [units_of(table) for table in await purged.read_units(questions)] == expected


_TWINS: dict[str, str] = {}


async def twin_of(url, new_database):
    """A database of the same kind, one for all examples of a test."""
    if url not in _TWINS:
        _TWINS[url] = await asyncio.to_thread(new_database, "sqlite" if url.startswith("sqlite") else "postgres")
    return _TWINS[url]


@pytest.mark.timeout(300)
async def test_a_purge_that_is_killed_has_done_whole_batches(database_url, make, read, worker, wrong):
    """Again and again, while another one purges."""
    async with open_database(database_url) as repository:
        experiment = await make.started(repository, metrics=(ADJUSTED,))
        units = [f"u{n}" for n in range(50)]
        await repository.record_exposures([make.exposure(experiment, unit, seconds=50) for unit in units])
        events = [make.outcome(unit, 1.0, at, event_id=f"{unit}-{at}") for unit in units for at in range(100)]
        await repository.record_outcomes(events)
        before = await read(repository, experiment, SUM, BEFORE)
        left = await repository.count_purgeable(make.at(100))
        border = json.dumps((make.at(100) - make.now) / timedelta(seconds=1))
        for _ in range(3):
            async with worker(database_url, "purge", border) as process:
                process.stdin.close()
                await process.stdout.readline()
                await anext(repository.purge_outcomes(make.at(100), batch=20))
                process.kill()
            assert await repository.record_outcomes(events[:100]) == [False] * 100
            assert await wrong(repository) == 0
            assert await read(repository, experiment, SUM, BEFORE) == before
        now = await repository.count_purgeable(make.at(100))
        assert 0 < now < left
        await purge(repository, make.at(100))
        assert await count(database_url, "outcome_sum") == 100
        assert await count(database_url, "purged_event") == len(events)
        assert await read(repository, experiment, SUM, BEFORE) == before


async def test_outcomes_recorded_while_others_are_purged_count_once(database_url, make, read, wrong):
    """The same events again and again, by as many tasks as purge: none is lost between the table and its sum."""
    async with open_database(database_url) as repository:
        experiment = await make.started(repository)
        await repository.record_exposures([make.exposure(experiment, f"u{n}") for n in range(10)])
        events = [make.outcome(f"u{n % 10}", 1.0, 1, event_id=f"e{n}") for n in range(400)]

        async def record(start):
            return sum([sum(await repository.record_outcomes(events[at : at + 20])) for at in range(start, 400, 20)])

        async def keep_purging():
            for _ in range(20):
                await purge(repository, make.at(5), batch=5)
            return 0

        answers = await asyncio.gather(record(0), keep_purging(), record(0), keep_purging(), record(100))
        assert sum(answers) == 400
        assert await read(repository, experiment, SUM) == {(0, "", (40.0,), (True,), 40.0): 10}
        assert await wrong(repository) == 0
