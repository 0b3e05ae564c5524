"""Unit totals: always what the events say, whoever writes at the same time, and after any migration."""

import asyncio
import json
from datetime import timedelta

import pytest
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.event import Exposure
from omniforge_graph.domain.measurement import Source, UnitQuestion
from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind
from omniforge_graph.persistence import migrate, open_database
from omniforge_graph.persistence.changes import SAVE_VARIANT
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.events import OUTCOME_COLUMNS, outcome_rows
from omniforge_graph.persistence.mapping import EPOCH, experiment_row, prompt_row, to_micros, variant_rows, version_row
from omniforge_graph.persistence.schema import expected_migrations
from omniforge_graph.persistence.totals import FOLD_OUTCOMES, OVERRUN, fold_outcomes

SUM = Source("converted", Aggregation.SUM)
BEFORE = Source("converted", Aggregation.SUM, before_exposure=True)
ADJUSTED = Metric("converted", MetricKind.CONTINUOUS, covariates=("converted",))


@pytest.fixture
async def store(database_url):
    async with open_database(database_url) as opened:
        yield opened


async def run(url, *statements):
    async with connect(url) as database, database.transaction() as session:
        return [await session.run(statement) for statement in statements]


async def totals(url):
    async with connect(url) as database, database.reading() as session:
        return int((await session.rows("SELECT COUNT(*) AS n FROM unit_total"))[0]["n"])


async def recorded(url):
    async with connect(url) as database, database.reading() as session:
        return int((await session.rows("SELECT COUNT(*) AS n FROM outcome"))[0]["n"])


async def test_only_what_an_experiment_needs_is_folded(store, database_url, make):
    for metrics in (ADJUSTED,), (Metric("other"),), (Metric("converted"),):
        experiment = await make.started(store, metrics=metrics)
        await store.record_exposures([make.exposure(experiment, "u", seconds=5)])
    await store.record_outcomes([make.outcome("u", seconds=seconds) for seconds in (4, 6)])
    assert await totals(database_url) == 3  # before and after for the first one, after for the last one


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE unit_total SET outcomes = outcomes + 1",
        "UPDATE unit_total SET ones = ones + 1",
        "UPDATE unit_total SET total = total * 1.00001",
        "UPDATE unit_total SET squares = squares * 1.00001",
        "UPDATE unit_total SET last_at = last_at - 1",
        "UPDATE unit_total SET variant_id = 'another'",
        "UPDATE unit_total SET exposure_id = exposure_id + 1000",
        "DELETE FROM unit_total",
        "DELETE FROM outcome",
        "UPDATE outcome SET unit_id = 'nobody'",
        "DELETE FROM experiment_source",
    ],
)
async def test_wrong_totals_are_found_and_made_anew(store, database_url, make, read, damage, wrong):
    experiments = [await make.started(store, metrics=(ADJUSTED,)) for _ in range(2)]
    for experiment in experiments:
        await store.record_exposures([make.exposure(experiment, unit, seconds=5) for unit in "abc"])
    values = [0.1, 0.2, 0.3, 1.0]
    await store.record_outcomes(
        [make.outcome(unit, value, seconds) for unit in "ab" for value in values for seconds in (1, 9)]
    )
    assert await wrong(store) == 0
    if "experiment_source" in damage:
        await run(database_url, "DELETE FROM unit_total")
    await run(database_url, damage)
    assert await wrong(store, experiments[0].id) > 0
    assert await wrong(store, experiments[0].id, repair=True) > 0
    assert await wrong(store, experiments[0].id) == 0
    await wrong(store, repair=True)
    assert await wrong(store) == 0
    here, there = [await read(store, each, SUM, BEFORE) for each in experiments]
    assert here == there


async def test_an_outcome_being_recorded_is_seen_by_an_exposure_that_comes_at_the_same_time(postgres_url, make, read):
    """Write skew: either transaction reads the other's table before the other one commits."""
    async with open_database(postgres_url) as repository, connect(postgres_url) as database:
        experiment = await make.started(repository)
        rows = outcome_rows([make.outcome("u", 3.0)])
        async with database.transaction() as session:
            appended = await session.append("outcome", OUTCOME_COLUMNS, rows)
            await fold_outcomes(session, appended.kept)
            # Others who record outcomes need not wait; who records exposures must.
            assert await asyncio.wait_for(repository.record_outcomes([make.outcome("v")]), 2) == [True]
            exposing = asyncio.create_task(repository.record_exposures([make.exposure(experiment, "u")]))
            await asyncio.wait([exposing], timeout=0.3)
            assert not exposing.done()
        assert await exposing == [True]
        assert await read(repository, experiment, SUM) == {(0, "", (3.0,), (True,), 9.0): 1}


