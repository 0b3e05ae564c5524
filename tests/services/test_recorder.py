"""Recording: each event judged on its own, the good ones durable together."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.event import EventStatus, ExposureEvent, OutcomeEvent
from omniforge_graph.domain.measurement import NO_VALUE, UnitQuestion, sources_of
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.errors import ErrorCode, PurgedError, UnavailableError, ValidationError
from omniforge_graph.services.recorder import EventRecorder


async def units(world, experiment, metric: str = "won") -> dict[str, tuple[int, float | None]]:
    """Per variant: units and mean."""
    question = UnitQuestion(experiment, sources_of(experiment.metric(metric)))
    (table,) = await world.services.repository.read_units([question])
    found = {}
    for place, variant in enumerate(experiment.variants):
        weight = table.weight[table.variant == place]
        total = (weight * table.values[table.variant == place, 0]).sum()
        found[variant.name] = (int(weight.sum()), float(total / weight.sum()) if weight.sum() else None)
    return found


async def by_attribute(world, experiment, dimension: str) -> dict[str, int]:
    """Units by the value of an attribute."""
    question = UnitQuestion(experiment, sources_of(experiment.success_metric), dimension)
    (table,) = await world.services.repository.read_units([question])
    return {name: int(table.weight[table.slice_of == place].sum()) for place, name in enumerate(table.slices)}


async def test_a_units_first_exposure_counts(world) -> None:
    experiment = await world.running()
    recorder = world.services.recorder
    events = [ExposureEvent(experiment.id, unit) for unit in ("a", "b", "a")]
    first = await recorder.record_exposures(events)
    assert first.statuses == (EventStatus.ACCEPTED, EventStatus.ACCEPTED, EventStatus.DUPLICATE)
    again = await recorder.record_exposures(events)
    assert (again.accepted, again.duplicates, again.rejected) == (0, 3, ())
    counts = (await world.services.repository.exposure_counts([experiment.id]))[experiment.id]
    assert sum(counts.values()) == 2


async def test_each_bad_event_is_rejected_alone(world) -> None:
    running, draft = await world.running(), await world.experiment()
    cancelled = await world.experiment()
    await world.services.experiments.cancel_experiment(cancelled.id)
    later = world.clock.now + timedelta(hours=1)
    receipt = await world.services.recorder.record_exposures(
        [
            ExposureEvent("exp_nope", "a"),
            ExposureEvent(running.id, "a"),
            ExposureEvent(draft.id, "a"),
            ExposureEvent(running.id, ""),
            ExposureEvent(running.id, "x" * 257),
            ExposureEvent(running.id, "b", later),
            ExposureEvent(cancelled.id, "a", world.clock.now),
        ]
    )
    assert receipt.accepted == 1
    assert [(each.index, each.code) for each in receipt.rejected] == [
        (0, ErrorCode.EXPERIMENT_NOT_FOUND),
        (2, ErrorCode.EXPERIMENT_NOT_RUNNING),
        (3, ErrorCode.INVALID_TEXT),
        (4, ErrorCode.INVALID_TEXT),
        (5, ErrorCode.VALIDATION_FAILED),
        (6, ErrorCode.EXPERIMENT_NOT_RUNNING),
    ]


async def test_late_exposures_of_an_ended_experiment_need_their_time(world) -> None:
    experiment = await world.running()
    during = world.clock.now
    await world.services.experiments.complete_experiment(experiment.id, {})
    receipt = await world.services.recorder.record_exposures(
        [
            ExposureEvent(experiment.id, "a"),
            ExposureEvent(experiment.id, "b", during),
            ExposureEvent(experiment.id, "c", world.clock.now + timedelta(minutes=1)),
        ]
    )
    assert [status.value for status in receipt.statuses] == ["REJECTED", "ACCEPTED", "REJECTED"]


@pytest.mark.parametrize("size", [0, 5001])
async def test_an_empty_or_oversized_batch_is_refused_whole(world, size) -> None:
    with pytest.raises(ValidationError) as refusal:
        await world.services.recorder.record_exposures([ExposureEvent("e", "u")] * size)
    assert refusal.value.path == ("events",)
    with pytest.raises(ValidationError):
        await world.services.recorder.record_outcomes([OutcomeEvent("u", "m", 1)] * size)


async def test_an_event_id_is_recorded_once_and_without_one_each_counts(world) -> None:
    experiment = await world.running(metric=Metric("calls", MetricKind.COUNT))
    recorder = world.services.recorder
    await recorder.record_exposures([ExposureEvent(experiment.id, "a")])
    twice = [OutcomeEvent("a", "calls", 1, event_id="e1"), OutcomeEvent("a", "calls", 1, event_id="e1")]
    assert (await recorder.record_outcomes(twice)).statuses == (EventStatus.ACCEPTED, EventStatus.DUPLICATE)
    assert (await recorder.record_outcomes(twice)).duplicates == 2
    assert (await recorder.record_outcomes([OutcomeEvent("a", "calls", 1)] * 2)).accepted == 2
    assert {mean for n, mean in (await units(world, experiment, "calls")).values() if n} == {3.0}


async def test_event_ids_of_confined_callers_do_not_meet(world) -> None:
    await world.running()
    one = [OutcomeEvent("a", "won", 1, event_id="e1")]
    recorder = world.services.recorder
    assert (await recorder.record_outcomes(one, caller=Caller("svc", "t1"))).accepted == 1
    assert (await recorder.record_outcomes(one, caller=Caller("svc", "t2"))).accepted == 1
    assert (await recorder.record_outcomes(one, caller=Caller("svc", "t1"))).duplicates == 1


async def test_outcomes_are_checked_against_their_metric(world) -> None:
    experiment = await world.running(metrics=[Metric("calls", MetricKind.COUNT)])
    receipt = await world.services.recorder.record_outcomes(
        [
            OutcomeEvent("a", "nope", 1),
            OutcomeEvent("a", "won", 0.5),
            OutcomeEvent("a", "calls", -1),
            OutcomeEvent("a", "won", float("nan")),
            OutcomeEvent("a", "won", float("inf")),
            OutcomeEvent("", "won", 1),
            OutcomeEvent("a", "won", 1, experiment_id="exp_nope"),
            OutcomeEvent("a", "nope", 1, experiment_id=experiment.id),
            OutcomeEvent("a", "won", 1, occurred_at=world.clock.now + timedelta(days=1)),
            OutcomeEvent("a", "won", 1, event_id="x" * 257),
            OutcomeEvent("a", "calls", 3),
        ]
    )
    assert receipt.accepted == 1
    assert [each.code for each in receipt.rejected] == [
        ErrorCode.METRIC_NOT_FOUND,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.INVALID_TEXT,
        ErrorCode.EXPERIMENT_NOT_FOUND,
        ErrorCode.METRIC_NOT_FOUND,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.INVALID_TEXT,
    ]
    assert [each.index for each in receipt.rejected] == list(range(10))


async def test_outcomes_before_the_exposure_or_after_the_end_do_not_count(world) -> None:
    experiment = await world.running(metric=Metric("calls", MetricKind.COUNT))
    recorder = world.services.recorder
    met = world.clock.now
    await recorder.record_outcomes([OutcomeEvent("a", "calls", 100, occurred_at=met - timedelta(microseconds=1))])
    await recorder.record_exposures([ExposureEvent(experiment.id, "a", met)])
    await recorder.record_outcomes([OutcomeEvent("a", "calls", 10, occurred_at=met)])
    await recorder.record_outcomes([OutcomeEvent("a", "calls", 1)])
    ended = await world.services.experiments.complete_experiment(experiment.id, {})
    after = ended.end_date + timedelta(seconds=1)
    await recorder.record_outcomes([OutcomeEvent("a", "calls", 1000, occurred_at=after)])
    assert {mean for n, mean in (await units(world, ended, "calls")).values() if n} == {11.0}


async def test_a_client_whose_clock_is_fast_is_recorded_as_of_now(world) -> None:
    """Else its outcomes could lie after the end, or before exposures that its clock dated later still."""
    experiment = await world.running(metric=Metric("calls", MetricKind.COUNT))
    recorder = world.services.recorder
    fast = timedelta(minutes=3)
    await recorder.record_exposures([ExposureEvent(experiment.id, "a", world.clock.now + fast)])
    await recorder.record_outcomes([OutcomeEvent("a", "calls", 1, occurred_at=world.clock.now + fast)])
    ended = await world.services.experiments.complete_experiment(experiment.id, {})
    assert {mean for n, mean in (await units(world, ended, "calls")).values() if n} == {1.0}


async def test_an_exposure_keeps_its_attributes(world) -> None:
    experiment = await world.running()
    events = [
        ExposureEvent(experiment.id, "a", attributes={"plan": "pro", "beta": True, "seats": 12, "unset": None}),
        ExposureEvent(experiment.id, "b", attributes={"plan": "pro"}),
        ExposureEvent(experiment.id, "c"),
    ]
    assert (await world.services.recorder.record_exposures(events)).accepted == 3
    assert await by_attribute(world, experiment, "plan") == {"pro": 2, NO_VALUE: 1}
    assert await by_attribute(world, experiment, "beta") == {"true": 1, NO_VALUE: 2}
    assert await by_attribute(world, experiment, "seats") == {"12": 1, NO_VALUE: 2}
    assert await by_attribute(world, experiment, "unset") == {NO_VALUE: 3}


async def test_attributes_that_cannot_be_kept_reject_their_exposure_alone(world) -> None:
    experiment = await world.running()
    refused = {
        "plan": {"plan": ["pro"]},
        "bad key": {"bad key": "x"},
        "The attribute long has 101 characters; at most 100 are allowed.": {"long": "x" * 101},
        "The attribute plan must not be empty.": {"plan": " "},
        "The attribute's name 'a b' is not a key": {"a b": "x"},
        "The attribute's name has 129 characters": {"n" * 129: "x"},
        "attributes": "pro",
    }
    good = ExposureEvent(experiment.id, "good", attributes={"plan": "pro"})
    bad = [ExposureEvent(experiment.id, name, attributes=each) for name, each in refused.items()]
    receipt = await world.services.recorder.record_exposures([*bad, good])
    assert receipt.accepted == 1
    for name, rejection in zip(refused, receipt.rejected, strict=True):
        assert name in rejection.message


async def test_an_outcome_belongs_to_every_experiment_of_its_unit_unless_it_names_one(world, build) -> None:
    from omniforge_graph.domain.prompt import PromptDraft, VersionDraft

    prompts, recorder = world.services.prompts, world.services.recorder
    other = await prompts.create_prompt(PromptDraft("other", "Other", VersionDraft("x")))
    second = await prompts.create_version(other.id, VersionDraft("y"))
    here = await world.running()
    draft = await world.services.experiments.create_experiment(
        other.id,
        "n",
        "",
        "won",
        [
            {"name": "a", "prompt_version_id": other.current_version_id, "traffic_percentage": 50},
            {"name": "b", "prompt_version_id": second.id, "traffic_percentage": 50},
        ],
        "ann",
    )
    there = await world.services.experiments.start_experiment(draft.id)
    await recorder.record_exposures([ExposureEvent(e.id, unit) for e in (here, there) for unit in ("both", "named")])
    await recorder.record_outcomes(
        [OutcomeEvent("both", "won", 1), OutcomeEvent("named", "won", 1, experiment_id=there.id)]
    )
    total = {}
    for name, experiment in (("here", here), ("there", there)):
        stats = await units(world, experiment)
        total[name] = sum(n * (mean or 0) for n, mean in stats.values())
    assert total == {"here": 1.0, "there": 2.0}


async def test_a_tenants_outcomes_stay_with_the_tenant(world) -> None:
    one = Caller("svc", "t1")
    experiment = await world.services.experiments.create_experiment(
        world.prompt.id, "n", "", "won", world.variants(50, 50), "svc", caller=one
    )
    await world.services.experiments.start_experiment(experiment.id, caller=one)
    recorder = world.services.recorder
    other = Caller("svc", "t2")
    denied = await recorder.record_exposures([ExposureEvent(experiment.id, "a")], caller=other)
    assert [each.code for each in denied.rejected] == [ErrorCode.EXPERIMENT_NOT_FOUND]
    await recorder.record_exposures([ExposureEvent(experiment.id, "a")], caller=one)
    denied = await recorder.record_outcomes([OutcomeEvent("a", "won", 1)], caller=other)
    assert [each.code for each in denied.rejected] == [ErrorCode.METRIC_NOT_FOUND]
    await world.services.metrics.declare(Metric("won"))
    await recorder.record_outcomes([OutcomeEvent("a", "won", 1)], caller=other)
    assert sum(n * (mean or 0) for n, mean in (await units(world, experiment)).values()) == 0
    await recorder.record_outcomes([OutcomeEvent("a", "won", 1)], caller=one)
    assert sum(n * (mean or 0) for n, mean in (await units(world, experiment)).values()) == 1


async def test_what_is_no_number_or_no_moment_is_rejected_alone(world) -> None:
    await world.running()
    odd = [
        OutcomeEvent("a", "won", "1"),
        OutcomeEvent("a", "won", None),
        OutcomeEvent("a", "won", 10**400),
        OutcomeEvent("a", "won", 1, occurred_at="2026-01-01"),
        OutcomeEvent("a", "won", 1, occurred_at=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
        OutcomeEvent("a", "won", 1, occurred_at=datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))),
        OutcomeEvent("a", "won", 1),
    ]
    receipt = await world.services.recorder.record_outcomes(odd)
    assert receipt.accepted == 1
    assert {each.code for each in receipt.rejected} == {ErrorCode.VALIDATION_FAILED}


async def test_a_refused_write_acknowledges_nothing(world, monkeypatch) -> None:
    experiment = await world.running()

    async def away(_exposures):
        raise UnavailableError("away")

    monkeypatch.setattr(world.services.repository, "record_exposures", away)
    with pytest.raises(UnavailableError):
        await EventRecorder(world.services.repository).record_exposures([ExposureEvent(experiment.id, "a")])


async def test_five_thousand_events_at_once(world) -> None:
    experiment = await world.running()
    events = [ExposureEvent(experiment.id, f"u{n}") for n in range(5000)]
    assert (await world.services.recorder.record_exposures(events)).accepted == 5000
    outcomes = [OutcomeEvent(f"u{n}", "won", n % 2) for n in range(5000)]
    assert (await world.services.recorder.record_outcomes(outcomes)).accepted == 5000
    assert sum(n for n, _ in (await units(world, experiment)).values()) == 5000


async def test_what_became_of_events_is_counted(world) -> None:
    await world.running()
    telemetry = world.services.telemetry
    events = [OutcomeEvent("a", "won", 1, event_id=event) for event in ("e", "e", "f")]
    await world.services.recorder.record_outcomes([*events, OutcomeEvent("a", "nope", 1)])
    assert (telemetry.events_recorded, telemetry.events_duplicate, telemetry.events_rejected) == (2, 1, 1)


async def test_requests_at_the_same_time_have_a_receipt_each(world) -> None:
    experiment = await world.running()
    recorder = world.services.recorder
    one, other = Caller("svc", "t1"), Caller("svc", "t2")
    batches = [
        ([OutcomeEvent("a", "won", 1, event_id="e"), OutcomeEvent("a", "won", 2)], one),
        ([OutcomeEvent("a", "won", 1, event_id="e"), OutcomeEvent("a", "won", 1)], other),
        ([OutcomeEvent("b", "won", 1, event_id="e"), OutcomeEvent("c", "won", 1)], one),
        ([OutcomeEvent("d", "nope", 1)], one),
    ]
    recorded = asyncio.gather(*(recorder.record_outcomes(events, caller=caller) for events, caller in batches))
    exposures = [[ExposureEvent(experiment.id, unit) for unit in units] for units in ("ab", "bc", "a")]
    exposed = asyncio.gather(*map(recorder.record_exposures, exposures))
    a, d, r = "ACCEPTED", "DUPLICATE", "REJECTED"
    assert [each.statuses for each in await recorded] == [(a, r), (a, a), (d, a), (r,)]
    assert [each.statuses for each in await exposed] == [(a, a), (d, a), (d,)]


async def test_more_events_than_may_wait_are_sent_back(world) -> None:
    await world.running()
    recorder = EventRecorder(world.services.repository, backlog=5_000, telemetry=world.services.telemetry)
    batches = [[OutcomeEvent("a", "won", 1)] * size for size in (3_000, 2_000, 1)]
    *good, refusal = await asyncio.gather(*map(recorder.record_outcomes, batches), return_exceptions=True)
    assert [each.accepted for each in good] == [3_000, 2_000]
    assert refusal.code == ErrorCode.RATE_LIMITED
    assert refusal.retry_after >= 1
    assert world.services.telemetry.events_limited == 1
    assert (await recorder.record_outcomes(batches[2])).accepted == 1


async def test_closing_waits_for_what_was_taken_on(world) -> None:
    await world.running()
    recorder = world.services.recorder
    recording = asyncio.create_task(recorder.record_outcomes([OutcomeEvent("a", "won", 1)]))
    await asyncio.sleep(0)
    await recorder.close()
    assert (await asyncio.wait_for(recording, 1)).accepted == 1
    with pytest.raises(UnavailableError):
        await recorder.record_outcomes([OutcomeEvent("a", "won", 1)])


async def test_closing_waits_for_what_is_being_written_though_its_sender_has_gone(world, monkeypatch) -> None:
    experiment = await world.running()
    gate, begun, done = asyncio.Event(), [], []

    def slowly(record):
        async def recorded(events):
            begun.append(len(events))
            await gate.wait()
            done.append(len(events))
            return await record(events)

        return recorded

    for name in ("record_exposures", "record_outcomes"):
        monkeypatch.setattr(world.services.repository, name, slowly(getattr(world.services.repository, name)))
    recorder = EventRecorder(world.services.repository)
    recording = [
        asyncio.create_task(recorder.record_exposures([ExposureEvent(experiment.id, "a")])),
        asyncio.create_task(recorder.record_outcomes([OutcomeEvent("a", "won", 1)] * 2)),
    ]
    async with asyncio.timeout(20):
        while len(begun) < 2:  # noqa: ASYNC110 - begun elsewhere
            await asyncio.sleep(0.01)
    for task in recording:
        task.cancel()
    closing = asyncio.create_task(recorder.close())
    await asyncio.wait({closing}, timeout=0.1)
    assert not closing.done()
    gate.set()
    await closing
    assert sorted(done) == [1, 2]


async def test_an_exposure_among_purged_outcomes_is_rejected_alone(world, monkeypatch) -> None:
    experiment = await world.running()
    record = world.services.repository.record_exposures

    async def refuse_b(exposures):
        now = max(each.occurred_at for each in exposures)
        refused = {each[:2]: [(now - timedelta(hours=1), now)] for each in exposures if each.unit_id == "b"}
        if refused:
            raise PurgedError("purged", refused=refused, path=("occurredAt",))
        return await record(exposures)

    monkeypatch.setattr(world.services.repository, "record_exposures", refuse_b)
    recorder = EventRecorder(world.services.repository)
    batches = [[ExposureEvent(experiment.id, unit) for unit in units] for units in ("abc", "d", "b")]
    first, second, third = await asyncio.gather(*map(recorder.record_exposures, batches))
    assert (first.accepted, second.accepted, third.accepted) == (2, 1, 0)
    assert [(each.index, each.code) for each in (*first.rejected, *third.rejected)] == [
        (1, ErrorCode.PURGED),
        (0, ErrorCode.PURGED),
    ]
