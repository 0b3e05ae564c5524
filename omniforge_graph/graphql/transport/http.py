"""GraphQL over HTTP, as its specification describes it, for raw ASGI."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeAlias

import msgspec
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.documents import Operation
from omniforge_graph.graphql.transport.engine import BadVariablesError, Engine, Request
from omniforge_graph.graphql.transport.headers import Headers, headers_of
from omniforge_graph.graphql.transport.masking import ErrorMask
from omniforge_graph.graphql.transport.negotiation import GRAPHQL_JSON, HTML, JSON, negotiate
from omniforge_graph.graphql.transport.origins import PREFLIGHT_HEADERS, is_trusted_get
from omniforge_graph.graphql.transport.reading import (
    ClientGoneError,
    ProtocolError,
    bad_request,
    read_get,
    read_post,
)
from omniforge_graph.graphql.transport.response import Response

MakeContext: TypeAlias = Callable[[Mapping[str, str], BackgroundQueue], Any]
"""Makes the context of an operation from the request's headers (by lower-case name) and its queue of later jobs."""

Observe: TypeAlias = Callable[[Response | None, int, float], None]
"""Is told of each HTTP request: the response (None if the client left), its status and the seconds it took."""

HeaderList: TypeAlias = list[tuple[bytes, bytes]]

_CONTENT_TYPE: Final = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in (JSON, GRAPHQL_JSON)}
_MAY_BE_KEPT: Final = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"vary", b"Accept")]
"""For what browsers or caches might keep or guess at; the good answer to a POST of JSON is neither."""

encode = msgspec.json.Encoder().encode


class HttpEndpoint:
    """Answers POST and GET with GraphQL responses; everything it says is GraphQL JSON."""

    def __init__(
        self,
        engine: Engine,
        make_context: MakeContext,
        mask: ErrorMask,
        *,
        max_body_bytes: int,
        timeout: float,
        allowed_origins: Collection[str],
        observe: Observe | None,
    ) -> None:
        self._engine = engine
        self._make_context = make_context
        self._mask = mask
        self._max_body_bytes = max_body_bytes
        self._timeout = timeout
        self._allowed_origins = allowed_origins
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        began = perf_counter()
        headers, method = headers_of(scope), scope["method"]
        accepted = negotiate(headers.raw.get(b"accept"))
        media = GRAPHQL_JSON if accepted == GRAPHQL_JSON else JSON
        background = BackgroundQueue()
        try:
            if accepted is None or accepted == HTML:
                message = f"The answer comes as {GRAPHQL_JSON} or {JSON}; accept one of them."
                raise ProtocolError(406, Code.NOT_ACCEPTABLE, message)  # noqa: TRY301
            if method == "POST":
                request = await read_post(headers, receive, self._max_body_bytes, self._timeout)
            else:
                request = self._read_get(scope, headers)
            response = await self._answer(request, method, headers, background)
            # Clients of plain JSON expect 200 for whatever a GraphQL server understood well enough to refuse.
            status = 200 if media is JSON and response.status == 400 else response.status
        except ProtocolError as error:
            response, status = error.response, error.response.status
        except ClientGoneError:
            if self._observe is not None:
                self._observe(None, 499, perf_counter() - began)
            return
        try:
            body = encode(response.body())
        except (TypeError, ValueError, RecursionError) as error:
            background.drop()  # this client gets no answer, so what depends on one is dropped
            response = self._engine.failed(error)
            body, status = encode(response.body()), response.status
        plain = status == 200 and method == "POST"
        await send_answer(send, status, [_CONTENT_TYPE[media]] if plain else headers_for(media, status, response), body)
        if self._observe is not None:
            self._observe(response, status, perf_counter() - began)
        if background:
            await background.run(self._mask)

    async def _answer(self, request: Request, method: str, headers: Headers, background: BackgroundQueue) -> Response:
        try:
            operation = self._engine.prepare(request)
            if isinstance(operation, Response):
                return operation
            if operation.kind is not OperationType.QUERY:
                check_method(operation, method)
            contexts = partial(self._make_context, headers, background)
            return await self._engine.execute(operation, request.variables, contexts, background)
        except BadVariablesError as error:
            raise bad_request(error) from None

    def _read_get(self, scope: Scope, headers: Headers) -> Request:
        if scope["method"] != "GET":
            raise ProtocolError(405, Code.METHOD_NOT_ALLOWED, "Use POST, or GET for a query.")
        if not is_trusted_get(headers, self._allowed_origins):
            message = (
                f"A page of another origin may not send GET; use POST, or add the header {PREFLIGHT_HEADERS[0]}: 1."
            )
            raise ProtocolError(403, Code.CROSS_ORIGIN_REQUEST, message)
        return read_get(scope["query_string"])


def check_method(operation: Operation, method: str) -> None:
    """Refuse what does not belong on this method: changes on GET, streams on both."""
    if operation.kind is OperationType.SUBSCRIPTION:
        message = "Subscriptions run over WebSocket at this address, with the subprotocol graphql-transport-ws."
        raise ProtocolError(400, Code.SUBSCRIPTION_OVER_HTTP, message)
    if method == "GET":
        raise ProtocolError(405, Code.METHOD_NOT_ALLOWED, "A mutation is never executed by GET; use POST.")


def headers_for(media: str, status: int, response: Response) -> HeaderList:
    """Return the headers of an answer that is not a plain good one."""
    answer = [_CONTENT_TYPE[media], *_MAY_BE_KEPT]
    if status == 405:
        answer.append((b"allow", b"GET, POST"))
    if response.retry_after is not None:
        answer.append((b"retry-after", b"%d" % response.retry_after))
    return answer


async def send_answer(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    """Send a complete HTTP response; its length is added to the headers."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
