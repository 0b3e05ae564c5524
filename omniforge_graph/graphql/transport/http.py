"""GraphQL over HTTP, as its specification describes it, for raw ASGI."""

from collections.abc import Callable, Collection
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeAlias

import msgspec
from graphql import OperationType
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omniforge_graph.graphql.plans import Plan
from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.documents import Operation
from omniforge_graph.graphql.transport.engine import Engine
from omniforge_graph.graphql.transport.headers import Headers
from omniforge_graph.graphql.transport.masking import ErrorMask
from omniforge_graph.graphql.transport.negotiation import GRAPHQL_JSON, HTML, JSON, negotiate
from omniforge_graph.graphql.transport.origins import PREFLIGHT_HEADERS, is_trusted_get
from omniforge_graph.graphql.transport.reading import (
    ClientGoneError,
    body_of,
    check_post,
    late_body,
    read_body,
    read_get,
    read_post,
)
from omniforge_graph.graphql.transport.recall import LONGEST_BODY, Again, Recall, Recalled
from omniforge_graph.graphql.transport.request import ProtocolError, Request
from omniforge_graph.graphql.transport.response import Response
from omniforge_graph.graphql.transport.stepping import Waiting, at_once, in_time
from omniforge_graph.telemetry import GRAPHQL_CORE, PLAN, REFUSED

MakeContext: TypeAlias = Callable[[Headers, BackgroundQueue], Any]
"""Makes the context of an operation from the request's headers (by lower-case name) and its queue of later jobs."""

Observe: TypeAlias = Callable[[int, int, float], None]
"""Is told of each HTTP request: PLAN, GRAPHQL_CORE or REFUSED, its status and the seconds it took."""

Repeatable: TypeAlias = Callable[[Any], Again | None]
"""Told a context in which an answer was made, returns what to ask before the same is answered to the same body.

It should be the same function for all that depends on the same things: answers are shared by it.
"""

HeaderList: TypeAlias = list[tuple[bytes, bytes]]

_CONTENT_TYPE: Final = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in (JSON, GRAPHQL_JSON)}
_PLAIN_MEDIA: Final = {None: JSON, b"*/*": JSON, JSON.encode(): JSON, GRAPHQL_JSON.encode(): GRAPHQL_JSON}
"""What `choose_media` returns for what nearly all clients send."""
_SHORT: Final = len(str(LONGEST_BODY))
"""Digits of the length of a body that may have been remembered."""
_MAY_BE_KEPT: Final = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"vary", b"Accept")]
"""For what browsers or caches might keep or guess at; the good answer to a POST of JSON is neither."""

encode = msgspec.json.Encoder().encode


