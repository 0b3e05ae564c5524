"""What a client may learn of an exception: everything of our own errors, an id of any other."""

import logging
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLFormattedError
from graphql.language import FieldNode

from omniforge_graph.errors import OmniForgeError, PluginError
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.response import client_error

logger = logging.getLogger("omniforge_graph.graphql")


class ErrorMask:
    """Turns what was raised into what is answered, and logs what is not shown.

    Our own errors keep their message, code and attributes, but for a plugin's failure, of which the client learns the
    plugin's name. Errors of graphql-core about the client's values keep
    their message. Everything else becomes "Internal error" with an `errorId`, under which the log has the traceback.
    """

    def present(
        self, errors: Iterable[GraphQLError], operation: str | None = None
    ) -> tuple[GraphQLFormattedError, ...]:
        """Return the errors of one execution as the client sees them; one exception raised often is logged once."""
        logged: dict[int, str] = {}
        return tuple(self._present(error, operation, logged) for error in errors)

    def hide(self, cause: BaseException, operation: str | None = None, path: object = None) -> str:
        """Log an exception that no client may see; return the id under which the log has it."""
        error_id = secrets.token_hex(8)
        logger.error("Internal error %s in operation %s at %s", error_id, operation, path, exc_info=cause)
        return error_id

    def _present(self, error: GraphQLError, operation: str | None, logged: dict[int, str]) -> GraphQLFormattedError:
        cause = root_cause(error)
        if isinstance(cause, PluginError):
            # What a plugin says in its exceptions is for its author and the operator, who read the log.
            error_id = self._logged_once(cause, operation, error.path, logged)
            return client_error(
                str(cause.code),
                f"The plugin {cause.plugin} failed; the server's log has its error under {error_id}.",
                locations=error.locations,
                path=error.path,
                extensions={"plugin": cause.plugin, "errorId": error_id},
            )
        if isinstance(cause, OmniForgeError):
            extensions = attributes(cause)
            return client_error(
                str(cause.code), cause.message, locations=error.locations, path=error.path, extensions=extensions
            )
        if isinstance(cause, GraphQLError) and (code := code_of(cause)):
            extensions = {**(cause.extensions or {})}
            return client_error(code, cause.message, locations=error.locations, path=error.path, extensions=extensions)
        error_id = self._logged_once(cause, operation, error.path, logged)
        return client_error(
            Code.INTERNAL_ERROR,
            "Internal error",
            locations=error.locations,
            path=error.path,
            extensions={"errorId": error_id},
        )

    def _logged_once(self, cause: Exception, operation: str | None, path: object, logged: dict[int, str]) -> str:
        if id(cause) not in logged:
            logged[id(cause)] = self.hide(cause, operation, path)
        return logged[id(cause)]


def root_cause(error: GraphQLError) -> Exception:
    """Return the exception that a resolver raised, out of graphql-core's wrappings."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def code_of(error: GraphQLError) -> str | None:
    """Return the code of an error that is meant for the client, or None when it must be masked.

    That is an error raised with a code of its own, or one about a value in the request: it points at the value.
    Those that point at fields tell that the server broke its own schema.
    """
    if error.extensions and isinstance(code := error.extensions.get("code"), str):
        return code
    return Code.BAD_USER_INPUT if error.nodes and not isinstance(error.nodes[0], FieldNode) else None


def attributes(error: OmniForgeError) -> Mapping[str, Any]:
    """Return what an error of ours tells besides its message: `inputPath` and its own attributes, in camel case."""
    told = {"inputPath": error.path} if error.path else {}
    own = {name: value for name, value in vars(error).items() if name not in {"message", "path"} and value is not None}
    return told | {camel_case(name): value for name, value in own.items() if not name.startswith("_")}


def camel_case(name: str) -> str:
    """Return a Python name as GraphQL clients write it: `experiment_id` as `experimentId`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
