"""Recording exposures of long ago: those that come among purged outcomes are rejected, each on its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from omniforge_graph.domain.event import EventStatus, ExposureEvent, OutcomeEvent
from omniforge_graph.errors import ErrorCode
from omniforge_graph.persistence import open_database
from omniforge_graph.services.recorder import EventRecorder


@pytest.fixture
async def stored(database_url: str, build: Callable[[Any], Any]) -> AsyncIterator[Any]:
    """A world that is stored in a database, which alone can purge."""
    async with open_database(database_url) as repository:
        yield await build(repository)


async def test_each_event_of_a_batch_is_recorded_as_if_it_were_sent_alone_one_after_the_other(stored) -> None:
    experiment = await stored.running()
    first, last = (datetime(2025, month, 1, tzinfo=UTC) for month in (2, 4))
    times = [datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4, 5)]
    orders = [order for size in (2, 3) for order in permutations(times, size)]
    names = {f"{kind}{number}" for kind in ("together", "alone") for number in range(len(orders))}
    recorder, repository = stored.services.recorder, stored.services.repository
    await recorder.record_outcomes([OutcomeEvent(unit, "won", 1, None, at) for unit in names for at in (first, last)])
    assert sum([count async for count in repository.purge_outcomes(last + timedelta(1))]) == 2 * len(names)

    def events(kind: str, number: int) -> list[ExposureEvent]:
        return [ExposureEvent(experiment.id, f"{kind}{number}", at) for at in orders[number]]

    together = [each for number in range(len(orders)) for each in events("together", number)]
    alone = [each for number in range(len(orders)) for each in events("alone", number)]
    expected = [(await recorder.record_exposures([each])).statuses[0] for each in alone]
    batch = asyncio.create_task(recorder.record_exposures(together))
    another = asyncio.create_task(recorder.record_exposures([ExposureEvent(experiment.id, "new")]))
    assert list((await batch).statuses) == expected
    assert {each.code for each in (await batch).rejected} == {ErrorCode.PURGED}
    assert (await another).accepted == 1
    assert set(expected) == set(EventStatus)


async def test_how_many_exposures_come_too_late_does_not_matter_for_how_often_they_are_tried(
    stored, monkeypatch
) -> None:
    experiment = await stored.running()
    first, last = (datetime(2025, month, 1, tzinfo=UTC) for month in (2, 4))
    recorder, repository = stored.services.recorder, stored.services.repository
    await recorder.record_outcomes([OutcomeEvent("a", "won", 1, None, at) for at in (first, last)])
    assert [count async for count in repository.purge_outcomes(last + timedelta(1))] == [2]
    record, tried = repository.record_exposures, []
    monkeypatch.setattr(repository, "record_exposures", lambda batch: tried.append(len(batch)) or record(batch))
    events = [ExposureEvent(experiment.id, "a", last - timedelta(seconds=n)) for n in range(500)]
    receipt = await EventRecorder(repository).record_exposures([*events, ExposureEvent(experiment.id, "a", first)])
    assert (len(receipt.rejected), receipt.accepted) == (500, 1)
    assert tried == [501, 1]
