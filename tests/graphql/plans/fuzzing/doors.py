"""The same bytes sent to two applications, with plans and without, as clients send them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from omniforge_graph.graphql.context import Context, vary
from omniforge_graph.graphql.repeating import repeatable
from omniforge_graph.graphql.schema import WEIGHTS, schema
from omniforge_graph.graphql.transport import BackgroundQueue, GraphQLApp, Headers, Limits
from omniforge_graph.services.assembly import Services
from omniforge_graph.telemetry import PLAN
from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.requests import Request
from tests.graphql.plans.fuzzing.sides import canonical

JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
HEADERS: tuple[Mapping[str, str], ...] = (
    {},
    {"accept": GRAPHQL_JSON},
    {"accept": "*/*"},
    {"accept": f"{JSON};q=0.5, {GRAPHQL_JSON};q=0.9"},
    {"omniforge-tenant": "acme"},
    {"omniforge-tenant": "globex", "omniforge-actor": "Zoë", "accept": GRAPHQL_JSON},
    {"omniforge-actor": "", "x-request-id": "r-9"},
    {"omniforge-tenant": "x" * 300},
    {"accept": "text/plain"},
    {"content-type": "text/plain"},
    {"content-type": f"{JSON}; charset=latin-1"},
)


@dataclass(frozen=True)
class Message:
    """An HTTP request."""

    method: str
    query_string: bytes
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What came back, in a form that can be compared."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class Door:
    """An application over use cases of its own, as `create_app` wires it, without a server."""

    def __init__(self, services: Services, *, plans: bool) -> None:
        self.services = services
        self.by_plan = 0
        self._app = GraphQLApp(
            schema,
            self._make_context,
            limits=Limits(weights=WEIGHTS),
            plans=plans,
            observe=self._observe,
            repeatable=repeatable,
            vary=vary,
        )

    def _observe(self, kind: int, _status: int, _seconds: float) -> None:
        self.by_plan += kind == PLAN

    def _make_context(self, headers: Headers, background: BackgroundQueue) -> Context:
        return Context.of(self.services, headers, background)

    async def send(self, message: Message) -> Reply:
        """Send a request and wait until all that it left to be done is done."""
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": message.body, "more_body": False}

        async def keep(event: Any) -> None:
            sent.append(event)

        headers = {"host": "test", "content-type": JSON, **message.headers}
        scope = {
            "type": "http",
            "method": message.method,
            "path": "/graphql",
            "query_string": message.query_string,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self._app(scope, receive, keep)
        start, end = sent
        body, answered = end["body"], dict(start["headers"])
        assert answered[b"content-length"] == str(len(body)).encode()
        if not body.startswith(b'{"data":{'):
            body = canonical(msgspec.json.decode(body))
            del answered[b"content-length"]
        return Reply(start["status"], answered, body)


def message_of(dice: Dice, request: Request) -> Message:
    """Return how a client might send a request: by POST, by GET, or spoilt."""
    headers = dict(dice.pick(HEADERS)) if dice.chance(30) else {}
    if dice.chance(10):
        members = {"query": request.query, "operationName": request.operation_name, "variables": request.variables}
        given = {name: value for name, value in members.items() if value is not None}
        return Message("GET", urlencode(given).encode(), headers, b"")
    members = [f'"query": {json.dumps(request.query, ensure_ascii=dice.chance(50))}']
    if request.operation_name is not None or dice.chance(10):
        members.append(f'"operationName": {json.dumps(request.operation_name)}')
    if request.variables is not None or dice.chance(10):
        members.append(f'"variables": {request.variables or dice.pick(("null", "{}", "[]", "1", "{"))}')
    if dice.chance(5):
        members.append('"extensions": {"a": [1]}')
    body = f"{{{', '.join(dice.shuffled(members))}}}".encode()
    if dice.chance(4):
        place = dice.below(len(body))
        body = body[:place] + dice.pick((b"", b"\xff", b"\\ud800", b"\x00", b" ")) + body[place + dice.below(2) :]
    return Message("POST", b"", headers, body)
