"""What every repository owes for exposures and outcomes."""

import asyncio
import random

from omniforge_graph.domain.measurement import Source
from omniforge_graph.domain.metric import Aggregation

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
