"""Reads a GraphQL request out of an HTTP request, strictly: whatever is wrong is a 4xx with a sentence."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.engine import Request
from omniforge_graph.graphql.transport.response import Response, refused

PARAMETERS = frozenset(Request.__struct_encode_fields__)

_decode_request = msgspec.json.Decoder(Request).decode
_decode_object = msgspec.json.Decoder(dict[str, Any] | None).decode


class ProtocolError(Exception):
    """The HTTP request itself is at fault; `response` says how, with its status whatever the media type."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response: Response = refused(code, message, status)


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name; one sent several times is joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def read_post(headers: Mapping[str, str], receive: Receive, max_bytes: int, seconds: float) -> Request:
    """Read the request from a body of JSON."""
    check_content_type(headers)
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > max_bytes):
        raise too_large(max_bytes)
    try:
        async with asyncio.timeout(seconds):
            body = await _read_body(receive, max_bytes)
    except TimeoutError:
        raise ProtocolError(408, Code.REQUEST_TIMEOUT, f"The body did not arrive within {seconds:g} s.") from None
    if body.lstrip()[:1] == b"[":
        message = "Batches are not supported: send one operation in each request, or select several root fields."
        raise ProtocolError(400, Code.BATCHING_NOT_SUPPORTED, message)
    try:
        return _decode_request(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(400, Code.BAD_REQUEST, f"The body is not a GraphQL request in JSON: {error}.") from None


def check_content_type(headers: Mapping[str, str]) -> None:
    """Accept JSON in UTF-8, uncompressed; a web page cannot send that to another origin without asking first."""
    media, *parameters = (piece.strip().lower() for piece in headers.get("content-type", "").split(";"))
    charset = next((text[8:].strip('"') for text in parameters if text.startswith("charset=")), "utf-8")
    if media != "application/json" or charset not in {"utf-8", "utf8"}:
        raise ProtocolError(
            415, Code.UNSUPPORTED_MEDIA_TYPE, "Send the request as Content-Type: application/json, in UTF-8."
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ProtocolError(415, Code.UNSUPPORTED_MEDIA_TYPE, "Send the body without a Content-Encoding.")


def too_large(max_bytes: int) -> ProtocolError:
    """Return the error of a body that is over the limit."""
    message = f"The body is larger than {max_bytes} bytes; send the events or values in several requests."
    return ProtocolError(413, Code.BODY_TOO_LARGE, message)


async def _read_body(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def read_get(query_string: bytes) -> Request:
    """Read the request from URL parameters, `variables` and `extensions` as JSON."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
        given = [(name, value) for name, value in pairs if name in PARAMETERS]
        values: dict[str, Any] = dict(given)
        if len(given) > len(values):
            raise ProtocolError(400, Code.BAD_REQUEST, "A URL parameter is given twice; give each once.")
        for name in values.keys() & {"variables", "extensions"}:
            values[name] = _decode_object(values[name])
        return msgspec.convert(values, Request)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            400, Code.BAD_REQUEST, f"The URL's parameters are not a GraphQL request: {error}."
        ) from None