class HttpEndpoint:
    """Answers POST and GET with GraphQL responses; everything it says is GraphQL JSON.

    It stands in front of what else there is at other paths, which is served by `otherwise`.
    """

    def __init__(
        self,
        engine: Engine,
        make_context: MakeContext,
        mask: ErrorMask,
        *,
        path: str,
        otherwise: ASGIApp,
        max_body_bytes: int,
        timeout: float,
        allowed_origins: Collection[str],
        observe: Observe,
        repeatable: Repeatable,
        context_headers: frozenset[bytes],
    ) -> None:
        self._engine = engine
        self._make_context = make_context
        self._mask = mask
        self._path = path
        self._otherwise = otherwise
        self._max_body_bytes = max_body_bytes
        self._timeout = timeout
        self._allowed_origins = allowed_origins
        self._observe = observe
        self._repeatable = repeatable
        self._is_plain = context_headers.isdisjoint
        self._recall = Recall()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve anything: a POST to the endpoint here, all else by `otherwise`.

        An answer that is given again is written out in one function: each call costs a good part of what is left.
        """
        if scope.get("method") != "POST" or scope["path"] != self._path:
            return await self._otherwise(scope, receive, send)
        began = perf_counter()
        listed = scope["headers"]
        headers = dict(listed)
        media = _PLAIN_MEDIA.get(headers.get(b"accept"))
        if (
            media is None
            or headers.get(b"content-type") != b"application/json"
            or b"content-encoding" in headers
            or len(headers.get(b"content-length", b"")) > _SHORT
            or len(headers) < len(listed)
        ):
            return await self.serve(scope, receive, send)
        first = at_once(receive(), self._timeout, late_body)
        if isinstance(first, Waiting) or first.get("more_body", False):
            return await self.serve(scope, receive, send, first)
        answer = self._recall.answer_to(first.get("body", b""))
        if answer is None or not self._is_plain(headers) or not answer.again():
            return await self.serve(scope, receive, send, first)
        fixed = [_CONTENT_TYPE[media], answer.content_length]
        await send({"type": "http.response.start", "status": 200, "headers": fixed})
        await send({"type": "http.response.body", "body": answer.body})
        return self._observe(PLAN, 200, perf_counter() - began)

    async def serve(
        self, scope: Scope, receive: Receive, send: Send, first: Message | Waiting[Message] | None = None
    ) -> None:
        """Serve one HTTP request to the endpoint; `first` is its first message if that has been asked for."""
        began = perf_counter()
        headers, method, media = Headers(scope["headers"]), scope["method"], JSON
        background = BackgroundQueue()
        try:
            media = choose_media(headers.raw.get(b"accept"))
            if method == "POST":
                check_post(headers, self._max_body_bytes)
                first = first or at_once(receive(), self._timeout, late_body)
                if isinstance(first, Waiting):
                    first = await first.rest
                text = body_of(first, self._max_body_bytes) or await self._rest(first, receive)
                recalled = self._recall.get(text)
                if recalled is None:
                    response = await self._answer(read_post(text), method, headers, background, text)
                else:
                    response = await self._repeat(recalled, headers, background, text)
            else:
                response = await self._answer(self._read_get(scope, headers), method, headers, background)
            # Clients of plain JSON expect 200 for whatever a GraphQL server understood well enough to refuse.
            status = 200 if media is JSON and response.status == 400 else response.status
        except ProtocolError as error:
            response, status = error.response, error.response.status
        except ClientGoneError:
            return self._observe(REFUSED, 499, perf_counter() - began)
        try:
            body = encode(response.body())
        except (TypeError, ValueError, RecursionError) as error:
            background.drop()  # this client gets no answer, so what depends on one is dropped
            response = self._engine.failed(error)
            body, status = encode(response.body()), response.status
        fixed = [_CONTENT_TYPE[media]] if status == 200 and method == "POST" else headers_for(media, status, response)
        await send_answer(send, status, fixed, body)
        kind = REFUSED if not response.executed else PLAN if response.planned else GRAPHQL_CORE
        self._observe(kind, status, perf_counter() - began)
        if background:
            await background.run(self._mask)
        return None

    async def _repeat(self, recalled: Recalled, headers: Headers, background: BackgroundQueue, text: bytes) -> Response:
        """Execute what a body that is remembered said, with what was read of it."""
        operation = recalled.operation()
        plan = operation.planning.plan if operation is not None else None
        if operation is None or not isinstance(plan, Plan):
            return await self._answer(read_post(text), "POST", headers, background, text)
        began, contexts = perf_counter(), partial(self._make_context, headers, background)
        try:
            context = contexts()
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self._engine.failed(error, operation.name)
        response = self._engine.repeat(operation, plan, recalled.values, context)
        if isinstance(response, Waiting):
            response = await response.rest
        elif response is not None and response.data is not None and not background and self._is_plain(headers.raw):
            again = self._repeatable(context)
            if again is not None:
                self._recall.keep_answer(text, response.data, again)
        if response is not None:
            return response
        variables, spent = read_post(text).variables, perf_counter() - began
        return await self._engine.execute(operation, variables, contexts, background, spent=spent)

    async def _rest(self, first: Message, receive: Receive) -> bytes:
        rest = read_body(first, receive, self._max_body_bytes)
        return await in_time(rest, self._timeout, late_body)

    async def _answer(
        self, request: Request, method: str, headers: Headers, background: BackgroundQueue, text: bytes = b""
    ) -> Response:
        operation = self._engine.prepare(request)
        if isinstance(operation, Response):
            return operation
        if operation.kind is not OperationType.QUERY:
            check_method(operation, method)
        contexts = partial(self._make_context, headers, background)
        response = await self._engine.execute(operation, request.variables, contexts, background)
        plan = operation.planning.plan
        if response.planned and text and isinstance(plan, Plan) and self._recall.is_worth(text):
            self._recall.keep(text, Recalled(operation, plan.read(request.variables)))
        return response

    def _read_get(self, scope: Scope, headers: Headers) -> Request:
        if scope["method"] != "GET":
            raise ProtocolError(405, Code.METHOD_NOT_ALLOWED, "Use POST, or GET for a query.")
        if not is_trusted_get(headers, self._allowed_origins):
            message = (
                f"A page of another origin may not send GET; use POST, or add the header {PREFLIGHT_HEADERS[0]}: 1."
            )
            raise ProtocolError(403, Code.CROSS_ORIGIN_REQUEST, message)
        return read_get(scope["query_string"])


def choose_media(accept: bytes | None) -> str:
    """Return the media type of the answer; `ProtocolError` if the client takes none that is offered."""
    accepted = negotiate(accept)
    if accepted is None or accepted is HTML:
        message = f"The answer comes as {GRAPHQL_JSON} or {JSON}; accept one of them."
        raise ProtocolError(406, Code.NOT_ACCEPTABLE, message)
    return accepted


def check_method(operation: Operation, method: str) -> None:
    """Refuse what does not belong on this method: changes on GET, streams on both."""
    if operation.kind is OperationType.SUBSCRIPTION:
        message = "Subscriptions run over WebSocket at this address, with the subprotocol graphql-transport-ws."
        raise ProtocolError(400, Code.SUBSCRIPTION_OVER_HTTP, message)
    if operation.kind is OperationType.MUTATION and method == "GET":
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
