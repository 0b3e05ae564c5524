"""The same request by plan and by graphql-core, and what makes their answers comparable."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from omniforge_graph.graphql.transport import BackgroundQueue, Engine, ErrorMask, Response
from omniforge_graph.graphql.transport import Request as Parsed
from omniforge_graph.graphql.transport.request import ProtocolError
from omniforge_graph.services.assembly import Services
from tests.graphql.plans.fuzzing.requests import Request

_ERROR_ID = re.compile(rb'"errorId":"[^"]*"')
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Answer:
    """What a client sees, in bytes that can be compared, and how it came about."""

    body: bytes
    status: int
    planned: bool
    jobs: int
    """What was queued to be done afterwards."""

    @property
    def is_clean(self) -> bool:
        """Whether it has data and no errors."""
        return self.body.startswith(b'{"data":{')

    @property
    def seen(self) -> tuple[bytes, int, int]:
        """What must be the same on both sides."""
        return self.body, self.status, self.jobs


class Side:
    """An engine, and the use cases over the data it answers from, if that is what it answers from."""

    def __init__(
        self, engine: Engine, make_context: Callable[[BackgroundQueue], Any], services: Services | None = None
    ) -> None:
        self.services = services
        self._engine = engine
        self._make_context = make_context
        self._mask = ErrorMask()

    async def answer(self, request: Request) -> Answer:
        """Execute a request and what it left for afterwards."""
        queue = BackgroundQueue()
        try:
            response = await self._respond(request, queue)
            body = canonical(response.body())
        except ProtocolError as problem:
            return Answer(str(problem).encode(), 400, planned=False, jobs=0)
        jobs = len(queue._jobs)
        await queue.run(self._mask)
        return Answer(body, response.status, response.planned, jobs)

    async def _respond(self, request: Request, queue: BackgroundQueue) -> Response:
        text = "null" if request.variables is None else request.variables
        parsed = Parsed(request.query, request.operation_name, msgspec.Raw(text.encode()))
        operation = self._engine.prepare(parsed)
        if isinstance(operation, Response):
            return operation
        return await self._engine.execute(operation, parsed.variables, lambda: self._make_context(queue), queue)


def canonical(body: dict[str, Any]) -> bytes:
    """Return a body with its errors in an order of their own, and without the ids of masked ones.

    Where errors have nulled what they are inside of, it is a matter of timing which of them are told: graphql-core
    gives up what is still running there. So only the place counts.
    """
    try:
        if "errors" in body:
            told = {_ERROR_ID.sub(b"", _encode(_told(each, body))) for each in body["errors"]}
            body = body | {"errors": [msgspec.Raw(each) for each in sorted(told)]}
        return _encode(body)
    except (TypeError, ValueError):  # no JSON: the transport says so, whoever answered
        return b"no JSON"


def _told(error: Any, body: dict[str, Any]) -> Any:
    """Return an error, or the place that it nulled if it is inside of that."""
    place: list[Any] = []
    data = body.get("data")
    for step in error.get("path", ()) if "data" in body else ():
        if data is None:
            return {"nulled": place}
        place.append(step)
        data = data[step]
    return error


class DifferenceError(AssertionError):
    """A plan and graphql-core do not agree."""

    def __init__(self, request: Request, planned: Answer, plain: Answer) -> None:
        super().__init__(
            f"\n{request.query}\noperationName: {request.operation_name}\nvariables: {request.variables}\n"
            f"by plan:        {planned.seen}\nby graphql-core: {plain.seen}"
        )


@dataclass
class Pair:
    """Both sides, and how many executions were compared."""

    planned_side: Side
    plain_side: Side
    executions: int = 0
    clean: int = 0
    """Executions with data and no errors."""
    planned: int = 0
    """Executions that a plan answered."""

    async def compare(self, request: Request) -> None:
        """Ask both; raise `DifferenceError` unless they agree."""
        planned, plain = await self.planned_side.answer(request), await self.plain_side.answer(request)
        assert not plain.planned
        if planned.seen != plain.seen:
            raise DifferenceError(request, planned, plain)
        self.executions += 1
        self.clean += planned.is_clean
        self.planned += planned.planned

    async def assert_same_state(self) -> None:
        """Compare what the executions left behind: events, looks and everything else."""
        states = []
        for side in (self.planned_side, self.plain_side):
            assert side.services is not None
            await side.services.tracker.flush()
            states.append(vars(side.services.repository))
        assert states[0] == states[1]
