"""A GraphQL request, as it comes over any transport."""

from typing import Any, Final

import msgspec

from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.response import Response, refused

NO_VARIABLES: Final = msgspec.Raw(b"null")

_decode_variables = msgspec.json.Decoder(dict[str, Any] | None).decode


class Request(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A GraphQL request as the GraphQL-over-HTTP specification writes it; other members are ignored."""

    query: str
    operation_name: str | None = None
    variables: msgspec.Raw = NO_VARIABLES
    """The JSON of an object or null, not looked at yet: a plan reads it straight into the types it needs."""
    extensions: dict[str, Any] | None = None


class ProtocolError(Exception):
    """The request itself is at fault; `response` says how, with its HTTP status whatever the media type."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response: Response = refused(code, message, status)


def read_variables(variables: msgspec.Raw) -> dict[str, Any] | None:
    """Return the variables as graphql-core wants them; `ProtocolError` if they are no JSON object."""
    try:
        values: dict[str, Any] | None = _decode_variables(variables)
    except (ValueError, RecursionError) as error:
        if bytes(variables).lstrip()[:1] == b"{":
            raise bad_request(f"The request's variables cannot be read: {error}.") from None
        raise bad_request("The request's variables must be a JSON object or null; give each by its name.") from None
    return values


def bad_request(message: str) -> ProtocolError:
    """Return the error of what is no GraphQL request."""
    return ProtocolError(400, Code.BAD_REQUEST, message)
