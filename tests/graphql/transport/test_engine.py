"""Execution: what clients learn of errors, what the log learns, and how long anything may take."""

import asyncio
import logging

import msgspec
import pytest
from graphql import build_schema

from omniforge_graph.errors import PluginError, PurgedError, RefusedByPluginError, StaleRevisionError, ValidationError
from omniforge_graph.graphql.transport import BackgroundQueue, Engine, ErrorMask, Request
from omniforge_graph.graphql.transport.masking import attributes
from omniforge_graph.graphql.transport.request import NO_VARIABLES, ProtocolError


@pytest.fixture
def engine(schema):
    return Engine(schema, timeout=5.0)


@pytest.fixture
def run(engine, world):
    async def execute(query, variables=None, engine=engine):
        request = Request(query, variables=msgspec.Raw(msgspec.json.encode(variables)))
        operation = engine.prepare(request)
        return await engine.execute(operation, request.variables, lambda: world.make_context({}, BackgroundQueue()))

    return execute


@pytest.fixture
def follow(engine, world):
    def subscribe(query, engine=engine, headers=None):
        operation = engine.prepare(Request(query))
        return engine.subscribe(operation, NO_VARIABLES, lambda: world.make_context(headers or {}, BackgroundQueue()))

    return subscribe


def the_error(response):
    (error,) = response.errors
    return error


async def test_an_error_of_ours_keeps_message_code_and_attributes(run, caplog):
    response = await run("{ hello transition }")
    assert response.data == {"hello": "Hello, world", "transition": None}
    assert the_error(response) == {
        "message": "A completed experiment cannot start.",
        "locations": [{"line": 1, "column": 9}],
        "path": ["transition"],
        "extensions": {
            "code": "INVALID_TRANSITION",
            "inputPath": ("experimentId",),
            "current": "COMPLETED",
            "allowed": ("NONE",),
        },
    }
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValidationError("Wrong."), {}),
        (ValidationError("Wrong.", path=("variants", 1, "name")), {"inputPath": ("variants", 1, "name")}),
        (StaleRevisionError("Changed.", expected=1, actual=None), {"inputPath": ("expectedRevision",), "expected": 1}),
        (RefusedByPluginError("No.", reasons=["a", "b"]), {"reasons": ("a", "b")}),
        (PluginError("Broke.", plugin="mine"), {"plugin": "mine"}),
        (PurgedError("Late.", refused={("exp", "secret"): []}), {}),
    ],
)
def test_the_attributes_of_an_error_are_told_in_camel_case(error, told):
    error.add_note("not for clients")
    assert attributes(error) == told


@pytest.mark.parametrize("field", ["secret", "ownTimeout", "uncoded"])
async def test_any_other_exception_is_masked_and_logged_once_with_its_id(run, caplog, secret, field):
    response = await run(f"query Ask {{ {field} }}")
    error = the_error(response)
    assert error["message"] == "Internal error"
    assert error["path"] == [field]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert secret not in str(response)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert error["extensions"]["errorId"] in record.getMessage()
    assert "Ask" in record.getMessage()
    assert secret in str(record.exc_info[1])


async def test_a_broken_promise_of_the_schema_is_masked(run, caplog):
    response = await run("{ impossible }")
    assert response.data is None
    assert response.executed
    assert the_error(response)["extensions"]["code"] == "INTERNAL_ERROR"
    assert "non-nullable" in str(caplog.records[0].exc_info[1])


async def test_one_exception_that_fails_many_fields_is_logged_once(run, caplog):
    response = await run("{ sharedFailure { value } }")
    assert len(response.errors) == 5
    assert len({error["extensions"]["errorId"] for error in response.errors}) == 1
    assert len(caplog.records) == 1


async def test_an_error_with_a_code_of_its_own_is_meant_for_the_client(run):
    error = the_error(await run("{ coded }"))
    assert (error["message"], error["extensions"]) == ("Log in first.", {"code": "UNAUTHENTICATED", "realm": "test"})


@pytest.mark.parametrize(
    ("query", "variables", "says"),
    [
        ("query ($n: String!) { hello(name: $n) }", {}, "'$n'"),
        ("query ($n: String!) { hello(name: $n) }", {"n": 1}, "'$n'"),
        ("query ($n: Int) { items(first: $n) { edges { cursor } } }", {"n": 2**40}, "32-bit"),
        ("query ($n: Int) { items(first: $n) { edges { cursor } } }", {"n": "three"}, "three"),
    ],
)
async def test_variables_that_do_not_fit_are_the_clients_to_mend(run, caplog, query, variables, says):
    response = await run(query, variables)
    assert (response.executed, response.status) == (False, 400)
    assert the_error(response)["extensions"] == {"code": "BAD_USER_INPUT"}
    assert says in the_error(response)["message"]
    assert caplog.records == []


async def test_null_for_an_argument_with_a_default_is_found_only_at_execution(run, caplog):
    response = await run('query ($n: String = "x") { hello(name: $n) }', {"n": None})
    assert (response.executed, response.data) == (True, None)
    assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"
    assert caplog.records == []


async def test_a_long_value_is_not_echoed(run):
    response = await run("query ($n: Int) { items(first: $n) { edges { cursor } } }", {"n": "x" * 100_000})
    assert len(the_error(response)["message"]) < 1_100


LONG = ["x" * 30] * 5_000


