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
        message = str(error)
        if isinstance(error, msgspec.ValidationError):
            message = message.replace("`$", "`$.variables") if "`$" in message else f"{message} - at `$.variables`"
        raise bad_request(message) from None
    return values


def bad_request(reason: object) -> ProtocolError:
    """Return the error of a body that is no GraphQL request."""
    return ProtocolError(400, Code.BAD_REQUEST, f"The body is not a GraphQL request in JSON: {reason}.")
