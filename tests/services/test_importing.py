"""Imports: the same in the end however often they are interrupted, and nothing twice."""

import math
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph import open_database
from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.domain.measurement import Source, UnitQuestion
from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind
from omniforge_graph.errors import UnavailableError, ValidationError
from omniforge_graph.services import importing
from omniforge_graph.services.importing import Importer, ImportProgress

NAMES = count()


class Crash(Exception):  # noqa: N818 - not an error of ours
    """The process ends here."""


class Report:
    """Rejected lines in memory; survives a crash as a file would."""

    def __init__(self) -> None:
        self.lines = []

    def begin(self, size) -> None:
        del self.lines[size:]

    def add(self, lines) -> int:
        self.lines += lines
        return len(self.lines)


@pytest.fixture
async def world_on(database_url, build):
    async with open_database(database_url) as repository:
        yield await build(repository)


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(importing, "PAUSE", 0)
    monkeypatch.setattr(importing, "MAX_BATCH", 7)


def lines(name, size):
    """Outcomes of a file: every eighth line is none, every ninth of a metric that nobody declared."""
    for n in range(2, size + 2):
        metric = "gold" if n % 9 == 0 else "cost"
        event = OutcomeEvent(f"{name}-{n % 5}", metric, float(n), f"{name}:{n}")
        yield n, f"line {n}", ValidationError("bad") if n % 8 == 0 else event


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    size=st.integers(0, 120), window=st.integers(1, 60), crashes=st.lists(st.tuples(st.integers(0, 12), st.booleans()))
)
async def test_an_import_that_crashes_anywhere_is_whole_in_the_end(world_on, no_pause, size, window, crashes) -> None:
    name = f"file{next(NAMES)}"
    experiment = await world_on.running(metric=Metric("cost", MetricKind.CONTINUOUS))
    services, repository = world_on.services, world_on.services.repository
    report, seen = Report(), []

    async def attempt(at, after):
        calls = count()

        async def record(events):
            if next(calls) == at:
                if after:
                    await services.recorder.record_outcomes(events)
                raise Crash
            return await services.recorder.record_outcomes(events)

        read = lambda line: (each for each in lines(name, size) if each[0] > line)  # noqa: E731
        return await Importer(record, repository, report, window=window).run(name, read, seen.append)

    made = None
    for at, after in [*crashes, (-1, False)]:
        try:
            made = await attempt(at, after)
        except Crash:
            continue
        break
    every = list(lines(name, size))
    bad = [n for n, _, event in every if n % 8 == 0 or n % 9 == 0]
    good = [event for n, _, event in every if n not in bad]
    assert made is not None
    assert (made.accepted + made.duplicates, made.rejected) == (len(good), len(bad))
    assert [each.line for each in report.lines] == bad
    assert {each.code for each in report.lines} <= {"VALIDATION_FAILED", "METRIC_NOT_FOUND"}
    assert all(each.text == f"line {each.line}" for each in report.lines)
    assert await repository.get_progress(name) is None
    again = await attempt(-1, False)
    assert (again.accepted, again.duplicates, again.rejected) == (0, len(good), len(bad))
    assert [each.line for each in report.lines] == bad
    assert await total(services, repository, experiment, name) == math.fsum(each.value for each in good)
    await services.experiments.cancel_experiment(experiment.id)


async def total(services, repository, experiment, name):
    """The sum of the values of all units of a file; their exposures come last."""
    early = experiment.start_date
    await services.recorder.record_exposures([ExposureEvent(experiment.id, f"{name}-{n}", early) for n in range(5)])
    (table,) = await repository.read_units([UnitQuestion(experiment, (Source("cost", Aggregation.SUM),))])
    return float(table.values[:, 0] @ table.weight)


async def test_a_database_that_is_busy_for_a_while_is_waited_for(world_on, no_pause, monkeypatch) -> None:
    await world_on.running(metric=Metric("cost", MetricKind.CONTINUOUS))
    naps = []

    async def sleep(seconds):
        naps.append(seconds)

    monkeypatch.setattr(importing.asyncio, "sleep", sleep)
    calls = count()

    async def record(events):
        if next(calls) < 3:
            raise UnavailableError("busy")
        return await world_on.services.recorder.record_outcomes(events)

    report = Report()
    importer = Importer(record, world_on.services.repository, report)
    made = await importer.run("busy", lambda _: lines("busy", 6), lambda _: None)
    assert made == ImportProgress(line=7, accepted=6)
    assert naps[:3] == [0.1, 0.2, 0.4]


async def test_a_database_that_stays_away_ends_it_and_the_next_goes_on(world_on, no_pause, monkeypatch) -> None:
    await world_on.running(metric=Metric("cost", MetricKind.CONTINUOUS))
    monkeypatch.setattr(importing, "PATIENCE", 0)
    calls, read_after = count(), []

    def read(after):
        read_after.append(after)
        return (each for each in lines("away", 30) if each[0] > after)

    async def record(events):
        if next(calls) == 1:
            raise UnavailableError("away")
        return await world_on.services.recorder.record_outcomes(events)

    importer = Importer(record, world_on.services.repository, Report(), window=7)
    with pytest.raises(UnavailableError, match="away"):
        await importer.run("away", read, lambda _: None)
    assert await world_on.services.repository.get_progress("away") == ImportProgress(8, 6, 0, 1, 1)
    made = await importer.run("away", read, lambda _: None)
    assert read_after == [0, 8]
    assert (made.accepted, made.duplicates, made.rejected) == (24, 0, 6)