async def test_an_outcome_being_recorded_is_seen_by_the_end_that_comes_at_the_same_time(postgres_url, make, read):
    async with open_database(postgres_url) as repository, connect(postgres_url) as database:
        experiment = await make.started(repository)
        await repository.record_exposures([make.exposure(experiment, "u")])
        rows = outcome_rows([make.outcome("u", value, seconds) for value, seconds in ((1.0, 5), (2.0, 7))])
        async with database.transaction() as session:
            appended = await session.append("outcome", OUTCOME_COLUMNS, rows)
            await fold_outcomes(session, appended.kept)
            ending = asyncio.create_task(make.ended(repository, experiment, 6))
            await asyncio.wait([ending], timeout=0.3)
            assert not ending.done()
        ended = await ending
        assert await read(repository, ended, SUM) == {(0, "", (1.0,), (True,), 1.0): 1}


async def test_a_fold_goes_by_the_unit_even_into_tables_that_were_filled_a_moment_ago(postgres_url, make):
    """The planner believes they are empty: it would go through all exposures for each outcome, which takes seconds."""
    async with open_database(postgres_url) as repository, connect(postgres_url) as database:
        experiment = await make.started(repository)
        await repository.record_exposures([make.exposure(experiment, f"u{n}") for n in range(2000)])
        rows = outcome_rows([make.outcome(f"u{n}") for n in range(2000)])
        async with database.transaction() as session:
            ids = (await session.append("outcome", OUTCOME_COLUMNS, rows)).ids
            await session.lock_totals(shared=True)
            fold = FOLD_OUTCOMES.format(chosen="o.id BETWEEN ? AND ?")
            plan = await session.rows(f"EXPLAIN (FORMAT JSON) {fold}", ids[0], ids[-1])
        nodes = _nodes(json.loads(plan[0]["QUERY PLAN"]))
        (node,) = [each for each in nodes if each.get("Relation Name") == "exposure"]
        assert "unit_id" in node.get("Index Cond", node.get("Recheck Cond", ""))


async def test_an_end_goes_by_the_outcomes_after_it_and_not_by_all_totals(postgres_url, make):
    """Whatever the planner believes of tables that were filled a moment ago."""
    async with open_database(postgres_url) as repository, connect(postgres_url) as database:
        experiment = await make.started(repository)
        await repository.record_exposures([make.exposure(experiment, f"u{n}") for n in range(2000)])
        await repository.record_outcomes([make.outcome(f"u{n}", seconds=3 if n == 9 else 1) for n in range(2000)])
        end = to_micros(make.at(2))
        async with database.transaction() as session:
            await session.lock_totals(shared=False)
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {OVERRUN}"
            plan = await session.rows(explained, end, experiment.id, end)
        nodes = [each for each in _nodes(json.loads(plan[0]["QUERY PLAN"])) if "Relation Name" in each]
        went = {each["Relation Name"]: (each.get("Index Cond", each.get("Recheck Cond")), each) for each in nodes}
        for table, column in ("outcome", "occurred_at"), ("exposure", "unit_id"), ("unit_total", "exposure_id"):
            condition, node = went[table]
            assert column in condition
            assert (node["Actual Loops"], node["Actual Rows"]) == (1, 1)


async def test_an_end_goes_by_the_outcomes_after_it_on_sqlite_too(sqlite_url):
    async with connect(sqlite_url) as database, database.reading() as session:
        plan = [row["detail"] for row in await session.rows(f"EXPLAIN QUERY PLAN {OVERRUN}", 0, "e", 0)]
    for table, condition in ("outcome", "(occurred_at>?)"), ("x", "AND unit_id=?)"), ("t", "AND exposure_id=?)"):
        (step,) = [each for each in plan if f" {table} " in each]
        assert step.startswith("SEARCH")
        assert step.endswith(condition)


