"""GraphQL over HTTP, as its specification describes it, for raw ASGI."""

from collections.abc import Callable, Collection
from itertools import product
from time import perf_counter
from typing import Final, TypeAlias

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omniforge_graph.graphql.transport.answering import Answerer
from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
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
)
from omniforge_graph.graphql.transport.recall import LONGEST_BODY
from omniforge_graph.graphql.transport.request import ProtocolError, Request
from omniforge_graph.graphql.transport.response import Response
from omniforge_graph.graphql.transport.stepping import Waiting, at_once, in_time
from omniforge_graph.telemetry import GRAPHQL_CORE, PLAN, REFUSED

Observe: TypeAlias = Callable[[int, int, float], None]
"""Is told of each HTTP request: PLAN, GRAPHQL_CORE or REFUSED, its status and the seconds it took."""

Opened: TypeAlias = tuple[str, dict[bytes, bytes], Message | Waiting[Message]]
"""A POST whose headers were looked at: the answer's media type, the headers, and the first message."""

HeaderList: TypeAlias = list[tuple[bytes, bytes]]

_CONTENT_TYPE: Final = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in (JSON, GRAPHQL_JSON)}
_MEDIA: Final = {None: JSON, b"*/*": JSON, JSON.encode(): JSON, GRAPHQL_JSON.encode(): GRAPHQL_JSON}
"""What `negotiate` returns for what most clients accept."""
_JSON_TYPES: Final = frozenset({
    b"application/json",
    *(b"application/json;%scharset=%s" % each for each in product((b"", b" "), (b"utf-8", b"UTF-8"))),
})  # fmt: skip
"""Those of what `check_post` accepts that nearly all clients send."""
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
        answerer: Answerer,
        mask: ErrorMask,
        *,
        path: str,
        otherwise: ASGIApp,
        max_body_bytes: int,
        timeout: float,
        allowed_origins: Collection[str],
        observe: Observe,
    ) -> None:
        self._engine = engine
        self._answerer = answerer
        self._mask = mask
        self._path = path
        self._otherwise = otherwise
        self._max_body_bytes = max_body_bytes
        self._timeout = timeout
        self._allowed_origins = allowed_origins
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve anything: a POST to the endpoint here, all else by `otherwise`.

        An answer that is given again is written out in one function: each call costs a good part of what is left.
        """
        if scope.get("method") != "POST" or scope["path"] != self._path:
            return await self._otherwise(scope, receive, send)
        began = perf_counter()
        listed = scope["headers"]
        headers = dict(listed)
        accept = headers.get(b"accept")
        media = _MEDIA.get(accept) or negotiate(accept)
        if (
            media not in _CONTENT_TYPE
            or headers.get(b"content-type") not in _JSON_TYPES
            or b"content-encoding" in headers
            or len(headers.get(b"content-length", b"")) > _SHORT
            or len(headers) < len(listed)
        ):
            return await self.serve(scope, receive, send)
        first = at_once(receive(), self._timeout, late_body)
        if isinstance(first, Waiting) or first.get("more_body", False):
            return await self.serve(scope, receive, send, (media, headers, first))
        answer = self._answerer.again(first.get("body", b""), headers)
        if answer is None:
            return await self.serve(scope, receive, send, (media, headers, first))
        fixed = [_CONTENT_TYPE[media], answer.content_length]
        await send({"type": "http.response.start", "status": 200, "headers": fixed})
        await send({"type": "http.response.body", "body": answer.body})
        return self._observe(PLAN, 200, perf_counter() - began)

    async def serve(self, scope: Scope, receive: Receive, send: Send, opened: Opened | None = None) -> None:
        """Serve one HTTP request to the endpoint, or go on with a POST that was opened."""
        began = perf_counter()
        media, method, background = JSON, scope["method"], BackgroundQueue()
        try:
            if opened is not None:
                media, raw, first = opened
                headers = Headers(raw)
            else:
                headers = Headers(scope["headers"])
                media = choose_media(headers.raw.get(b"accept"))
                if method == "POST":
                    check_post(headers, self._max_body_bytes)
                    first = at_once(receive(), self._timeout, late_body)
            if method == "POST":
                if isinstance(first, Waiting):
                    first = await first.rest
                body = body_of(first, self._max_body_bytes) or await self._rest(first, receive)
                response = await self._answerer.post(body, headers, background)
            else:
                response = await self._answerer.get(self._read_get(scope, headers), headers, background)
            # Clients of plain JSON expect 200 for whatever a GraphQL server understood well enough to refuse.
            status = 200 if media is JSON and response.status == 400 else response.status
        except ProtocolError as error:
            response, status = error.response, error.response.status
        except ClientGoneError:
            return self._observe(REFUSED, 499, perf_counter() - began)
        try:
            text = encode(response.body())
        except (TypeError, ValueError, RecursionError) as error:
            background.drop()  # this client gets no answer, so what depends on one is dropped
            response = self._engine.failed(error)
            text, status = encode(response.body()), response.status
        fixed = [_CONTENT_TYPE[media]] if status == 200 and method == "POST" else headers_for(media, status, response)
        await send_answer(send, status, fixed, text)
        kind = REFUSED if not response.executed else PLAN if response.planned else GRAPHQL_CORE
        self._observe(kind, status, perf_counter() - began)
        if background:
            await background.run(self._mask)
        return None

    async def _rest(self, first: Message, receive: Receive) -> bytes:
        rest = read_body(first, receive, self._max_body_bytes)
        return await in_time(rest, self._timeout, late_body)

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
