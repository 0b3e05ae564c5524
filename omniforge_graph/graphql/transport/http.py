"""GraphQL over HTTP, as its specification describes it, for raw ASGI."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.documents import Operation
from omniforge_graph.graphql.transport.engine import Engine, Request
from omniforge_graph.graphql.transport.masking import ErrorMask
from omniforge_graph.graphql.transport.negotiation import GRAPHQL_JSON, JSON, negotiate
from omniforge_graph.graphql.transport.origins import PREFLIGHT_HEADERS, is_trusted_get
from omniforge_graph.graphql.transport.reading import (
    ClientGoneError,
    ProtocolError,
    headers_of,
    read_get,
    read_post,
)
from omniforge_graph.graphql.transport.response import Response

MakeContext: TypeAlias = Callable[[Mapping[str, str], BackgroundQueue], Any]
"""Makes the context of an operation from the request's headers (by lower-case name) and its queue of later jobs."""

Headers: TypeAlias = list[tuple[bytes, bytes]]

_FIXED_HEADERS: Final = {
    media: [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"Accept"),
    ]
    for media in (JSON, GRAPHQL_JSON)
}

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
    ) -> None:
        self._engine = engine
        self._make_context = make_context
        self._mask = mask
        self._max_body_bytes = max_body_bytes
        self._timeout = timeout
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        headers = headers_of(scope)
        accepted = negotiate(headers.get("accept"))
        media = GRAPHQL_JSON if accepted == GRAPHQL_JSON else JSON
        background = BackgroundQueue()
        try:
            if accepted not in {GRAPHQL_JSON, JSON}:
                message = f"The answer comes as {GRAPHQL_JSON} or {JSON}; accept one of them."
                raise ProtocolError(406, Code.NOT_ACCEPTABLE, message)  # noqa: TRY301
            request = await self._read(scope, headers, receive)
            response = await self._answer(request, scope["method"], headers, background)
            # Clients of plain JSON expect 200 for whatever a GraphQL server understood well enough to refuse.
            status = 200 if media == JSON and response.status == 400 else response.status
        except ProtocolError as error:
            response, status = error.response, error.response.status
        except ClientGoneError:
            return
        try:
            body = encode(response.body())
        except (TypeError, ValueError, RecursionError) as error:
            background = BackgroundQueue()  # this client gets no answer, so what depends on one is dropped
            response = self._engine.failed(error)
            body, status = encode(response.body()), response.status
        allow = [(b"allow", b"GET, POST")] if status == 405 else []
        await send_answer(send, status, [*_FIXED_HEADERS[media], *allow], body)
        await background.run(self._mask)

    async def _read(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Request:
        if scope["method"] == "POST":
            return await read_post(headers, receive, self._max_body_bytes, self._timeout)
        if scope["method"] != "GET":
            raise ProtocolError(405, Code.METHOD_NOT_ALLOWED, "Use POST, or GET for a query.")
        if not is_trusted_get(headers, self._allowed_origins):
            message = (
                f"A page of another origin may not send GET; use POST, or add the header {PREFLIGHT_HEADERS[0]}: 1."
            )
            raise ProtocolError(403, Code.CROSS_ORIGIN_REQUEST, message)
        return read_get(scope["query_string"])

    async def _answer(
        self, request: Request, method: str, headers: Mapping[str, str], background: BackgroundQueue
    ) -> Response:
        operation = self._engine.prepare(request)
        if isinstance(operation, Response):
            return operation
        check_method(operation, method)
        contexts = partial(self._make_context, headers, background)
        return await self._engine.execute(operation, request.variables, contexts)


def check_method(operation: Operation, method: str) -> None:
    """Refuse what does not belong on this method: changes on GET, streams on both."""
    if operation.kind is OperationType.SUBSCRIPTION:
        message = "Subscriptions run over WebSocket at this address, with the subprotocol graphql-transport-ws."
        raise ProtocolError(400, Code.SUBSCRIPTION_OVER_HTTP, message)
    if operation.kind is OperationType.MUTATION and method == "GET":
        raise ProtocolError(405, Code.METHOD_NOT_ALLOWED, "A mutation is never executed by GET; use POST.")


async def send_answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a complete HTTP response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