@pytest.mark.parametrize("plans", [True, False])
async def test_others_have_turns_while_long_variables_are_found_wrong(run, schema, rounds, plans):
    query = "mutation ($texts: [String!]!) { writeAll(texts: $texts) }"
    response = await run(query, {"texts": [*LONG, 1]}, engine=Engine(schema, plans=plans))
    assert (response.executed, response.status) == (False, 400)
    assert the_error(response)["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "'$texts' has invalid value at [5000]" in the_error(response)["message"]
    assert len(rounds) > 2  # one before it, one after it


async def test_what_comes_with_long_variables_is_planned_when_it_comes_first(run, world, rounds):
    short = "mutation ($texts: [String!]!) { written: writeAll(texts: $texts) }"
    assert not (await run(short, {"texts": []})).planned
    response = await run("mutation ($texts: [String!]!) { writeAll(texts: $texts) }", {"texts": LONG})
    assert response.planned
    assert response.data == {"writeAll": 5_000}
    assert world.written == LONG


async def test_long_variables_that_are_no_object_are_no_request(run):
    with pytest.raises(ProtocolError, match="must be a JSON object"):
        await run("{ hello }", LONG)


async def test_long_variables_of_a_subscription_are_checked_too(engine, world):
    operation = engine.prepare(Request("subscription ($to: Int) { count(to: $to) }"))
    given = [{"to": 2, "other": LONG}, {"to": "x", "other": LONG}, LONG]
    raw = [msgspec.Raw(msgspec.json.encode(each)) for each in given]

    def follow(variables):
        return engine.subscribe(operation, variables, lambda: world.make_context({}, BackgroundQueue()))

    assert [each.data async for each in follow(raw[0])] == [{"count": 0}, {"count": 1}]
    assert [each.status async for each in follow(raw[1])] == [400]
    with pytest.raises(ProtocolError):
        await anext(follow(raw[2]))


async def test_a_request_over_its_time_is_given_up(schema, run, world, caplog):
    hurried = Engine(schema, timeout=0.01)
    response = await run('mutation { write(text: "late", seconds: 30) }', engine=hurried)
    assert (response.executed, response.status) == (False, 503)
    assert the_error(response)["extensions"]["code"] == "TIMEOUT"
    assert "0.01 s" in the_error(response)["message"]
    assert world.written == []
    assert caplog.records == []


async def test_cancelling_a_request_cancels_its_resolvers(run, world):
    task = asyncio.create_task(run('mutation { write(text: "never", seconds: 30) }'))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.written == []


async def test_mutations_run_one_after_the_other(run, world):
    await run('mutation { a: write(text: "first", seconds: 0.01) b: write(text: "second") }')
    assert world.written == ["first", "second"]


async def test_a_context_that_cannot_be_made_fails_the_request(engine, secret):
    def broken():
        raise RuntimeError(secret)

    operation = engine.prepare(Request("{ hello }"))
    response = await engine.execute(operation, NO_VARIABLES, broken)
    assert (response.executed, response.status) == (False, 500)
    assert secret not in str(response)


async def test_a_schema_of_graphql_core_is_served_too():
    engine = Engine(build_schema("type Query { greeting: String }"))
    response = await engine.execute(engine.prepare(Request("{ greeting }")), NO_VARIABLES, lambda: None)
    assert response.body() == {"data": {"greeting": None}}


# ---------------------------------------------------------------- subscriptions


async def test_a_subscription_yields_each_event_with_a_context_of_its_own(follow, world):
    assert [response.data async for response in follow("subscription { count(to: 2) }")] == [{"count": 0}, {"count": 1}]
    assert len({id(context) for context in world.contexts}) == 3


async def test_closing_a_subscription_closes_its_source(follow, world):
    responses = follow("subscription { ticks }")
    assert (await anext(responses)).data == {"ticks": 0}
    assert world.ticking == 1
    await responses.aclose()
    assert (world.ticking, world.closed) == (0, 1)


async def test_an_event_whose_field_fails_does_not_end_the_subscription(follow, secret, caplog):
    responses = [response async for response in follow("subscription { odd { number even } }")]
    assert [response.data for response in responses] == [
        {"odd": {"number": 0, "even": True}},
        {"odd": {"number": 1, "even": None}},
    ]
    assert responses[1].errors[0]["extensions"]["code"] == "INTERNAL_ERROR"
    assert secret not in str(responses)
    assert len(caplog.records) == 1


async def test_a_source_that_fails_ends_with_a_masked_error(follow, secret):
    responses = [response async for response in follow("subscription { breaking }")]
    assert responses[0].data == {"breaking": 0}
    assert (responses[1].executed, the_error(responses[1])["extensions"]["code"]) == (False, "INTERNAL_ERROR")
    assert secret not in str(responses)


async def test_a_source_that_refuses_tells_why(follow):
    (response,) = [response async for response in follow("subscription { refused }")]
    assert not response.executed
    assert the_error(response)["extensions"]["code"] == "INVALID_TRANSITION"


async def test_a_subscription_whose_context_cannot_be_made_ends_at_once(follow):
    (response,) = [response async for response in follow("subscription { count }", headers={"tenant": "forbidden"})]
    assert (response.executed, response.status) == (False, 403)


# ---------------------------------------------------------------- after the response


async def test_jobs_run_in_order_and_one_that_fails_stops_no_other(caplog, secret):
    done = []

    async def later():
        done.append("coroutine")

    def broken():
        raise RuntimeError(secret)

    queue = BackgroundQueue()
    for job in (lambda: done.append("function"), broken, later):
        queue.add(job)
    await queue.run(ErrorMask())
    await queue.run(ErrorMask())
    assert done == ["function", "coroutine"]
    assert [secret in str(record.exc_info[1]) for record in caplog.records] == [True]
