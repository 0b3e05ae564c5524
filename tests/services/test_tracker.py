"""Tracked exposures: idempotent, written together, kept through an outage and the end of the process."""

import asyncio
import logging
import os
import threading
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

import pytest

from omniforge_graph.domain.event import Exposure
from omniforge_graph.domain.selection import PromptSlot
from omniforge_graph.errors import PurgedError, UnavailableError
from omniforge_graph.services import tracker as module
from omniforge_graph.services.repository import RefusedRowError
from omniforge_graph.services.spool import Spool
from omniforge_graph.services.tracker import ExposureTracker
from omniforge_graph.telemetry import Telemetry

SLOT = [PromptSlot("system", prompt_key="greeting")]
INTERVAL = 0.02


class Outage:
    """A repository whose exposures cannot be recorded while it is away; all else is the real one's."""

    def __init__(self, repository) -> None:
        self._repository = repository
        self.problem: Exception | None = None
        self.frozen = asyncio.Event()
        self.frozen.set()
        self.recorded: list[Exposure] = []

    def __getattr__(self, name):
        return getattr(self._repository, name)

    async def record_exposures(self, exposures):
        await self.frozen.wait()
        if self.problem is not None:
            raise self.problem
        new = await self._repository.record_exposures(exposures)
        self.recorded += [each for each, is_new in zip(exposures, new, strict=True) if is_new]
        return new


@pytest.fixture
def stem(tmp_path):
    return tmp_path / "state" / "exposures"


@pytest.fixture
async def outage(world):
    return Outage(world.services.repository)


@pytest.fixture
def start(world, outage, registry, stem):
    """A function that makes a tracker, as a process of its own would have it."""

    def run(**options) -> ExposureTracker:
        options = {"interval": INTERVAL, "spool": Spool(stem), "telemetry": Telemetry(), **options}
        return ExposureTracker(outage, registry, clock=world.clock, **options)

    return run


async def track(world, unit: str, tracker: ExposureTracker | None = None, **attributes: str) -> bool:
    """Select and track; return whether there was anything to do."""
    tracker = tracker or world.services.tracker
    selections = await world.services.selector.select_all(SLOT, unit)
    exposures = tracker.exposures(selections, unit, attributes)
    tracker.add(*exposures)
    return bool(exposures)


async def exposed(world, experiment) -> int:
    counts = await world.services.repository.exposure_counts([experiment.id])
    return sum(counts.get(experiment.id, {}).values())