async def test_only_the_totals_of_units_with_outcomes_after_the_end_are_made_anew(store, database_url, make, read):
    experiments = [await make.started(store, metrics=(ADJUSTED,)) for _ in range(2)]
    for experiment in experiments:
        await store.record_exposures([make.exposure(experiment, unit, seconds=5) for unit in "abc"])
    late = [make.outcome("a", 4.0, 9), make.outcome("d", 8.0, 9), make.outcome("b", 16.0, 9, metric="other")]
    await store.record_outcomes([*late, *(make.outcome(unit, 1.0, at) for unit in "abc" for at in (1, 8))])
    (before,) = await run(database_url, "UPDATE unit_total SET squares = 99")
    assert before == 12
    ended = await make.ended(store, experiments[0], 8)
    values = {(0, "", (1.0, 1.0), (True, True), squares): n for squares, n in ((1.0, 1), (99.0, 2))}
    assert await read(store, ended, SUM, BEFORE) == values
    assert await read(store, experiments[1], SUM) == {
        (0, "", (total,), (True,), 99.0): n for total, n in ((5.0, 1), (1.0, 2))
    }


async def test_a_promotion_after_the_end_leaves_the_totals_as_they_are(store, database_url, make, read):
    experiment = await make.started(store)
    await store.record_exposures([make.exposure(experiment, "u")])
    await store.record_outcomes([make.outcome("u", seconds=1), make.outcome("u", seconds=9)])
    ended = await make.ended(store, experiment, 8)
    await run(database_url, f"UPDATE unit_total SET total = 5, last_at = {to_micros(make.at(9))}")
    promoted = ended.promote(ended.variants[0].id, make.at(10), {})
    await store.save(ChangeSet(Subject.VARIANT_PROMOTED, make.signature, experiment=promoted))
    assert await read(store, promoted, SUM) == {(0, "", (5.0,), (True,), 1.0): 1}


def _nodes(plan):
    if isinstance(plan, list):
        return [node for each in plan for node in _nodes(each)]
    children = [*plan.get("Plans", []), *([plan["Plan"]] if "Plan" in plan else [])]
    return [plan, *_nodes(children)]


async def test_what_a_process_of_another_release_records_beside_is_made_right_by_checking(
    store, database_url, make, read, wrong
):
    """It knows neither the counts nor our locks, so that counts, and totals of units that both record, are wrong."""
    experiment = await make.started(store, metrics=(ADJUSTED,))
    await store.record_exposures([make.exposure(experiment, "a", 0, 5)])
    await store.record_outcomes([make.outcome(unit, 2.0, at) for unit in "abc" for at in (1, 9)])
    exposures = [make.exposure(experiment, unit, place, 5) for place, unit in enumerate("bc")]
    await unaware(database_url, exposures, [make.outcome("a", 4.0, 9), make.outcome("b", 8.0, 9)])
    assert await wrong(store) > 0
    assert await wrong(store, repair=True) > 0
    assert await wrong(store) == 0
    assert await store.exposure_counts([experiment.id]) == {
        experiment.id: {each.id: units for each, units in zip(experiment.variants, (2, 1), strict=True)}
    }
    assert await read(store, experiment, SUM, BEFORE) == {
        (0, "", (6.0, 2.0), (True, True), 20.0): 1,
        (0, "", (10.0, 2.0), (True, True), 68.0): 1,
        (1, "", (2.0, 2.0), (True, True), 4.0): 1,
    }


async def unaware(url, exposures, outcomes):
    """Record events, and nothing that is made of them."""
    async with connect(url) as database, database.transaction() as session:
        for each in exposures:
            row = (each.experiment_id, each.unit_id, each.variant_id, to_micros(each.occurred_at))
            columns = ("experiment_id", "unit_id", "variant_id", "occurred_at")
            await session.insert("exposure", dict(zip(columns, row, strict=True)))
        await session.insert_new("outcome", OUTCOME_COLUMNS, outcome_rows(outcomes), "id")


@pytest.mark.timeout(300)
async def test_processes_that_record_exposures_and_outcomes_of_the_same_units_miss_nothing(
    database_url, make, read, in_processes, wrong
):
    async with open_database(database_url) as repository:
        experiments = [await make.started(repository, metrics=(ADJUSTED,)) for _ in range(2)]
        named = ",".join(f"{each.id}:{each.variants[0].id}" for each in experiments)
        tasks = [("expose", named), ("outcomes", "one"), ("expose", named), ("outcomes", "two")]
        new = await in_processes(database_url, tasks)
        assert sum(new) == 2 * 1200 + 2 * 2 * 1200
        assert await wrong(repository) == 0
        for experiment in experiments:
            (table,) = await repository.read_units([UnitQuestion(experiment, (SUM, BEFORE))])
            assert (table.weight.sum(), table.values.sum()) == (1200, 2 * 2 * 1200)


