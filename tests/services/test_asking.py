"""Questions asked together."""

import asyncio

import pytest

from omniforge_graph.services.asking import Together


class Oracle:
    """Answers with the keys it was asked for and the number of the question, when told to."""

    def __init__(self):
        self.asked = []
        self.gate = asyncio.Event()

    async def ask(self, keys):
        self.asked.append(set(keys))
        await self.gate.wait()
        if "bad" in keys:
            raise ValueError("bad")
        return len(self.asked)


async def started(*coroutines):
    tasks = [asyncio.create_task(each) for each in coroutines]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_those_who_come_meanwhile_share_the_next_question():
    oracle = Oracle()
    together = Together(oracle.ask)
    tasks = await started(together.ask(["a"]))
    tasks += await started(together.ask(["a", "b"]), together.ask(["c"]))
    assert oracle.asked == [{"a"}]
    oracle.gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 2]
    assert oracle.asked == [{"a"}, {"a", "b", "c"}]
    assert await together.ask(["d"]) == 3


async def test_who_goes_away_takes_the_answer_from_nobody():
    oracle = Oracle()
    together = Together(oracle.ask)
    first, other = await started(together.ask(["a"]), together.ask(["b"]))
    first.cancel()
    await started()
    oracle.gate.set()
    assert await other == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_told_to_all_who_asked_and_to_nobody_else():
    oracle = Oracle()
    together = Together(oracle.ask)
    (alone,) = await started(together.ask(["a"]))
    shared = await started(together.ask(["bad"]), together.ask(["b"]))
    oracle.gate.set()
    assert await alone == 1
    for each in shared:
        with pytest.raises(ValueError, match="bad"):
            await each
    assert await together.ask(["c"]) == 3