async def until(condition, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - whatever the condition is, not only ours
            await asyncio.sleep(INTERVAL / 4)


@asynccontextmanager
async def running(tracker):
    task = asyncio.create_task(tracker.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def on_disk(stem) -> int:
    return sum(path.read_bytes().count(b"\n") for path in stem.parent.glob("*.jsonl"))


async def test_tracked_units_are_recorded_once(world) -> None:
    experiment = await world.running()
    for unit in ("a", "b", "a"):
        await track(world, unit)
    await world.services.tracker.flush()
    await track(world, "a")
    await world.services.tracker.flush()
    assert await exposed(world, experiment) == 2


async def test_one_selection_can_be_tracked_on_its_own(world) -> None:
    experiment = await world.running()
    tracker = world.services.tracker
    (selection,) = await world.services.selector.select_all(SLOT, "a")
    exposure = tracker.exposure(selection, "a", {"plan": "pro"})
    assert (exposure.unit_id, exposure.variant_id, exposure.attributes) == ("a", selection.variant_id, {"plan": "pro"})
    tracker.add(exposure)
    assert tracker.exposure(selection, "a") is None
    await tracker.flush()
    assert tracker.exposure(selection, "a") is None
    assert await exposed(world, experiment) == 1


async def test_a_known_unit_costs_nothing(world, monkeypatch) -> None:
    await world.running()
    await track(world, "a")
    assert not await track(world, "a"), "it waits"
    await world.services.tracker.flush()
    before = world.clock.now
    assert not await track(world, "a"), "it is recorded"
    assert world.clock.now == before


async def test_a_unit_of_the_older_generation_is_known(world, monkeypatch) -> None:
    await world.running()
    tracker = world.services.tracker
    tracker._seen._half = 2
    for unit in ("a", "b", "c"):
        await track(world, unit)
        await tracker.flush()
    assert not await track(world, "a")
    assert not await track(world, "c")


async def test_without_an_experiment_there_is_nothing_to_track(world) -> None:
    await track(world, "a")
    await world.services.tracker.flush()
    experiment = await world.running()
    assert await exposed(world, experiment) == 0


async def test_a_full_batch_does_not_wait(world, start, outage, monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH", 3)
    experiment = await world.running()
    tracker = start(interval=60)
    async with running(tracker):
        for unit in "abc":
            await asyncio.sleep(0)
            await track(world, unit, tracker)
        await until(lambda: len(outage.recorded) == 3)
    assert await exposed(world, experiment) == 3


async def test_without_a_spool_an_outage_delays_but_loses_nothing(world, outage, start) -> None:
    experiment = await world.running()
    tracker = start(spool=None)
    outage.problem = UnavailableError("away")
    await track(world, "a", tracker)
    with pytest.raises(UnavailableError):
        await tracker.flush()
    async with running(tracker):
        await asyncio.sleep(4 * INTERVAL)
        outage.problem = None
        await until(lambda: outage.recorded)
    assert await exposed(world, experiment) == 1


async def test_an_outage_loses_and_doubles_nothing(world, outage, start, stem) -> None:
    experiment = await world.running()
    telemetry = Telemetry()
    tracker = start(telemetry=telemetry)
    tracked = {}
    async with running(tracker):
        for number in range(60):
            if number == 20:
                outage.problem = UnavailableError("away")
            if number == 40:
                await until(lambda: on_disk(stem) == 20)
                assert outage.recorded
                outage.problem = None
            unit = f"u{number}"
            assert await track(world, unit, tracker, plan=f"p{number}")
            tracked[unit] = (world.clock.now, {"plan": f"p{number}"})
            if number == 19:
                await until(lambda: len(outage.recorded) == 20)
            assert not await track(world, unit, tracker), "a unit on its way is known"
        await until(lambda: len(outage.recorded) == 60)
        await until(lambda: on_disk(stem) == 0)
    assert await exposed(world, experiment) == 60
    assert {each.unit_id: (each.occurred_at, each.attributes) for each in outage.recorded} == tracked
    assert telemetry.exposures_tracked == 60
    assert telemetry.exposures_replayed == telemetry.exposures_spooled >= 20
    assert telemetry.exposures_dropped == telemetry.exposures_late == 0


async def test_what_waited_longer_is_written_first(world, outage, start) -> None:
    await world.running()
    tracker = start()
    await track(world, "a", tracker, when="first")
    await tracker.save()
    # The memory of units is bounded: this one was forgotten and comes again, before the replay.
    tracker._seen._young.clear()
    await track(world, "a", tracker, when="second")
    await tracker.flush()
    (exposure,) = outage.recorded
    assert exposure.attributes == {"when": "first"}


async def test_a_frozen_database_keeps_nothing_in_memory_for_long(world, outage, start, stem) -> None:
    experiment = await world.running()
    tracker = start()
    outage.frozen.clear()
    async with running(tracker):
        for unit in "ab":
            await track(world, unit, tracker)
            await until(lambda: not tracker._waiting)
        assert on_disk(stem) == 2
        outage.frozen.set()
        await until(lambda: on_disk(stem) == 0)
    assert await exposed(world, experiment) == 2


@pytest.mark.parametrize("when", ["before a replay", "before its end"])
async def test_the_event_loop_never_waits_for_the_disk(world, outage, start, monkeypatch, when) -> None:
    await world.running()
    tracker = start()
    await tracker.flush()
    await track(world, "a", tracker)
    await tracker.save()
    at_work, go_on, waited = threading.Event(), threading.Event(), []

    def slow(_descriptor) -> None:
        at_work.set()
        waited.append(go_on.wait(5))

    outage.frozen.clear()
    replaying = asyncio.create_task(tracker.flush()) if when == "before its end" else None
    await asyncio.sleep(4 * INTERVAL)
    monkeypatch.setattr(os, "fsync", slow)
    await track(world, "b", tracker)
    saving = asyncio.create_task(tracker.save())
    await until(at_work.is_set)
    outage.frozen.set()
    replaying = replaying or asyncio.create_task(tracker.flush())
    await asyncio.sleep(4 * INTERVAL)
    go_on.set()
    await asyncio.gather(saving, replaying)
    assert waited
    assert all(waited), "only the loop could tell the disk to go on"


async def test_closing_writes_what_waits(world) -> None:
    experiment = await world.running()
    await track(world, "a")
    await world.services.tracker.close()
    assert await exposed(world, experiment) == 1


@pytest.mark.parametrize("how", ["away", "frozen", "away for long"])
async def test_what_waits_at_the_end_in_an_outage_is_written_by_the_next_process(
    world, outage, start, stem, monkeypatch, how
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.1)
    experiment = await world.running()
    tracker = start()
    if how == "frozen":
        outage.frozen.clear()
    else:
        outage.problem = UnavailableError("away")
    task = asyncio.create_task(tracker.run())
    if how == "away for long":
        await track(world, "early", tracker)
        await until(lambda: on_disk(stem) == 1)
    for unit in "abc":
        await track(world, unit, tracker)
    async with asyncio.timeout(10):
        await tracker.close()
    assert task.done()
    expected = 4 if how == "away for long" else 3
    assert on_disk(stem) == expected
    assert outage.recorded == []

    heir = start()
    with suppress(UnavailableError):
        outage.frozen.set()
        await heir.flush()
    outage.problem = None
    await heir.flush()
    assert on_disk(stem) == 0
    assert await exposed(world, experiment) == len(outage.recorded) == expected
    await heir.close()


async def test_exposures_from_before_the_end_count_after_it(world, outage, start, caplog) -> None:
    experiment = await world.running()
    telemetry = Telemetry()
    tracker = start(telemetry=telemetry)
    for unit in "ab":
        await track(world, unit, tracker)
    await tracker.save()
    ended = await world.services.experiments.complete_experiment(experiment.id, {})
    # This process learned of the end too late.
    late = Exposure(experiment.id, "late", experiment.variants[0].id, ended.end_date + timedelta(seconds=1))
    stray = Exposure("exp_of_nobody", "stray", "var_of_nobody", ended.end_date)
    tracker.add(late, stray)
    await tracker.save()
    await tracker.flush()
    assert {each.unit_id for each in outage.recorded} == {"a", "b"}
    assert await exposed(world, experiment) == 2
    assert (telemetry.exposures_replayed, telemetry.exposures_late) == (2, 2)


async def test_exposures_that_come_too_late_hold_up_no_other(world, outage, start, monkeypatch, caplog) -> None:
    experiment = await world.running()
    record = outage.record_exposures

    async def refuse(exposures):
        late = [each for each in exposures if each.unit_id in "bd"]
        if refused := {each[:2]: [(each.occurred_at - timedelta(seconds=1), each.occurred_at)] for each in late}:
            raise PurgedError("too late", refused=refused)
        return await record(exposures)

    monkeypatch.setattr(outage, "record_exposures", refuse)
    tracker = start(spool=None)
    for unit in "abcd":
        await track(world, unit, tracker)
    with caplog.at_level(logging.WARNING):
        await tracker.flush()
    assert [each.unit_id for each in outage.recorded] == ["a", "c"]
    assert "2 tracked exposures come too late" in caplog.text
    await tracker.flush()
    assert await exposed(world, experiment) == 2

    telemetry = Telemetry()
    other = start(telemetry=telemetry)
    for unit in "bcdef":
        await track(world, unit, other)
    await other.save()
    await other.flush()
    assert await exposed(world, experiment) == 4
    assert (telemetry.exposures_replayed, telemetry.exposures_late) == (3, 2)


@pytest.mark.parametrize("disk", [True, False])
async def test_an_exposure_that_the_database_refuses_holds_up_no_other(
    world, outage, start, monkeypatch, tmp_path, caplog, disk
) -> None:
    experiment = await world.running()
    (tmp_path / "file").touch()
    record = outage.record_exposures

    async def refuse(exposures):
        if any(each.unit_id == "d" or each.experiment_id != experiment.id for each in exposures):
            raise RefusedRowError("a foreign key")
        return await record(exposures)

    monkeypatch.setattr(outage, "record_exposures", refuse)
    telemetry = Telemetry()
    tracker = start(telemetry=telemetry, **({} if disk else {"spool": Spool(tmp_path / "file" / "exposures")}))
    # E.g. of a database that was restored as it was before the experiment.
    gone = [Exposure("exp_gone", f"u{number}", "var_gone", world.clock.now) for number in range(20)]
    tracker.add(*gone)
    for unit in "abcdefg":
        await track(world, unit, tracker)
    if disk:
        await tracker.save()
    await tracker.flush()
    assert not tracker._waiting
    assert {each.unit_id for each in outage.recorded} == set("abcefg")
    assert await exposed(world, experiment) == 6
    assert (telemetry.exposures_late, telemetry.exposures_refused, telemetry.exposures_dropped) == (20, 1, 0)
    assert telemetry.exposures_replayed == 6 * disk
    assert caplog.text.count("20 tracked exposures come too late: their experiments have ended or do not exist") == 1
    assert caplog.text.count("is given up: a foreign key") == 1


async def test_a_file_that_fails_holds_up_no_other(world, outage, start, stem, caplog) -> None:
    experiment = await world.running()
    tracker = start()
    await track(world, "a", tracker)
    await tracker.save()
    outage.problem = RuntimeError("a mistake of ours")
    await tracker.flush()
    outage.problem = None
    await track(world, "b", tracker)
    await tracker.flush()
    assert await exposed(world, experiment) == 1
    (kept,) = stem.parent.glob("*.refused")
    assert b'"a"' in kept.read_bytes()
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert str(kept.with_suffix(".jsonl")) in record.getMessage()


async def test_beyond_memory_and_disk_exposures_are_dropped_and_counted(
    world, outage, start, stem, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    experiment = await world.running()
    telemetry = Telemetry()
    tracker = start(telemetry=telemetry, spool=Spool(stem, max_bytes=0))
    outage.problem = UnavailableError("away")
    async with running(tracker):
        for number in range(6):
            assert await track(world, f"u{number}", tracker)
        assert telemetry.exposures_dropped == 2
        await until(lambda: "2 tracked exposures were dropped so far" in caplog.text)
        outage.problem = None
        await until(lambda: not tracker._waiting)
        assert await track(world, "u5", tracker), "the next selection of a unit that was dropped tries again"
        await until(lambda: not tracker._waiting)
    assert await exposed(world, experiment) == 5


async def test_a_disk_that_refuses_leaves_them_in_memory(world, outage, start, tmp_path, caplog) -> None:
    experiment = await world.running()
    (tmp_path / "file").touch()
    tracker = start(spool=Spool(tmp_path / "file" / "exposures"))
    outage.problem = UnavailableError("away")
    async with running(tracker):
        await track(world, "a", tracker)
        await until(lambda: "cannot be kept on disk" in caplog.text)
        await asyncio.sleep(4 * INTERVAL)
        outage.problem = None
        await until(lambda: outage.recorded)
    assert caplog.text.count("cannot be kept on disk") == 1
    assert await exposed(world, experiment) == 1


async def test_a_crowd_is_kept_on_disk_before_the_interval_is_over(world, outage, start, stem, monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    await world.running()
    tracker = start(interval=60)
    async with running(tracker):
        await asyncio.sleep(0)
        for unit in "ab":
            await track(world, unit, tracker)
        await until(partial(on_disk, stem))


async def test_plugins_are_told_of_what_is_new(world, start, registry, monkeypatch) -> None:
    experiment = await world.running()
    told = []
    monkeypatch.setattr(type(registry), "events_recorded", lambda _self, *what: told.append(what))
    tracker = start()
    for unit in "ab":
        await track(world, unit, tracker)
    await tracker.save()
    await tracker.flush()
    tracker._seen._young.clear()
    for unit in "abc":
        await track(world, unit, tracker)
    await tracker.flush()
    assert told == [(experiment.id, 2), (experiment.id, 1)]
