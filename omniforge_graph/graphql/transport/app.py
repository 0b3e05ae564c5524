"""The one door: an ASGI application for GraphQL over HTTP and WebSocket, and GraphiQL for browsers."""

import asyncio
from collections.abc import Collection
from functools import partial

from graphql import GraphQLSchema
from starlette.types import ASGIApp, Receive, Scope, Send

from omniforge_graph.graphql.graphiql import CONTENT_SECURITY_POLICY, Asset, Assets, load_assets, render_page
from omniforge_graph.graphql.transport.answering import Answerer, MakeContext, Repeatable, Vary
from omniforge_graph.graphql.transport.engine import Engine, StrawberrySchema
from omniforge_graph.graphql.transport.headers import headers_of
from omniforge_graph.graphql.transport.http import HttpEndpoint, Observe, send_answer
from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.graphql.transport.masking import ErrorMask
from omniforge_graph.graphql.transport.negotiation import HTML, negotiate
from omniforge_graph.graphql.transport.origins import is_same_origin
from omniforge_graph.graphql.transport.websocket import SUBPROTOCOL, Connection, SocketLimits


class GraphQLApp:
    """Serves one schema at `path`, and GraphiQL's files below it.

    Args:
        schema: a Strawberry schema, or graphql-core's.
        make_context: called as ``make_context(headers, background)`` for each operation and for each event of a
            subscription; the headers are those of the HTTP request or of the WebSocket's handshake, by lower-case name.
            An `OmniForgeError` that it raises is answered with its code, anything else is masked.
        limits: what documents may ask for.
        socket_limits: what a WebSocket connection may take.
        path: the path of the endpoint, as it is after the server's root path.
        otherwise: serves every other path, and the server's lifespan; 404 without it.
        request_timeout: seconds for a request's body to arrive, and again for its execution.
        max_body_bytes: the largest body of a POST.
        allowed_origins: origins (`https://host`) besides the server's own whose pages may use GET and WebSocket.
        hide_suggestions: leave names of the schema out of error messages.
        plans: whether operations that come again are compiled; answers are the same without.
        observe: told of each HTTP request of the endpoint, for metrics; it must not raise.
        repeatable: told a context in which a query was answered with one value that never changes, returns a function
            that tells whether the same body would be answered with the same value once more, or None. For what is asked
            again and again and costs less than its own execution.
        vary: told a request's headers by their lower-case names, returns what of them an answer that is given again
            depends on, beside the body; None if the request must be executed, as without it.
        graphiql: whether browsers get GraphiQL.
        default_query: what GraphiQL shows at first.
        title: the title of GraphiQL's page.
    """

    def __init__(
        self,
        schema: StrawberrySchema | GraphQLSchema,
        make_context: MakeContext,
        *,
        limits: Limits | None = None,
        socket_limits: SocketLimits | None = None,
        path: str = "/graphql",
        otherwise: ASGIApp | None = None,
        request_timeout: float = 10.0,
        max_body_bytes: int = 4 * 1024 * 1024,
        allowed_origins: Collection[str] = (),
        hide_suggestions: bool = False,
        plans: bool = True,
        observe: Observe | None = None,
        repeatable: Repeatable | None = None,
        vary: Vary | None = None,
        graphiql: bool = True,
        default_query: str = "",
        title: str = "GraphiQL",
    ) -> None:
        self.path = path
        self._mask = ErrorMask()
        self._engine = Engine(
            schema, limits, self._mask, timeout=request_timeout, hide_suggestions=hide_suggestions, plans=plans
        )
        self._make_context = make_context
        self._allowed_origins = frozenset(allowed_origins)
        self._socket_limits = socket_limits or SocketLimits(message_characters=max_body_bytes)
        self._otherwise = otherwise or _not_found
        self.door = HttpEndpoint(
            self._engine,
            Answerer(self._engine, make_context, repeatable or _never, vary or _whatever),
            self._mask,
            path=path,
            otherwise=self._others,
            max_body_bytes=max_body_bytes,
            timeout=request_timeout,
            allowed_origins=self._allowed_origins,
            observe=observe or _nobody,
        )
        """The application itself, for a server that calls it directly: an object around it costs each request."""
        self._graphiql = graphiql
        self._default_query = default_query
        self._title = title
        self._assets: Assets | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, one WebSocket connection or the server's lifespan."""
        await self.door(scope, receive, send)

    async def _others(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is not a POST to the endpoint."""
        if scope["type"] == "lifespan":
            return await self._otherwise(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == self.path:
            serve = self._socket if scope["type"] == "websocket" else self._endpoint
            await serve(scope, receive, send)
        elif self._graphiql and path.startswith(f"{self.path}/graphiql/") and scope["type"] == "http":
            await self._asset(path.rpartition("/")[2], scope, send)
        else:
            await self._otherwise(scope, receive, send)
        return None

    async def _endpoint(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._graphiql and scope["method"] == "GET" and negotiate(headers_of(scope).raw.get(b"accept")) == HTML:
            await self._page(send)
        else:
            await self.door.serve(scope, receive, send)

    async def _page(self, send: Send) -> None:
        folder = f"{self.path.rpartition('/')[2]}/graphiql"
        page = render_page(await self._load(), folder, self._default_query, self._title)
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
            (b"referrer-policy", b"same-origin"),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-cache"),
            (b"vary", b"Accept"),
        ]
        await send_answer(send, 200, headers, page.encode())

    async def _asset(self, name: str, scope: Scope, send: Send) -> None:
        served: dict[str, Asset] = {asset.name: asset for asset in (await self._load()).values()}
        asset = served.get(name)
        if asset is None:
            await send_answer(send, 404, [(b"content-type", b"text/plain")], b"Not found")
            return
        compress = "gzip" in headers_of(scope).get("accept-encoding", "")
        headers = [
            (b"content-type", asset.media_type.encode()),
            (b"cache-control", b"public, max-age=31536000, immutable"),
            (b"x-content-type-options", b"nosniff"),
            (b"vary", b"Accept-Encoding"),
            *([(b"content-encoding", b"gzip")] if compress else []),
        ]
        await send_answer(send, 200, headers, asset.compressed if compress else asset.content)

    async def _load(self) -> Assets:
        if self._assets is None:
            self._assets = await asyncio.to_thread(load_assets)
        return self._assets

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        await receive()
        if not is_same_origin(headers, self._allowed_origins):
            await send({"type": "websocket.close", "code": 1008, "reason": "Not for this origin"})
        elif SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4406, "reason": f"Use the subprotocol {SUBPROTOCOL}"})
        else:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            make_context = partial(self._make_context, headers)
            await Connection(self._engine, make_context, self._mask, self._socket_limits, receive, send).run()


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell that there is nothing."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "Not found"})
    elif scope["type"] == "http":
        await send_answer(send, 404, [(b"content-type", b"text/plain")], b"Not found")
    else:
        raise RuntimeError(f"Nothing serves {scope['type']!r} here.")


def _nobody(_kind: int, _status: int, _seconds: float) -> None:
    """Observe nothing."""


def _never(_context: object) -> None:
    """Let no answer be given again."""


def _whatever(_headers: object) -> None:
    """Have every request executed."""
