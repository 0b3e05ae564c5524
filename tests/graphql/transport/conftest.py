"""A small schema with what the transport must cope with, and ways to speak to the application without a server."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError

from omniforge_graph.errors import (
    ForbiddenError,
    InvalidTransitionError,
    RateLimitedError,
    TextError,
    UnavailableError,
    ValidationError,
)
from omniforge_graph.graphql.transport import BackgroundQueue, GraphQLApp

SECRET = "password=hunter2"


class Context:
    """Remembers what was asked of it."""

    def __init__(self, world: "World", headers: Mapping[str, str], background: BackgroundQueue) -> None:
        self.world = world
        self.headers = headers
        self.background = background


class World:
    """What resolvers do, as seen from outside."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.ticking = 0
        self.closed = 0
        self.a_source_closed = asyncio.Event()
        self.done: list[str] = []
        self.written: list[str] = []
        self.asked = 0
        self.bad_mood = False

    def make_context(self, headers: Mapping[str, str], background: BackgroundQueue) -> Context:
        if headers.get("tenant") == "bad":
            raise TextError("The tenant header holds a character that cannot be stored.", path=("tenant",))
        if headers.get("tenant") == "forbidden":
            raise ForbiddenError("This tenant is closed.")
        if headers.get("tenant") == "away":
            raise UnavailableError("The database is away; try again.")
        if headers.get("tenant") == "broken":
            raise RuntimeError(SECRET)
        self.contexts.append(Context(self, headers, background))
        return self.contexts[-1]


@strawberry.type
class Variant:
    name: str


@strawberry.type
class Edge:
    cursor: str
    node: "Item"


@strawberry.type
class PageInfo:
    has_next_page: bool


@strawberry.type
class Connection:
    edges: list[Edge]
    page_info: PageInfo


@strawberry.type
class Item:
    id: strawberry.ID

    @strawberry.field
    def variants(self) -> list[Variant]:
        return [Variant(name="control"), Variant(name="treatment")]

    @strawberry.field
    def items(self, first: int | None = None, last: int | None = None) -> Connection:
        count = last or first or 2
        edges = [Edge(cursor=str(n), node=Item(id=strawberry.ID(str(n)))) for n in range(min(count, 3))]
        return Connection(edges=edges, page_info=PageInfo(has_next_page=False))


@strawberry.type
class Failing:
    cause: strawberry.Private[Exception]

    @strawberry.field
    def value(self) -> str | None:
        raise self.cause


@strawberry.type
class OddOrEven:
    number: int

    @strawberry.field
    def even(self) -> bool | None:
        if self.number % 2:
            raise RuntimeError(SECRET)
        return True


@strawberry.type
class Query(Item):
    id: strawberry.ID = strawberry.ID("root")

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}"

    @strawberry.field
    async def later(self, seconds: float = 0.0) -> str:
        await asyncio.sleep(seconds)
        return "later"

    @strawberry.field
    def tenant(self, info: strawberry.Info[Context, None]) -> str | None:
        info.context.background.add(lambda: info.context.world.done.append("sent"))
        return info.context.headers.get("tenant")

    @strawberry.field
    def cursed(self, info: strawberry.Info[Context, None]) -> str | None:
        info.context.background.add(lambda: info.context.world.done.append("cursed"))
        return "\ud800"

    @strawberry.field
    def secret(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def impossible(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field
    def own_timeout(self) -> str | None:
        raise TimeoutError(SECRET)

    @strawberry.field
    def transition(self) -> str | None:
        raise InvalidTransitionError("A completed experiment cannot start.", current="COMPLETED", allowed=["NONE"])

    @strawberry.field
    async def moody(self, info: strawberry.Info[Context, None], seconds: float = 0.0) -> str | None:
        world = info.context.world
        world.asked += 1
        await asyncio.sleep(seconds)
        if world.bad_mood:
            raise ValidationError("Not today.")
        return "well"

    @strawberry.field
    def crowded(self) -> str | None:
        raise RateLimitedError("Too much at once; try again.", retry_after=7)

    @strawberry.field
    def coded(self) -> str | None:
        raise GraphQLError("Log in first.", extensions={"code": "UNAUTHENTICATED", "realm": "test"})

    @strawberry.field
    def uncoded(self) -> str | None:
        raise GraphQLError(SECRET)

    @strawberry.field
    async def shared_failure(self) -> list[Failing]:
        cause = RuntimeError(SECRET)
        return [Failing(cause=cause) for _ in range(5)]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def write(self, info: strawberry.Info[Context, None], text: str, seconds: float = 0.0) -> str:
        await asyncio.sleep(seconds)
        info.context.world.written.append(text)
        return text

    @strawberry.mutation
    def write_all(self, info: strawberry.Info[Context, None], texts: list[str]) -> int:
        info.context.world.written += texts
        return len(texts)

    @strawberry.mutation
    def crowd(self) -> str:
        raise RateLimitedError("Too much at once; try again.", retry_after=7)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: strawberry.Info[Context, None], to: int = 3) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def ticks(self, info: strawberry.Info[Context, None]) -> AsyncGenerator[int, None]:
        world = info.context.world
        world.ticking += 1
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            world.ticking -= 1
            world.closed += 1
            world.a_source_closed.set()

    @strawberry.subscription
    async def breaking(self) -> AsyncGenerator[int, None]:
        yield 0
        raise RuntimeError(SECRET)

    @strawberry.subscription
    async def refused(self) -> AsyncGenerator[int, None]:
        raise InvalidTransitionError("Not now.", current="DRAFT", allowed=["RUNNING"])
        yield 0

    @strawberry.subscription
    async def odd(self) -> AsyncGenerator[OddOrEven, None]:
        for number in range(2):
            yield OddOrEven(number=number)


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)


