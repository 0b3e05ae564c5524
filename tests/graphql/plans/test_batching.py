"""How often resolvers are called, and how many tasks that takes."""

import asyncio
from contextlib import contextmanager

import pytest

from omniforge_graph.graphql.plans import Batches, StepAside, one
from tests.graphql.plans.toy.types import Context


@contextmanager
def watched_tasks():
    """Give the names of the coroutines for which tasks are made."""
    made = []

    def factory(loop, coroutine, **options):
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(factory)
    yield made
    asyncio.get_running_loop().set_task_factory(None)


async def calls(toy, query):
    context = Context()
    await toy.plan(query, context=context)
    return dict(context.calls)


async def test_one_call_for_a_hundred_parents(toy):
    assert await calls(toy, "{ persons(count: 100) { name score } }") == {"persons": 1, "scores": 1, "sources": 100}


async def test_one_call_for_all_places_of_a_wave(toy):
    query = "{ persons(count: 50) { boss { score boss { score } } } }"
    assert await calls(toy, query) == {"persons": 1, "bosses": 2, "scores": 2, "sources": 49 + 48}


async def test_as_often_as_graphql_core_with_loaders(toy):
    context = Context()
    result = await toy.core("{ persons(count: 100) { name score } }", context=context)
    assert result.errors is None
    assert dict(context.calls) == {"persons": 1, "scores": 1, "sources": 100}


async def test_arguments_part_the_calls(toy):
    assert (await calls(toy, "{ persons { score twice: score(factor: 2) } }"))["scores"] == 2


async def test_no_call_without_parents(toy):
    assert await calls(toy, "{ persons(count: 0) { score boss { name } pet { name } } }") == {"persons": 1}


@pytest.mark.parametrize(
    "query",
    [
        "{ leaves { text } pets { name ... on Cat { shout } } }",
        "{ leavesLater { text } }",
        "{ persons(count: 100) { name } }",
        "{ persons(count: 100) { score } }",
        "{ persons(count: 100) { boss { score } } }",
        "{ persons(count: 1) { wait } }",
        "{ page { total edges { node { name } } } person { name } }",
    ],
)
async def test_no_tasks(toy, query):
    with watched_tasks() as tasks:
        await toy.plan(query)
    assert not tasks


async def test_what_does_not_wait_does_not_suspend(toy):
    plan = toy.compile("{ leavesLater { text } }")
    with pytest.raises(StopIteration) as done:
        plan.run(Context(), None).send(None)
    assert done.value.value == {"leavesLater": {"text": "text"}}


async def test_a_task_for_each_of_several_parents(toy):
    with watched_tasks() as tasks:
        await toy.plan("{ persons(count: 5) { wait } }")
    assert len(tasks) == 5


class Counting:
    def __init__(self):
        self.batches = Batches()
        self.context = self
        self.calls = []

    async def function(self, sources, info, **arguments):
        self.calls.append((list(sources), arguments))
        return [ValueError("odd") if source % 2 else (source, arguments) for source in sources]


async def test_one_collects_what_comes_at_the_same_time():
    info = Counting()
    given = await asyncio.gather(*(one(info.function, source, info, first=1) for source in (2, 4, 4)))
    assert given == [(2, {"first": 1}), (4, {"first": 1}), (4, {"first": 1})]
    assert info.calls == [([2, 4, 4], {"first": 1})]
    await one(info.function, 2, info, first=1)
    assert info.calls[1:] == [([2], {"first": 1})]


async def test_one_keeps_arguments_apart_that_python_takes_for_equal():
    info = Counting()
    given = await asyncio.gather(*(one(info.function, 2, info, json=json) for json in (1, True, [1], [True], [1])))
    assert [repr(arguments["json"]) for _, arguments in given] == ["1", "True", "[1]", "[True]", "[1]"]
    assert len(info.calls) == 4


async def test_one_fails_alone():
    info = Counting()
    first, second = await asyncio.gather(
        *(one(info.function, source, info) for source in (2, 3)), return_exceptions=True
    )
    assert first == (2, {})
    assert isinstance(second, ValueError)


async def test_cancellation_passes_through(toy):
    class Cancelled(Context):
        calls = property(lambda self: self.cancel(), lambda self, value: None)

        def cancel(self):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await toy.plan("{ persons { wait } }", context=Cancelled())


async def test_what_is_cancelled_stops_its_tasks(toy):
    plan = toy.compile("{ persons(count: 3) { pet { name } } }")
    context = Context()
    running = asyncio.ensure_future(plan.run(context, None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_stops_the_other_tasks(toy):
    with pytest.raises(StepAside):
        await toy.plan("{ persons(first: -1, count: 5) { score pet { name } } failLater }")
    assert asyncio.all_tasks() == {asyncio.current_task()}