@pytest.mark.timeout(300)
async def test_experiments_that_end_while_processes_record_keep_no_outcome_after_their_end(
    database_url, make, in_processes, wrong
):
    """Each process records, for 1200 units, an outcome a second before and one a second after the epoch: the end."""
    async with open_database(database_url) as repository:
        experiments = [await make.started(repository) for _ in range(5)]
        exposed_at = EPOCH - timedelta(seconds=2)
        for each in experiments:
            variant = each.variants[0].id
            await repository.record_exposures([Exposure(each.id, f"u{n}", variant, exposed_at) for n in range(1200)])
        recording = asyncio.create_task(in_processes(database_url, [("outcomes", name) for name in ("one", "two")]))
        ended = []
        for place, each in enumerate(experiments, 1):
            while await recorded(database_url) < place * 200:  # noqa: ASYNC110 - by other processes
                await asyncio.sleep(0.01)
            ended.append(each.complete(EPOCH, {}))
            assert place > 1 or not recording.done()  # or nothing is recorded while the first one ends
            await repository.save(ChangeSet(Subject.EXPERIMENT_COMPLETED, make.signature, experiment=ended[-1]))
        assert sum(await recording) == 2 * 2 * 1200
        assert await wrong(repository) == 0
        for table in await repository.read_units([UnitQuestion(each, (SUM,)) for each in ended]):
            assert (table.weight.sum(), table.values @ [2.0] @ table.weight) == (1200, 2 * 2 * 1200)


async def as_the_first_release(url, experiments, prompt, exposures, outcomes):
    """Write into a database what the first release would have written."""
    async with connect(url) as database, database.transaction() as session:
        await session.insert("prompt", prompt_row(prompt) | {"current_version_id": None})
        await session.insert("prompt_version", version_row(prompt.current_version))
        await session.run("UPDATE prompt SET current_version_id = ?", prompt.current_version_id)
        for experiment in experiments:
            await session.insert("experiment", experiment_row(experiment))
            await session.run_many(SAVE_VARIANT, variant_rows(experiment))
    await unaware(url, exposures, outcomes)


async def test_a_database_of_the_first_release_gets_its_totals_by_the_migration(
    empty_database_url, make, read, monkeypatch, wrong
):
    whole = MigrationExecutor.migrate
    with monkeypatch.context() as patch:
        first = [MigrationTarget("omniforge", "0001_initial")]
        patch.setattr(MigrationExecutor, "migrate", lambda executor, **options: whole(executor, first, **options))
        await migrate(empty_database_url)
    prompt = make.prompt(tenant_id="t")
    running = make.experiment(prompt, metrics=(Metric("converted", MetricKind.CONTINUOUS), Metric("other")))
    running = running.start(make.now)
    ended = make.experiment(prompt, metrics=(Metric("converted"),)).start(make.now).complete(make.at(8), {})
    exposures = [make.exposure(each, unit, 1, 5) for each in (running, ended) for unit in "ab"]
    outcomes = [
        make.outcome("a", 1.0, 5),
        make.outcome("a", 2.0, 9),
        make.outcome("a", 4.0, 4),
        make.outcome("b", 0.1, 6, tenant_id="another"),
        make.outcome("b", 0.2, 6, experiment_id=running.id),
        make.outcome("b", 1e-170, 6, tenant_id="t"),
        make.outcome("b", 1.0, 7, metric="other"),
    ]
    await as_the_first_release(empty_database_url, (running, ended), prompt, exposures, outcomes)
    assert await migrate(empty_database_url) == tuple(sorted(expected_migrations() - {"0001_initial"}))
    async with open_database(empty_database_url) as repository:
        assert await wrong(repository) == 0
        counts = {each.id: {each.variants[1].id: 2} for each in (running, ended)}
        assert await repository.exposure_counts(counts) == counts
        assert await read(repository, running, SUM) == {
            (1, "", (3.0,), (True,), 5.0): 1,
            (1, "", (0.2 + 1e-170,), (True,), 0.2 * 0.2): 1,
        }
        assert await read(repository, ended, SUM) == {
            (1, "", (1.0,), (True,), 1.0): 1,
            (1, "", (1e-170,), (True,), 0.0): 1,
        }
        await repository.record_outcomes([make.outcome("a", 8.0, 9)])
        await repository.record_exposures([make.exposure(running, "c", plan="pro")])
        assert len(await read(repository, running, SUM, dimension="plan")) == 3
        assert await wrong(repository) == 0
