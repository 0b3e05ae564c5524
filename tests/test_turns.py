"""Long work gives others their turns, one piece of it at a time."""

import asyncio

import pytest

from omniforge_graph import turns
from omniforge_graph.turns import Turns


async def _rounds(seen: list[str]) -> None:
    while True:
        seen.append("round")
        await asyncio.sleep(0)


async def test_nobody_waits_for_a_turn_of_each(monkeypatch):
    monkeypatch.setattr(turns, "TURN", 0.0)
    seen: list[str] = []

    async def work(name: str) -> None:
        own = Turns()
        for _ in range(3):
            seen.append(name)
            await own.give()

    others = asyncio.create_task(_rounds(seen))
    await asyncio.gather(*map(work, "abcd"))
    others.cancel()
    later = "".join("." if each == "round" else each for each in seen[seen.index("d") + 1 :])
    assert later.replace(".", "") == "abcdabcd"
    assert all(piece in later for piece in ("a.", "b.", "c.", "d."))
    assert not any(one + other in later for one in "abcd" for other in "abcd")


async def test_no_turn_is_given_before_it_is_time(monkeypatch):
    monkeypatch.setattr(turns, "TURN", 3600.0)
    seen: list[str] = []
    others = asyncio.create_task(_rounds(seen))
    own = Turns()
    for _ in range(100):
        await own.give()
    assert seen == []
    await own.give_now()
    assert seen
    others.cancel()


async def test_work_that_is_given_up_holds_up_no_other():
    gone, other = (asyncio.create_task(Turns().give_now()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(other, 1)
    with pytest.raises(asyncio.CancelledError):
        await gone
    await asyncio.wait_for(Turns().give_now(), 1)


def test_each_event_loop_has_turns_of_its_own():
    async def give() -> None:
        await Turns().give_now()

    for _ in range(2):
        asyncio.run(give())
