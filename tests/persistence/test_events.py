"""What every repository owes for exposures and outcomes, and what it measures from them."""

import asyncio
import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind

RATING = Metric("converted", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN)
COST = Metric("converted", MetricKind.CONTINUOUS)
CONVERTED = Metric("converted")


async def test_the_first_exposure_of_a_unit_counts(repository, make):
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
    assert (await repository.measure(one, CONVERTED)).samples.conversions.tolist() == [0, 0]


async def test_an_event_id_counts_once_for_its_sender(repository, make):
    first = make.outcome("u", event_id="e")
    batch = [first, first, make.outcome("u"), replace(first, tenant_id="a"), make.outcome("u"), replace(first, value=0)]
    assert await repository.record_outcomes(batch) == [True, False, True, True, True, False]
    assert await repository.record_outcomes([replace(first, unit_id="v"), make.outcome("u")]) == [False, True]
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


async def test_a_binary_metric_is_one_per_converted_unit(repository, make):
    experiment = await make.started(repository)
    await repository.record_exposures([make.exposure(experiment, f"u{n}", n % 2) for n in range(7)])
    await repository.record_outcomes(
        [make.outcome("u0"), make.outcome("u0", 0.0), make.outcome("u0"), make.outcome("u2", 0.0), make.outcome("u1")]
    )
    measured = await repository.measure(experiment, CONVERTED)
    assert measured.exposed.tolist() == [4, 3]
    assert measured.without_outcome.tolist() == [2, 2]
    assert measured.samples.units.tolist() == [4, 3]
    assert measured.samples.conversions.tolist() == [1, 1]
    np.testing.assert_allclose(measured.samples.mean, [1 / 4, 1 / 3], rtol=4 * np.finfo(float).eps)
    np.testing.assert_allclose(measured.samples.variance, [1 / 4, 1 / 3], rtol=4 * np.finfo(float).eps)


async def test_sums_count_units_without_outcomes_and_means_leave_them_out(repository, make):
    experiment = await make.started(repository)
    await repository.record_exposures([make.exposure(experiment, unit) for unit in "abcd"])
    values = {"a": [1.0, 3.0], "b": [2.0], "c": [7.0]}
    await repository.record_outcomes([make.outcome(unit, value) for unit in values for value in values[unit]])
    sums = await repository.measure(experiment, COST)
    assert (sums.samples.units[0], sums.samples.mean[0]) == (4, 13 / 4)
    assert sums.samples.variance[0] == np.var([4, 2, 7, 0], ddof=1)
    means = await repository.measure(experiment, RATING)
    assert (means.samples.units[0], means.exposed[0], means.without_outcome[0]) == (3, 4, 1)
    np.testing.assert_allclose(means.samples.mean[0], 11 / 3, rtol=4 * np.finfo(float).eps)
    np.testing.assert_allclose(means.samples.variance[0], np.var([2, 2, 7], ddof=1), rtol=8 * np.finfo(float).eps)


async def test_which_outcomes_count(repository, make):
    prompt = await make.stored_prompt(repository, tenant_id="a")
    mine, others = await make.started(repository, prompt), await make.started(repository)
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
    }
    total = np.zeros(2)
    for name, (outcome, for_mine, for_others) in outcomes.items():
        await repository.record_outcomes([outcome])
        total += (for_mine, for_others)
        sums = [(await repository.measure(each, COST)).samples.mean[0] for each in (mine, others)]
        assert sums == total.tolist(), name


async def test_nothing_measured_is_not_an_error(repository, make):
    experiment = await make.started(repository)
    for metric in (CONVERTED, COST, RATING):
        empty = await repository.measure(experiment, metric)
        assert empty.samples.units.tolist() == empty.exposed.tolist() == empty.without_outcome.tolist() == [0, 0]
        assert np.isnan(empty.samples.mean).all()
    await repository.record_exposures([make.exposure(experiment, "u")])
    alone = await repository.measure(experiment, RATING)
    assert (alone.exposed[0], alone.samples.units[0], alone.without_outcome[0]) == (1, 0, 1)
    one = await repository.measure(experiment, COST)
    assert (one.samples.units[0], one.samples.mean[0]) == (1, 0)
    assert math.isnan(one.samples.variance[0])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offset=st.sampled_from([0.0, 1e6, 1e12]),
    values=st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=2, max_size=40),
)
@example(offset=0.0, values=[0.0, 1.03e-163])  # its square is less than any double
async def test_means_and_variances_are_exact_far_from_zero(repository, make, offset, values):
    values = [offset + value for value in values]
    experiment = await make.started(repository)
    units = [f"{experiment.id}-{place}" for place in range(len(values))]
    await repository.record_exposures([make.exposure(experiment, unit) for unit in units])
    await repository.record_outcomes([make.outcome(unit, value) for unit, value in zip(units, values, strict=True)])
    samples = (await repository.measure(experiment, RATING)).samples
    exact = [Fraction(value) for value in values]
    n, mean = len(exact), sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / (n - 1)
    # Each value is rounded once at the size of the largest one; squares and sums add a few roundings per value, and a
    # square too small for a double counts as 0.
    eps = np.finfo(float).eps
    size = max(map(abs, values))
    assert abs(samples.mean[0] - float(mean)) <= 2 * eps * size
    spread = max(float(abs(value - mean)) for value in exact)
    assert abs(samples.variance[0] - float(variance)) <= (
        4 * n * eps * (spread**2 + spread * eps * size * n) + n * np.finfo(float).smallest_subnormal
    )


async def test_many_units_do_not_wear_the_mean_down(repository, make):
    """A plain running sum of 5,000 tenths is off by thousands of units in the last place."""
    experiment = await make.started(repository)
    units = [f"u{n}" for n in range(5000)]
    await repository.record_exposures([make.exposure(experiment, unit) for unit in units])
    await repository.record_outcomes([make.outcome(unit, 0.1) for unit in units])
    samples = (await repository.measure(experiment, RATING)).samples
    assert abs(samples.mean[0] - 0.1) <= math.ulp(0.1)
    assert samples.variance[0] <= math.ulp(0.1) ** 2


async def test_values_come_back_to_the_last_bit(repository, make):
    experiment = await make.started(repository)
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e300, -1e15, 123456789.123456789]
    for value in values:
        unit = f"u{value}"
        await repository.record_exposures([make.exposure(experiment, unit, 1)])
        await repository.record_outcomes([make.outcome(unit, value)])
        alone = replace(experiment, id=make.id("exp"))
        await repository.record_exposures([replace(make.exposure(experiment, unit), experiment_id=alone.id)])
        assert (await repository.measure(alone, RATING)).samples.mean[0] == value
