"""The subprotocol graphql-transport-ws: its messages, its close codes, and that nothing outlives a connection."""

import asyncio

import pytest

from omniforge_graph.graphql.transport import Limits, SocketLimits


def code(message):
    return message["payload"][0]["extensions"]["code"]


async def test_a_subscription_sends_each_event_and_completes(connect):
    socket = await connect()
    socket.subscribe("1", "subscription ($to: Int!) { count(to: $to) }", variables={"to": 2})
    assert [await socket.receive() for _ in range(3)] == [
        {"id": "1", "type": "next", "payload": {"data": {"count": 0}}},
        {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
        {"id": "1", "type": "complete"},
    ]
    await socket.leave()


async def test_queries_and_mutations_run_too(connect, world):
    socket = await connect(headers={"tenant": "acme"})
    socket.subscribe("q", "{ tenant }")
    assert await socket.receive() == {"id": "q", "type": "next", "payload": {"data": {"tenant": "acme"}}}
    assert await socket.receive() == {"id": "q", "type": "complete"}
    socket.subscribe("m", 'mutation { write(text: "x") }')
    assert (await socket.receive())["payload"] == {"data": {"write": "x"}}
    assert world.written == ["x"]
    assert world.done == ["sent"]


async def test_an_id_may_be_used_again_once_its_operation_is_complete(connect):
    socket = await connect()
    for _ in range(3):
        socket.subscribe("1", "{ hello }")
        assert (await socket.receive())["type"] == "next"
        assert await socket.receive() == {"id": "1", "type": "complete"}


async def test_ping_is_answered_before_and_after_init_and_pong_ignored(connect):
    socket = await connect(init=False)
    await socket.raw()
    socket.send({"type": "ping", "payload": {"a": 1}})
    assert await socket.receive() == {"type": "pong"}
    socket.send({"type": "pong"})
    socket.send({"type": "connection_init", "payload": {"token": "unused"}})
    assert await socket.receive() == {"type": "connection_ack"}
    socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}


@pytest.mark.parametrize("subprotocols", [[], ["graphql-ws"], ["other"]])
async def test_other_subprotocols_are_refused(connect, subprotocols):
    socket = await connect(init=False, subprotocols=subprotocols)
    assert await socket.raw() == {"type": "websocket.accept"}
    assert (await socket.closed())[0] == 4406


async def test_the_subprotocol_is_chosen_among_several(connect):
    socket = await connect(init=False, subprotocols=["graphql-ws", "graphql-transport-ws"])
    assert await socket.raw() == {"type": "websocket.accept", "subprotocol": "graphql-transport-ws"}


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"origin": "https://evil.example", "host": "api.example"}, "/graphql"),
        ({"origin": "null", "host": "api.example"}, "/graphql"),
        ({}, "/elsewhere"),
    ],
)
async def test_a_page_of_another_origin_may_not_connect(connect, headers, path):
    socket = await connect(init=False, headers=headers, path=path)
    assert (await socket.closed())[0] == 1008


async def test_this_origin_and_allowed_ones_may_connect(connect):
    for origin in ("https://api.example", "http://API.example", "https://dashboard.example"):
        headers = {"origin": origin, "host": "api.example"}
        await (await connect(headers=headers, allowed_origins=["https://dashboard.example"])).leave()


async def test_without_init_the_connection_is_closed(connect):
    socket = await connect(init=False, socket_limits=SocketLimits(init_timeout=0.01))
    await socket.raw()
    assert await socket.closed() == (4408, "Connection initialisation timeout")


async def test_after_init_there_is_no_time_limit(connect):
    socket = await connect(socket_limits=SocketLimits(init_timeout=0.05))
    await asyncio.sleep(0.1)
    socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}


async def test_subscribing_before_init_is_unauthorized(connect):
    socket = await connect(init=False)
    await socket.raw()
    socket.subscribe("1", "{ hello }")
    assert await socket.closed() == (4401, "Unauthorized")


