"""What every repository owes for exposures and outcomes."""

import asyncio
import random

import pytest

from omniforge_graph.domain.measurement import Source
from omniforge_graph.domain.metric import Aggregation
from omniforge_graph.persistence import open_database
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.events import EXPOSURE_COLUMNS, OUTCOME_COLUMNS, exposure_rows, outcome_rows
from omniforge_graph.persistence.totals import count_exposures, fold_exposures, recount_exposures, wrong_counts
from omniforge_graph.services.repository import RefusedRowError

CONVERTED = Source("converted", Aggregation.ANY)


async def test_the_first_exposure_of_a_unit_counts(repository, make, read):
    one, two = await make.started(repository), await make.started(repository)
    batch = [
        make.exposure(one, "u", 1, 5),
        make.exposure(one, "u", 0, 1),
        make.exposure(two, "u"),
        make.exposure(one, "v"),
    ]
    assert await repository.record_exposures(batch) == [True, False, True, True]
    assert await repository.record_exposures([make.exposure(one, "u", 0, -9), make.exposure(two, "w")]) == [False, True]
    assert await repository.record_exposures([]) == []
    old, new = (variant.id for variant in one.variants)
    assert await repository.exposure_counts([one.id, two.id, "nobody"]) == {
        one.id: {old: 1, new: 1},
        two.id: {two.variants[0].id: 2},
        "nobody": {},
    }
    # An earlier exposure that arrives later does not replace the first: an outcome before that one does not count.
    await repository.record_outcomes([make.outcome("u", seconds=4)])
    assert await read(repository, one, CONVERTED) == {
        (0, "", (0.0,), (False,), 0.0): 1,
        (1, "", (0.0,), (False,), 0.0): 1,
    }


async def test_an_exposure_of_nothing_that_exists_is_refused_for_what_it_is(database_url, make):
    async with open_database(database_url) as repository:
        experiment = await make.started(repository)
        good = make.exposure(experiment, "u")
        with pytest.raises(RefusedRowError, match=r"(?i)a row: .*foreign key"):
            await repository.record_exposures([good, good._replace(experiment_id="gone", variant_id="gone")])
        assert await repository.record_exposures([good]) == [True]


async def test_an_event_id_counts_once_for_its_sender(repository, make):
    first = make.outcome("u", event_id="e")
    batch = [first, first, make.outcome("u"), first._replace(tenant_id="a"), make.outcome("u"), first._replace(value=0)]
    assert await repository.record_outcomes(batch) == [True, False, True, True, True, False]
    assert await repository.record_outcomes([first._replace(unit_id="v"), make.outcome("u")]) == [False, True]
    assert await repository.record_outcomes([]) == []


async def test_a_large_batch_is_told_event_by_event(repository, make):
    experiment = await make.started(repository)
    seen = [make.outcome(f"u{n}", event_id=f"e{n}") for n in range(0, 5000, 7)]
    assert all(await repository.record_outcomes(seen))
    batch = [make.outcome(f"u{n}", event_id=f"e{n % 4000}") for n in range(5000)]
    new = await repository.record_outcomes(batch)
    assert new == [n < 4000 and n % 7 != 0 for n in range(5000)]
    exposures = [make.exposure(experiment, f"u{n % 3000}", n % 2) for n in range(5000)]
    assert await repository.record_exposures(exposures) == [n < 3000 for n in range(5000)]


async def test_overlapping_batches_at_the_same_time_do_not_lock_each_other_out(repository, make):
    experiment = await make.started(repository)
    exposures = [make.exposure(experiment, f"u{n}") for n in range(2000)]
    outcomes = [make.outcome(f"u{n}", event_id=f"e{n}") for n in range(2000)]
    chance = random.Random(1)
    for record, events in (repository.record_exposures, exposures), (repository.record_outcomes, outcomes):
        new = await asyncio.gather(*(record(chance.sample(events, len(events))) for _ in range(6)))
        assert sum(map(sum, new)) == 2000


