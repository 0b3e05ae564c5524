"""The answer to one GraphQL request, before any transport dresses it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from graphql import GraphQLFormattedError
from graphql.language import SourceLocation

LONGEST_MESSAGE = 1_000


class Response(msgspec.Struct, frozen=True, gc=False):
    """What a client gets: `data` only if the operation was executed, and errors as they appear on the wire."""

    data: dict[str, Any] | None = None
    errors: tuple[GraphQLFormattedError, ...] = ()
    executed: bool = True
    status: int = 200
    """The HTTP status under `application/graphql-response+json`."""
    retry_after: int | None = None
    """Seconds after which an overloaded server should be asked again."""
    planned: bool = False
    """Whether an operation plan made it."""

    def body(self) -> dict[str, Any]:
        """Return the response map of the GraphQL specification; without `data` when nothing was executed."""
        if not self.executed:
            return {"errors": self.errors}
        return {"errors": self.errors, "data": self.data} if self.errors else {"data": self.data}


def client_error(
    code: str,
    message: str,
    *,
    locations: Sequence[SourceLocation] | None = None,
    path: Sequence[str | int] | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> GraphQLFormattedError:
    """Return an error as clients see it; a message that echoes a long input is cut."""
    text = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + " … (cut)"
    error: GraphQLFormattedError = {"message": text}
    if locations:
        error["locations"] = [location.formatted for location in locations]
    if path:
        error["path"] = list(path)
    error["extensions"] = {"code": code, **(extensions or {})}
    return error


def refused(code: str, message: str, status: int = 400, **extensions: Any) -> Response:
    """Return the response to a request that was not executed."""
    return Response(errors=(client_error(code, message, extensions=extensions),), executed=False, status=status)
