"""What a request asks, answered: from memory, by a plan or by graphql-core."""

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias

from graphql import OperationType

from omniforge_graph.graphql.plans import Plan
from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.documents import Operation
from omniforge_graph.graphql.transport.engine import Engine
from omniforge_graph.graphql.transport.headers import Headers
from omniforge_graph.graphql.transport.reading import read_post
from omniforge_graph.graphql.transport.recall import Again, Answer, Recall
from omniforge_graph.graphql.transport.request import ProtocolError, Request
from omniforge_graph.graphql.transport.response import Response
from omniforge_graph.graphql.transport.stepping import Waiting

MakeContext: TypeAlias = Callable[[Headers, BackgroundQueue], Any]
"""Makes the context of an operation from the request's headers (by lower-case name) and its queue of later jobs."""

Repeatable: TypeAlias = Callable[[Any], Again | None]
"""Told a context in which an answer was made, returns what to ask before the same is answered to the same body.

It should be the same function for all that depends on the same things: answers are shared by it.
"""

Vary: TypeAlias = Callable[[Mapping[bytes, bytes]], bytes | None]
"""Told the headers of a request, returns what of them an answer depends on; None if the request must be executed.

An answer is given again only to the same body with the same part of the headers, which holds no zero byte.
"""


class Answerer:
    """Answers requests that a transport has read."""

    def __init__(self, engine: Engine, make_context: MakeContext, repeatable: Repeatable, vary: Vary) -> None:
        self._engine = engine
        self._make_context = make_context
        self._repeatable = repeatable
        self._vary = vary
        self._recall = Recall()
        self._answer_to = self._recall.get

    def again(self, body: bytes, headers: dict[bytes, bytes]) -> Answer | None:
        """Return the answer to a body that was given before, if it is the right one once more."""
        part = self._vary(headers)
        if part is None:
            return None
        answer = self._answer_to(_key(part, body))
        return answer if answer is not None and answer.again() else None

    async def post(self, body: bytes, headers: Headers, background: BackgroundQueue) -> Response:
        """Answer the body of a POST: a query that has a plan by that, and perhaps remember the answer.

        Raises:
            ProtocolError: it is no GraphQL request.
        """
        request = read_post(body)
        operation = self._engine.prepare(request)
        if isinstance(operation, Response):
            return operation
        plan = operation.planning.plan
        if not isinstance(plan, Plan):
            return await self._execute(operation, request, "POST", headers, background)
        began = perf_counter()
        try:
            context = self._make_context(headers, background)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a response
            return self._engine.failed(error, operation.name)
        response = self._engine.query(operation, plan, request.variables, context)
        if isinstance(response, Waiting):
            response = await response.rest
        elif response is not None and response.data is not None and not background:
            self._remember(body, headers, response.data, context)
        if response is not None:
            return response
        spent, contexts = perf_counter() - began, partial(self._make_context, headers, background)
        return await self._engine.execute(operation, request.variables, contexts, background, spent=spent)

    def _remember(self, body: bytes, headers: Headers, data: Mapping[str, Any], context: Any) -> None:
        again, part = self._repeatable(context), self._vary(headers.raw)
        if again is None or part is None:
            return
        key = _key(part, body)
        if self._recall.is_worth(key):
            self._recall.keep(key, data, again)

    async def get(self, request: Request, headers: Headers, background: BackgroundQueue) -> Response:
        """Answer a GET. Raises `ProtocolError` if it asks for more than a query."""
        operation = self._engine.prepare(request)
        if isinstance(operation, Response):
            return operation
        return await self._execute(operation, request, "GET", headers, background)

    async def _execute(
        self, operation: Operation, request: Request, method: str, headers: Headers, background: BackgroundQueue
    ) -> Response:
        check_method(operation, method)
        contexts = partial(self._make_context, headers, background)
        return await self._engine.execute(operation, request.variables, contexts, background)


def _key(part: bytes, body: bytes) -> bytes:
    """Return both as one; no body that has an answer holds a zero byte, so it is not another one's key."""
    return part + b"\0" + body if part else body


def check_method(operation: Operation, method: str) -> None:
    """Refuse what does not belong on this method: changes on GET, streams on both."""
    if operation.kind is OperationType.SUBSCRIPTION:
        message = "Subscriptions run over WebSocket at this address, with the subprotocol graphql-transport-ws."
        raise ProtocolError(400, Code.SUBSCRIPTION_OVER_HTTP, message)
    if operation.kind is OperationType.MUTATION and method == "GET":
        raise ProtocolError(405, Code.METHOD_NOT_ALLOWED, "A mutation is never executed by GET; use POST.")