async def test_a_second_init_is_one_too_many(connect):
    socket = await connect()
    socket.send({"type": "connection_init"})
    assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_an_id_in_use_is_refused(connect, world):
    socket = await connect()
    socket.subscribe("1", "subscription { ticks }")
    await socket.receive()
    socket.subscribe("1", "{ hello }")
    assert await socket.closed() == (4409, "Subscriber for 1 already exists")
    assert (world.ticking, world.closed) == (0, 1)


async def test_a_reason_fits_into_a_close_frame(connect):
    socket = await connect()
    for _ in range(2):
        socket.subscribe("ü" * 200, "subscription { ticks }")
    number, reason = await socket.closed()
    assert number == 4409
    assert len(reason.encode()) <= 123


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "1",
        '"connection_init"',
        "{}",
        '{"type": null}',
        '{"type": "unknown"}',
        '{"type": "start", "id": "1"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
        '{"type": "complete"}',
        '{"type": "ping", "payload": 1}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "ping", "payload": {"a": NaN}}',
        '{"type": "ping", "payload": ' + '{"a":' * 50_000,
        "\ud800",
    ],
)
async def test_anything_that_is_no_message_closes_with_4400(connect, text):
    socket = await connect()
    socket.event(text=text)
    assert (await socket.closed())[0] == 4400


async def test_binary_messages_are_refused(connect):
    socket = await connect()
    socket.event(bytes=b'{"type": "ping"}')
    assert await socket.closed() == (4400, "Messages must be text")
    socket = await connect()
    socket.event(bytes=b"", text=None)
    assert (await socket.closed())[0] == 4400


async def test_a_message_over_the_limit_is_refused(connect):
    socket = await connect(max_body_bytes=1_000)
    socket.send({"type": "ping", "payload": {"x": "y" * 1_000}})
    assert (await socket.closed())[0] == 1009


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription A { count } subscription B { count }", "OPERATION_NOT_CHOSEN"),
        ("subscription ($to: Int!) { count(to: $to) }", "BAD_USER_INPUT"),
        ("query ($n: String!) { hello(name: $n) }", "BAD_USER_INPUT"),
        ("subscription { refused }", "INVALID_TRANSITION"),
        ("{ items { edges { node { items { edges { cursor } } } } } }", "DOCUMENT_TOO_DEEP"),
    ],
)
async def test_an_operation_that_cannot_run_is_an_error_of_its_own(connect, query, expected):
    socket = await connect(limits=Limits(depth=4))
    socket.subscribe("1", query)
    message = await socket.receive()
    assert (message["type"], message["id"], code(message)) == ("error", "1", expected)
    socket.subscribe("1", "{ hello }")
    assert (await socket.receive())["payload"] == {"data": {"hello": "Hello, world"}}


async def test_the_named_operation_runs(connect):
    socket = await connect()
    socket.subscribe("1", "query A { id } query B { hello }", operationName="B")
    assert (await socket.receive())["payload"] == {"data": {"hello": "Hello, world"}}


async def test_exceptions_are_masked(connect, secret, caplog):
    socket = await connect()
    socket.subscribe("1", "{ secret }")
    message = await socket.receive()
    assert message["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    assert await socket.receive() == {"id": "1", "type": "complete"}
    socket.subscribe("2", "subscription { breaking }")
    assert (await socket.receive())["payload"] == {"data": {"breaking": 0}}
    failure = await socket.receive()
    assert (failure["type"], code(failure)) == ("error", "INTERNAL_ERROR")
    assert secret not in str(message) + str(failure)
    assert len(caplog.records) == 2


async def test_an_answer_that_cannot_be_encoded_is_an_error(connect):
    socket = await connect()
    socket.subscribe("1", "{ cursed }")
    message = await socket.receive()
    assert (message["type"], code(message)) == ("error", "INTERNAL_ERROR")


async def test_a_context_that_cannot_be_made_is_an_error(connect):
    socket = await connect(headers={"tenant": "forbidden"})
    for query in ("{ hello }", "subscription { count }"):
        socket.subscribe("1", query)
        assert code(await socket.receive()) == "FORBIDDEN"


async def test_completing_closes_the_source_and_frees_the_id_at_once(connect, world):
    socket = await connect()
    socket.subscribe("1", "subscription { ticks }")
    await socket.receive()
    socket.send({"id": "1", "type": "complete"})
    socket.subscribe("1", "{ hello }")
    assert (await socket.receive())["payload"] == {"data": {"hello": "Hello, world"}}
    assert await socket.receive() == {"id": "1", "type": "complete"}
    assert (world.ticking, world.closed) == (0, 1)
    socket.send({"id": "1", "type": "complete"})
    socket.send({"id": "never", "type": "complete"})
    socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}