async def test_ids_are_drawn_side_by_side_and_never_again(database_url, make):
    rows = outcome_rows([make.outcome("u", event_id=event) for event in "abc"])
    async with connect(database_url) as database:
        async with database.transaction() as session:
            first = await session.append("outcome", OUTCOME_COLUMNS, rows[:2])
            assert (first.kept, len(first.ids), first.skipped) == (first.ids, 2, set())
            await session.run("DELETE FROM outcome WHERE id >= ?", first.ids[0])
        async with database.transaction() as session:
            await session.append("outcome", OUTCOME_COLUMNS, rows[1:2])
            second = await session.append("outcome", OUTCOME_COLUMNS, rows)
            assert second.ids[0] > first.ids[-1]
            assert second.skipped == {1}
            assert second.kept == [second.ids[0], second.ids[2]]
            (row,) = await session.rows("SELECT event_id FROM outcome WHERE id = ?", second.ids[2])
            assert row["event_id"] == "c"
            await session.insert("outcome", dict(zip(OUTCOME_COLUMNS, rows[0], strict=True)) | {"event_id": "d"})
        async with database.transaction() as session:
            third = await session.append("outcome", OUTCOME_COLUMNS, outcome_rows([make.outcome("u")] * 3))
            (last,) = await session.rows("SELECT MAX(id) AS id FROM outcome WHERE event_id = ?", "d")
            assert second.ids[-1] < last["id"] < third.ids[0]
            assert (await session.append("outcome", OUTCOME_COLUMNS, [])).kept == range(0)


async def test_batches_of_every_size_arrive_whole(repository, make):
    sizes = [1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 585, 2_001]
    experiment = await make.started(repository)
    units = [[f"{size}-{n}" for n in range(size)] for size in sizes]
    for batch in units:
        assert all(await repository.record_exposures([make.exposure(experiment, unit) for unit in batch]))
        assert all(await repository.record_outcomes([make.outcome(unit) for unit in batch]))
    old = experiment.variants[0].id
    assert await repository.exposure_counts([experiment.id]) == {experiment.id: {old: sum(sizes)}}
    assert await repository.record_exposures([make.exposure(experiment, unit) for unit in units[-1]]) == [False] * 2_001


async def test_exposures_need_not_wait_for_other_exposures(postgres_url, make):
    async with open_database(postgres_url) as repository, connect(postgres_url) as database:
        one, two = await make.started(repository), await make.started(repository)
        async with database.transaction() as session:
            appended = await session.append("exposure", EXPOSURE_COLUMNS, exposure_rows([make.exposure(one, "u")]))
            await fold_exposures(session, appended.kept)
            await count_exposures(session, appended.kept)
            assert await asyncio.wait_for(repository.record_exposures([make.exposure(two, "u")]), 2) == [True]
            recording = asyncio.create_task(repository.record_outcomes([make.outcome("u")]))
            await asyncio.wait([recording], timeout=0.3)
            assert not recording.done()
        assert await recording == [True]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE exposure_count SET units = units + 1",
        "DELETE FROM exposure_count",
        "UPDATE exposure_count SET variant_id = 'another'",
        "INSERT INTO exposure_count SELECT experiment_id, 'x', 1 FROM exposure_count",
    ],
)
async def test_wrong_counts_are_found_and_made_anew(database_url, make, damage):
    async with open_database(database_url) as repository, connect(database_url) as database:
        experiments = [await make.started(repository) for _ in range(2)]
        for experiment in experiments:
            await repository.record_exposures([make.exposure(experiment, unit) for unit in "ab"])
        ids = [each.id for each in experiments]
        right = await repository.exposure_counts(ids)
        async with database.transaction() as session:
            await session.run(damage)
            assert await wrong_counts(session, ids[0]) > 0
            await recount_exposures(session, ids[0])
            assert await wrong_counts(session, ids[0]) == 0
            assert await wrong_counts(session, ids[1]) > 0
            await recount_exposures(session, ids[1])
        assert await repository.exposure_counts(ids) == right
