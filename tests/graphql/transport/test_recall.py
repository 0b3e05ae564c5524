"""Requests that come again byte for byte are read once; an answer is given again only where that is right."""

import gc
from types import SimpleNamespace

import msgspec
import pytest

from omniforge_graph.graphql.transport import Limits
from omniforge_graph.graphql.transport.recall import LONGEST_BODY, MOST_BODIES, MOST_GLANCES, Recall

TIMES = range(6)
"""Enough for a body to be answered by graphql-core, by a plan, and by what is remembered of it."""


@pytest.fixture
def plans():
    """Only what a plan answered is remembered."""
    return True


@pytest.fixture
def read(monkeypatch):
    """The bodies that were read, each time."""
    bodies = []
    from omniforge_graph.graphql.transport import answering

    def counted(body):
        bodies.append(body)
        return reading(body)

    reading = answering.read_post
    monkeypatch.setattr(answering, "read_post", counted)
    return bodies


async def test_a_body_is_read_until_it_is_remembered_and_answered_each_time(client, world, read):
    answers = [await client.post("{ tenant }", {"Tenant": f"tenant-{place}"}) for place in TIMES]
    assert [answer.json for answer in answers] == [{"data": {"tenant": f"tenant-{place}"}} for place in TIMES]
    assert len(read) == 4  # by graphql-core, by the plan that is made, and by the plan twice
    assert world.done == ["sent"] * len(TIMES)
    assert len({id(context) for context in world.contexts}) == len(TIMES)


async def test_what_is_remembered_belongs_to_its_variables(client):
    query = "query ($n: String!) { hello(name: $n) }"
    for _ in TIMES:
        for name in ("Ada", "Grace"):
            answer = await client.post(query, variables={"n": name})
            assert answer.json == {"data": {"hello": f"Hello, {name}"}}


async def test_a_remembered_body_with_other_headers_is_answered_by_them(client):
    for _ in TIMES:
        await client.post("{ tenant }", {"Tenant": "acme"})
    refused = await client.post("{ tenant }", {"Tenant": "forbidden"})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    broken = await client.post("{ tenant }", {"Tenant": "broken"})
    assert (broken.status, broken.code) == (500, "INTERNAL_ERROR")
    assert (await client.post("{ tenant }", {"Accept": "text/plain"})).status == 406
    assert (await client.post("{ tenant }", {"Content-Type": "text/plain"})).status == 415


@pytest.mark.parametrize("query", ["{ hello transition }", 'mutation { write(text: "a") }', "{ nothing }", "{"])
async def test_only_queries_that_a_plan_answers_are_remembered(client, read, query):
    answers = [await client.post(query) for _ in TIMES]
    assert len({answer.body for answer in answers}) == 1
    assert len(read) == len(TIMES)


async def test_a_remembered_query_whose_plan_steps_aside_is_executed_by_graphql_core(client, world, monkeypatch):
    for _ in TIMES:
        await client.post("{ tenant }", {"Tenant": "acme"})
    world.done.clear()

    def give_up(_engine, _operation, _values, context):
        context.background.add(lambda: world.done.append("of the plan"))

    from omniforge_graph.graphql.transport.engine import Engine

    monkeypatch.setattr(Engine, "query", give_up)
    answer = await client.post("{ tenant }", {"Tenant": "acme"})
    assert answer.json == {"data": {"tenant": "acme"}}
    assert world.done == ["sent"]


async def test_a_failing_query_is_asked_by_its_plan_and_by_graphql_core_and_no_more(client, world):
    for _ in TIMES:
        assert (await client.post("{ moody }")).json == {"data": {"moody": "well"}}
    assert world.asked == len(TIMES)
    world.bad_mood = True
    world.asked = 0
    answer = await client.post("{ moody }")
    assert (answer.json["data"], answer.code) == ({"moody": None}, "VALIDATION_FAILED")
    assert world.asked == 2


async def test_plan_and_graphql_core_have_the_time_of_one(make_client, world):
    client = make_client(request_timeout=0.3)
    for _ in TIMES:
        await client.post("{ moody(seconds: 0.2) }")
    world.bad_mood = True
    answer = await client.post("{ moody(seconds: 0.2) }")
    assert answer.code == "TIMEOUT"


async def test_a_document_that_was_dropped_is_read_again(make_client, read):
    client = make_client(limits=Limits(cached_documents=1))
    for _ in TIMES:
        await client.post("{ hello }")
    read.clear()
    await client.post('{ hello(name: "you") }')
    gc.collect()
    answers = [await client.post("{ hello }") for _ in TIMES]
    assert [answer.json for answer in answers] == [{"data": {"hello": "Hello, world"}}] * len(TIMES)
    assert len(read) >= 2


async def test_what_is_remembered_keeps_no_document_alive(make_client):
    client = make_client(limits=Limits(cached_documents=2))
    for number in range(20):
        body = f"{{ a{number}: hello }}"
        for _ in TIMES:
            await client.post(body)
    recall = client.app.door._answerer._recall
    gc.collect()
    alive = [each for each in recall._known.values() if each.operation() is not None]
    assert len(recall) == 20
    assert len(alive) <= 2


def test_the_memory_is_bounded():
    recall = Recall()
    assert not recall.is_worth(b"x" * (LONGEST_BODY + 1))
    assert not recall.is_worth(b"once")
    assert recall.is_worth(b"once")
    for number in range(MOST_GLANCES + 1):
        recall.is_worth(b"%d" % number)
    assert not recall.is_worth(b"once")
    for number in range(MOST_BODIES):
        recall.keep(b"%d" % number, SimpleNamespace())
    assert len(recall) == MOST_BODIES
    recall.keep(b"one more", SimpleNamespace())
    assert len(recall) == 1
    assert recall.get(b"one more") is not None


def test_the_answers_are_bounded(monkeypatch):
    monkeypatch.setattr("omniforge_graph.graphql.transport.recall.MOST_ANSWER_BYTES", 1_000)
    recall, kept = Recall(), []
    for number in range(200):
        body = b"%d" % number
        recall.keep(body, SimpleNamespace())
        recall.keep_answer(body, {"a": msgspec.Raw(b'"%030d"' % number)}, bool)
        kept.append(sum(len(text) for text in recall._answers))
    assert 900 < max(kept) <= 1_000
    assert recall.answer_to(b"0") is None


def test_an_answer_is_kept_for_what_it_depends_on():
    recall, value = Recall(), {"a": msgspec.Raw(b"1")}
    now, later = (lambda: True), (lambda: True)
    for body, again in ((b"one", now), (b"two", now), (b"three", later)):
        recall.keep(body, SimpleNamespace())
        recall.keep_answer(body, value, again)
    answers = [recall.answer_to(body) for body in (b"one", b"two", b"three")]
    assert [answer.body for answer in answers] == [b'{"data":{"a":1}}'] * 3
    assert [answer.again for answer in answers] == [now, now, later]
    assert answers[0] is answers[1]


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"a": {"b": msgspec.Raw(b"1")}}, {"a": msgspec.Raw(b"1"), "b": 1}])
def test_only_an_answer_of_one_value_that_never_changes_is_kept(data):
    recall = Recall()
    recall.keep(b"body", SimpleNamespace())
    recall.keep_answer(b"body", data, bool)
    assert recall.answer_to(b"body") is None