async def test_operations_run_side_by_side(connect):
    socket = await connect()
    socket.subscribe("slow", "{ later(seconds: 30) }")
    socket.subscribe("fast", "{ hello }")
    assert (await socket.receive())["id"] == "fast"
    socket.send({"id": "slow", "type": "complete"})


async def test_a_connection_runs_so_many_operations_and_no_more(connect, world):
    socket = await connect(socket_limits=SocketLimits(operations=2))
    for name in ("1", "2"):
        socket.subscribe(name, "subscription { ticks }")
        await socket.receive()
    socket.subscribe("3", "{ hello }")
    refused = await socket.receive()
    assert (refused["id"], refused["type"], code(refused)) == ("3", "error", "TOO_MANY_OPERATIONS")
    socket.send({"id": "1", "type": "complete"})
    await world.a_source_closed.wait()
    await asyncio.sleep(0)
    socket.subscribe("3", "{ hello }")
    assert (await socket.receive())["payload"] == {"data": {"hello": "Hello, world"}}


async def test_nothing_is_left_when_the_client_leaves(connect, world):
    socket = await connect()
    for name in range(10):
        socket.subscribe(str(name), "subscription { ticks }")
        await socket.receive()
    socket.subscribe("query", "{ later(seconds: 30) }")
    await asyncio.sleep(0)
    await socket.leave()
    assert (world.ticking, world.closed) == (0, 10)


async def test_nothing_is_left_when_the_server_stops(connect, world):
    socket = await connect()
    socket.subscribe("1", "subscription { ticks }")
    await socket.receive()
    socket.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await socket.task
    assert (world.ticking, world.closed) == (0, 1)
    assert socket.nothing_under_way()


async def test_a_source_that_never_waits_lets_the_others_run_and_can_be_ended(connect):
    socket = await connect()
    socket.subscribe("endless", "subscription { count(to: 1000000000) }")
    socket.subscribe("2", "{ hello }")
    seen = [await socket.receive() for _ in range(20)]
    assert {"id": "2", "type": "complete"} in seen
    socket.send({"id": "endless", "type": "complete"})
    await socket.leave()


async def test_a_client_that_does_not_read_holds_back_its_source_only(connect):
    slow, other = await connect(), await connect()
    slow.readable.clear()
    slow.subscribe("1", "subscription { count(to: 1000000) }")
    other.subscribe("1", "{ hello }")
    assert (await other.receive())["payload"] == {"data": {"hello": "Hello, world"}}
    assert slow.nothing()
    slow.readable.set()
    assert (await slow.receive())["payload"] == {"data": {"count": 0}}
    await slow.leave()


async def test_a_connection_that_breaks_while_sending_ends_quietly(make_app, caplog):
    events = asyncio.Queue()
    events.put_nowait({"type": "websocket.connect"})
    init = '{"type": "connection_init"}'
    subscribe = '{"type": "subscribe", "id": "1", "payload": {"query": "subscription { count(to: 9) }"}}'
    for text in (init, subscribe):
        events.put_nowait({"type": "websocket.receive", "text": text})

    async def send(message):
        if '"next"' in message.get("text", ""):
            events.put_nowait({"type": "websocket.disconnect", "code": 1006})
            raise OSError("gone")

    scope = {"type": "websocket", "path": "/graphql", "headers": [], "subprotocols": ["graphql-transport-ws"]}
    await asyncio.wait_for(make_app()(scope, events.get, send), 5)
    assert caplog.records == []
