"""Reads a GraphQL request out of an HTTP request, strictly: whatever is wrong is a 4xx with a sentence."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Message, Receive

from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.headers import Headers
from omniforge_graph.graphql.transport.request import NO_VARIABLES, ProtocolError, Request, bad_request

PARAMETERS = frozenset(Request.__struct_encode_fields__)

Value = TypeVar("Value")

_decode_request = msgspec.json.Decoder(Request).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_object = msgspec.json.Decoder(dict[str, Any] | None).decode


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


def check_post(headers: Headers, max_bytes: int) -> None:
    """Refuse a body by its headers: what is no JSON, or too large."""
    check_content_type(headers)
    length = headers.raw.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 18 or int(length) > max_bytes):
        raise too_large(max_bytes)


def body_of(message: Message, max_bytes: int) -> bytes | None:
    """Return the body if all of it is in the first message, as nearly always; None if `read_body` must see to it."""
    body: bytes = message.get("body", b"")
    if message["type"] != "http.request" or message.get("more_body", False) or len(body) > max_bytes:
        return None
    return body


async def read_body(message: Message, receive: Receive, max_bytes: int) -> bytes:
    """Return the body that begins with the message."""
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def late_body() -> ProtocolError:
    """Return the error of a body that did not come."""
    return ProtocolError(408, Code.REQUEST_TIMEOUT, "The body did not arrive in time; send it at once.")


def read_post(body: bytes) -> Request:
    """Read the request from a body of JSON."""
    try:
        request = _decode_request(body)
        if not body.isascii():
            body.decode()  # members that nobody reads are UTF-8, too
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] == b"[":
            raise ProtocolError(
                400,
                Code.BATCHING_NOT_SUPPORTED,
                "Batches are not supported: send one operation in each request, or select several root fields.",
            ) from None
        if not body.strip():
            raise bad_request("The body is empty; send a JSON object with the member `query`.") from None
        raise bad_request(f"The body is not a GraphQL request in JSON: {error}.") from None
    return request


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


def read_get(query_string: bytes) -> Request:
    """Read the request from URL parameters, `variables` and `extensions` as JSON."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
        given = [(name, value) for name, value in pairs if name in PARAMETERS]
        values: dict[str, Any] = dict(given)
        if len(given) > len(values):
            raise bad_request("A URL parameter is given twice; give each once.")
        variables = NO_VARIABLES
        if "variables" in values:
            variables = _read_parameter("variables", values.pop("variables"), _decode_raw)
        if "extensions" in values:
            values["extensions"] = _read_parameter("extensions", values["extensions"], _decode_object)
        return msgspec.structs.replace(msgspec.convert(values, Request), variables=variables)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The URL's parameters are not a GraphQL request: {error}.") from None


def _read_parameter(name: str, text: str, decode: Callable[[str], Value]) -> Value:
    try:
        return decode(text)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The URL's parameter `{name}` must be a JSON object: {error}.") from None
