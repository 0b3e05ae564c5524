"""Requests that come again byte for byte: an answer is given again only where that is right."""

import msgspec
import pytest

from omniforge_graph.graphql.transport.recall import LONGEST_BODY, MOST_BYTES, MOST_GLANCES, Recall

TIMES = range(6)
"""Enough for a body to be answered by graphql-core, by a plan, and by what is remembered of it."""


@pytest.fixture
def plans():
    """Only what a plan answered is remembered."""
    return True


async def test_what_no_resolver_calls_repeatable_is_executed_each_time(client, world):
    answers = [await client.post("{ tenant }", {"Tenant": f"tenant-{place}"}) for place in TIMES]
    assert [answer.json for answer in answers] == [{"data": {"tenant": f"tenant-{place}"}} for place in TIMES]
    assert world.done == ["sent"] * len(TIMES)
    assert len({id(context) for context in world.contexts}) == len(TIMES)


async def test_a_query_that_comes_again_is_answered_by_its_variables(client):
    query = "query ($n: String!) { hello(name: $n) }"
    for _ in TIMES:
        for name in ("Ada", "Grace"):
            answer = await client.post(query, variables={"n": name})
            assert answer.json == {"data": {"hello": f"Hello, {name}"}}


async def test_a_body_that_comes_again_with_other_headers_is_answered_by_them(client):
    for _ in TIMES:
        await client.post("{ tenant }", {"Tenant": "acme"})
    refused = await client.post("{ tenant }", {"Tenant": "forbidden"})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    broken = await client.post("{ tenant }", {"Tenant": "broken"})
    assert (broken.status, broken.code) == (500, "INTERNAL_ERROR")
    assert (await client.post("{ tenant }", {"Accept": "text/plain"})).status == 406
    assert (await client.post("{ tenant }", {"Content-Type": "text/plain"})).status == 415


async def test_a_query_whose_plan_steps_aside_is_executed_by_graphql_core(client, world, monkeypatch):
    for _ in TIMES:
        await client.post("{ tenant }", {"Tenant": "acme"})
    world.done.clear()

    def give_up(_engine, _operation, _plan, _variables, context):
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


def always() -> bool:
    return True


def raw(number: int) -> dict[str, msgspec.Raw]:
    return {"a": msgspec.Raw(b'"%d"' % number)}


def test_a_body_is_worth_it_when_it_comes_again():
    recall = Recall()
    assert not recall.is_worth(b"x" * (LONGEST_BODY + 1))
    assert not recall.is_worth(b"x" * (LONGEST_BODY + 1))
    assert not recall.is_worth(b"once")
    assert recall.is_worth(b"once")
    for number in range(MOST_GLANCES + 1):
        recall.is_worth(b"%d" % number)
    assert not recall.is_worth(b"once")


@pytest.mark.parametrize("answers", [1, 1_000_000])
def test_the_memory_is_bounded_and_what_still_comes_is_soon_remembered_again(answers):
    recall, most = Recall(), 0
    bodies = [b"%04d" % number + b"x" * (LONGEST_BODY - 4) for number in range(5_000)]
    for number, body in enumerate(bodies):
        recall.keep(body, raw(number % answers), always)
        most = max(most, len(recall))
    assert MOST_BYTES / 2 < most * LONGEST_BODY <= MOST_BYTES
    assert recall.get(bodies[0]) is None
    assert recall.is_worth(bodies[0])  # at once, not only when it comes for the second time
    recall.keep(bodies[0], raw(0), always)
    assert recall.get(bodies[0]).body == b'{"data":{"a":"0"}}'


def test_one_answer_for_many_snapshots_takes_its_room_once():
    recall, bodies = Recall(), [b"%d" % number for number in range(50)]
    for body in bodies:
        recall.keep(body, {"a": msgspec.Raw(b'"%050000d"' % 1)}, lambda: True)  # another one each time
    kept = [recall.get(body) for body in bodies]
    assert len({id(answer) for answer in kept}) == len(bodies)
    assert len({id(answer.body) for answer in kept}) == 1


def test_an_answer_is_kept_for_what_it_depends_on():
    recall, now, later = Recall(), lambda: True, lambda: True
    for body, again in ((b"one", now), (b"two", now), (b"three", later)):
        recall.keep(body, raw(1), again)
    answers = [recall.get(body) for body in (b"one", b"two", b"three")]
    assert [answer.body for answer in answers] == [b'{"data":{"a":"1"}}'] * 3
    assert [answer.again for answer in answers] == [now, now, later]
    assert answers[0] is answers[1]


LONG = msgspec.Raw(b'"%065536d"' % 1)


@pytest.mark.parametrize(
    "data", [{}, {"a": 1}, {"a": {"b": msgspec.Raw(b"1")}}, {"a": msgspec.Raw(b"1"), "b": 1}, {"a": LONG}]
)
def test_only_a_short_answer_of_one_value_that_never_changes_is_kept(data):
    recall = Recall()
    recall.keep(b"body", data, always)
    assert recall.get(b"body") is None
