"""When outcomes are purged, and by whom."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from omniforge_graph.errors import UnavailableError, ValidationError
from omniforge_graph.services import retention
from omniforge_graph.services.retention import BETWEEN_SWEEPS, OutcomePurger

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Outcomes:
    """A store with so many old outcomes."""

    def __init__(self, old: int) -> None:
        self.old = old
        self.calls, self.claims = [], []
        self.answers = [True]

    async def purge_outcomes(self, before):
        self.calls.append(before)
        while self.old:
            count = min(3, self.old)
            self.old -= count
            yield count

    async def count_purgeable(self, before):
        return self.old

    async def claim_purging(self, now, until):
        self.claims.append((now, until))
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


def purger(store, days=90.0) -> OutcomePurger:
    return OutcomePurger(store, timedelta(days=days), clock=lambda: NOW)


@pytest.mark.parametrize(("old", "batches"), [(0, []), (2, [2]), (7, [3, 3, 1])])
async def test_a_sweep_purges_all_that_is_old_enough(old, batches) -> None:
    store, told = Outcomes(old), []
    assert await purger(store).waiting() == old
    assert await purger(store).sweep(told.append) == old
    assert told == batches
    assert store.calls == [NOW - timedelta(days=90)]


async def test_an_age_of_less_than_a_day_is_refused() -> None:
    purger(Outcomes(0), 1)
    with pytest.raises(ValidationError, match="at least a day"):
        purger(Outcomes(0), 0.99)


async def test_who_claims_it_sweeps_and_an_outage_is_waited_out(monkeypatch, caplog) -> None:
    monkeypatch.setattr(retention, "CHECK_SECONDS", 0)
    store = Outcomes(5)
    store.answers = [False, UnavailableError("away"), RuntimeError("bug"), True]
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(purger(store).run())
        async with asyncio.timeout(5):
            while len(store.claims) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert store.claims[:4] == [(NOW, NOW + BETWEEN_SWEEPS)] * 4
    assert len(store.calls) == 1
    assert "5 outcomes" in caplog.text
    assert "Outcomes could not be purged: away" in caplog.text
    assert "RuntimeError: bug" in caplog.text
