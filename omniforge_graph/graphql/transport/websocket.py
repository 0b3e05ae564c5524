"""GraphQL over WebSocket: the subprotocol graphql-transport-ws, and no other."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from graphql import OperationType
from starlette.types import Message, Receive, Send

from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.codes import Code
from omniforge_graph.graphql.transport.engine import Engine
from omniforge_graph.graphql.transport.masking import ErrorMask
from omniforge_graph.graphql.transport.messages import Complete, ConnectionInit, Ping, Subscribe, decode
from omniforge_graph.graphql.transport.request import ProtocolError, Request, read_variables
from omniforge_graph.graphql.transport.response import Response, refused

SUBPROTOCOL: Final = "graphql-transport-ws"
LONGEST_REASON: Final = 120
"""Bytes of a close reason; the WebSocket protocol allows 123."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one WebSocket connection may take."""

    init_timeout: float = 5.0
    """Seconds until the client must have sent `connection_init`."""
    operations: int = 100
    """Operations under way at a time, those still being closed included."""
    message_characters: int = 4 * 1024 * 1024
    """The length of one message."""


encode = msgspec.json.Encoder().encode


class CloseError(Exception):
    """The connection is to be closed with a code and a reason of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")


class Connection:
    """One accepted connection. Its operations are tasks of one group, so none outlives it."""

    def __init__(
        self,
        engine: Engine,
        make_context: Callable[[BackgroundQueue], Any],
        mask: ErrorMask,
        limits: SocketLimits,
        receive: Receive,
        send: Send,
    ) -> None:
        self._engine = engine
        self._make_context = make_context
        self._mask = mask
        self._limits = limits
        self._receive = receive
        self._send_event = send
        self._acknowledged = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client leaves or breaks the protocol; every operation is closed before this returns."""
        async with asyncio.TaskGroup() as group:
            close = await self._serve(group)
            for task in list(self._tasks):
                task.cancel()
        if close:
            await self._send_event({"type": "websocket.close", "code": close.code, "reason": close.reason})

    async def _serve(self, group: asyncio.TaskGroup) -> CloseError | None:
        try:
            async with asyncio.timeout(self._limits.init_timeout) as deadline:
                while (event := await self._receive())["type"] == "websocket.receive":
                    await self._handle(event, group)
                    if self._acknowledged:
                        deadline.reschedule(None)
        except TimeoutError:
            return CloseError(4408, "Connection initialisation timeout")
        except CloseError as close:
            return close
        except OSError:
            return None  # the client was gone before the server knew
        return None

    async def _handle(self, event: Message, group: asyncio.TaskGroup) -> None:
        text = event.get("text")
        if text is None:
            raise CloseError(4400, "Messages must be text")
        if len(text) > self._limits.message_characters:
            raise CloseError(1009, f"The message is longer than {self._limits.message_characters} characters")
        try:
            message = decode(text)
            if isinstance(message, Subscribe):
                read_variables(message.payload.variables)
        except (ValueError, RecursionError, ProtocolError) as error:
            raise CloseError(4400, f"Invalid message: {error}") from None
        if isinstance(message, Ping):
            await self._send({"type": "pong"})
        elif isinstance(message, ConnectionInit):
            if self._acknowledged:
                raise CloseError(4429, "Too many initialisation requests")
            self._acknowledged = True
            await self._send({"type": "connection_ack"})
        elif isinstance(message, Subscribe):
            await self._subscribe(message, group)
        elif isinstance(message, Complete) and (task := self._operations.pop(message.id, None)):
            task.cancel()

    async def _subscribe(self, message: Subscribe, group: asyncio.TaskGroup) -> None:
        if not self._acknowledged:
            raise CloseError(4401, "Unauthorized")
        if message.id in self._operations:
            raise CloseError(4409, f"Subscriber for {message.id} already exists")
        if len(self._tasks) >= self._limits.operations:
            count = self._limits.operations
            response = refused(
                Code.TOO_MANY_OPERATIONS, f"This connection already runs {count} operations; end some first."
            )
            await self._send({"id": message.id, "type": "error", "payload": response.errors})
            return
        task = group.create_task(self._operate(message))
        self._operations[message.id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _operate(self, message: Subscribe) -> None:
        background = BackgroundQueue()
        try:
            await self._answer(message, background)
        except OSError:
            pass  # the client is gone; the receiving side ends the connection
        except Exception as error:  # noqa: BLE001 - one operation's failure is not the others'
            await self._fail(message.id, self._engine.failed(error, message.payload.operation_name))
        finally:
            self._forget(message.id)
            await background.run(self._mask)

    async def _answer(self, message: Subscribe, background: BackgroundQueue) -> None:
        async with aclosing(self._responses(message.payload, background)) as responses:
            async for response in responses:
                if not response.executed:
                    await self._fail(message.id, response)
                    return
                await self._send({"id": message.id, "type": "next", "payload": response.body()})
                await background.run(self._mask)
                await asyncio.sleep(
                    0
                )  # a source that never waits must not keep the others, or `complete`, from running
        self._forget(message.id)
        await self._send({"id": message.id, "type": "complete"})

    async def _responses(self, request: Request, background: BackgroundQueue) -> AsyncGenerator[Response, None]:
        operation = self._engine.prepare(request)
        if isinstance(operation, Response):
            yield operation
            return
        contexts = partial(self._make_context, background)
        if operation.kind is not OperationType.SUBSCRIPTION:
            yield await self._engine.execute(operation, request.variables, contexts, background)
            return
        async with aclosing(self._engine.subscribe(operation, request.variables, contexts)) as responses:
            async for response in responses:
                yield response

    async def _fail(self, operation_id: str, response: Response) -> None:
        self._forget(operation_id)
        await self._send({"id": operation_id, "type": "error", "payload": response.errors})

    def _forget(self, operation_id: str) -> None:
        """Free the id before the last message is sent: the client may use it again at once."""
        if self._operations.get(operation_id) is asyncio.current_task():
            del self._operations[operation_id]

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_event({"type": "websocket.send", "text": encode(message).decode()})