@pytest.fixture(scope="session")
def schema() -> strawberry.Schema:
    return SCHEMA


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=[True, False], ids=["plans", "graphql-core"])
def plans(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def make_app(schema: strawberry.Schema, world: World, plans: bool) -> Callable[..., GraphQLApp]:
    def make(**options: Any) -> GraphQLApp:
        return GraphQLApp(schema, world.make_context, **{"plans": plans} | options)

    return make


class Answer:
    """A complete HTTP response."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        start, *bodies = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(message["body"] for message in bodies)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The only error."""
        (error,) = self.json["errors"]
        return error

    @property
    def code(self) -> str:
        return self.error["extensions"]["code"]


class Client:
    """Speaks ASGI to the application: exactly the bytes given, and no server in between."""

    def __init__(self, app: GraphQLApp) -> None:
        self.app = app

    async def request(
        self,
        method: str,
        body: bytes | list[bytes] = b"",
        *,
        path: str = "/graphql",
        query_string: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
        disconnect: bool = False,
    ) -> Answer | None:
        chunks = [body] if isinstance(body, bytes) else body
        incoming = [
            {"type": "http.request", "body": chunk, "more_body": disconnect or n < len(chunks) - 1}
            for n, chunk in enumerate(chunks)
        ]
        incoming.append({"type": "http.disconnect"})
        events = iter(incoming)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(events)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "query_string": query_string if isinstance(query_string, bytes) else query_string.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        await self.app(scope, receive, send)
        return Answer(sent) if sent else None

    async def post(self, query: str, headers: Mapping[str, str] | None = None, **members: Any) -> Answer:
        body = json.dumps({"query": query, **members}).encode()
        answer = await self.request("POST", body, headers={"content-type": "application/json", **(headers or {})})
        assert answer
        return answer

    async def get(self, query_string: str | bytes, headers: Mapping[str, str] | None = None) -> Answer:
        answer = await self.request("GET", query_string=query_string, headers=headers)
        assert answer
        return answer


@pytest.fixture
def client(make_app: Callable[..., GraphQLApp]) -> Client:
    return Client(make_app(request_timeout=2.0))


@pytest.fixture
def make_client(make_app: Callable[..., GraphQLApp]) -> Callable[..., Client]:
    return lambda **options: Client(make_app(**options))


@pytest.fixture
def secret() -> str:
    return SECRET


def operations_under_way() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_coro().__qualname__.startswith("Connection.")]


class Socket:
    """One WebSocket connection to the application, from the client's end."""

    def __init__(self, app: GraphQLApp, headers: Mapping[str, str], subprotocols: list[str], path: str) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.readable = asyncio.Event()
        self.readable.set()
        scope = {
            "type": "websocket",
            "path": path,
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": subprotocols,
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self._incoming.get, self._sent))

    async def _sent(self, message: dict[str, Any]) -> None:
        await self.readable.wait()
        self._outgoing.put_nowait(message)

    def event(self, **event: Any) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", **event})

    def send(self, message: Any) -> None:
        self.event(text=json.dumps(message))

    def subscribe(self, operation_id: str, query: str, **members: Any) -> None:
        self.send({"id": operation_id, "type": "subscribe", "payload": {"query": query, **members}})

    async def raw(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._outgoing.get(), 5)

    async def receive(self) -> dict[str, Any]:
        message = await self.raw()
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes, after which nothing of it is left."""
        message = await self.raw()
        assert message["type"] == "websocket.close", message
        await self.ended()
        return message["code"], message["reason"]

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, 5)
        assert not operations_under_way()

    def nothing_under_way(self) -> bool:
        return not operations_under_way()

    async def leave(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.ended()

    def nothing(self) -> bool:
        return self._outgoing.empty()


@pytest.fixture
async def connect(make_app: Callable[..., GraphQLApp]) -> AsyncGenerator[Callable[..., Any], None]:
    """Open a connection; with `init` the conversation is acknowledged already."""
    sockets: list[Socket] = []

    async def open_socket(
        init: bool = True,
        headers: Mapping[str, str] | None = None,
        subprotocols: list[str] | None = None,
        path: str = "/graphql",
        **options: Any,
    ) -> Socket:
        chosen = ["graphql-transport-ws"] if subprotocols is None else subprotocols
        socket = Socket(make_app(**options), headers or {}, chosen, path)
        sockets.append(socket)
        if init:
            assert (await socket.raw())["type"] == "websocket.accept"
            socket.send({"type": "connection_init"})
            assert await socket.receive() == {"type": "connection_ack"}
        return socket

    yield open_socket
    for socket in sockets:
        socket.readable.set()
        if not socket.task.done():
            await socket.leave()
