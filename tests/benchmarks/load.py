"""The load client: keeps connections busy for a while and looks at every answer; made to run in its own process."""

import asyncio
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httptools

FRESH = b"@fresh@@@@@@@@@@"
"""Stands in a body for 16 digits that no other request has: what must not be sent twice."""
PATIENCE = 30.0
"""Seconds after the end of a round in which an answer may still come."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to send: each connection takes the next body as soon as it has its answer."""

    port: int
    target: str
    bodies: tuple[bytes, ...]
    starts: bytes
    """How every good answer begins; with our server's order of members that rules out errors."""
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a load. Latencies are in seconds, NaN without any good answer."""

    good: int
    failed: int
    seconds: float
    p50: float
    p99: float
    complaint: str = ""
    """The first failure, for people."""

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.good / self.seconds


def run_load(load: Load) -> Round:
    """Send the load and return what came of it. Never raises because of a server."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_run(load))
    return uvloop.run(_run(load))


async def _run(load: Load) -> Round:
    loop = asyncio.get_running_loop()
    crowd = _Crowd(load)
    opening = (
        loop.create_connection(lambda: _Connection(crowd), "127.0.0.1", load.port) for _ in range(load.connections)
    )
    opened = await asyncio.gather(*opening, return_exceptions=True)
    connections = [each[1] for each in opened if not isinstance(each, BaseException)]
    for problem in opened:
        if isinstance(problem, BaseException):
            crowd.fail(str(problem))
    began = time.perf_counter()
    crowd.deadline = began + load.seconds
    for connection in connections:
        connection.begin()
    if connections:
        await asyncio.wait([each.finished for each in connections], timeout=load.seconds + PATIENCE)
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.leave()
    return crowd.result(seconds)


class _Crowd:
    """What the connections of one load share."""

    def __init__(self, load: Load) -> None:
        self.starts = load.starts
        self.requests = _requests(load)
        self.deadline = math.inf
        self.latencies: list[float] = []
        self.failed = 0
        self.complaint = ""

    def fail(self, complaint: str) -> None:
        self.failed += 1
        self.complaint = self.complaint or complaint[:500]

    def result(self, seconds: float) -> Round:
        ordered = sorted(self.latencies)
        p50, p99 = ((ordered[int(len(ordered) * q)] if ordered else math.nan) for q in (0.5, 0.99))
        return Round(len(ordered), self.failed, seconds, p50, p99, self.complaint)


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, crowd: _Crowd) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd = crowd
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._sent_at = math.nan
        self._waits = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def begin(self) -> None:
        if self.finished.done():
            return
        self._waits = True
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._crowd.requests))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            self._crowd.fail(f"no HTTP: {problem}")
            self._waits = False
            self.leave()

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._waits = False
        status, body = self._parser.get_status_code(), b"".join(self._body)
        self._body.clear()
        if status == 200 and body.startswith(self._crowd.starts):
            self._crowd.latencies.append(now - self._sent_at)
        else:
            self._crowd.fail(f"{status} {body[:400].decode(errors='replace')}")
        if now < self._crowd.deadline:
            self.begin()
        else:
            self.leave()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waits:
            self._waits = False
            self._crowd.fail(f"the connection was closed before the answer: {exc}")
        if not self.finished.done():
            self.finished.set_result(None)

    def leave(self) -> None:
        """Close; a request that still has no answer has failed."""
        if self._waits:
            self._waits = False
            self._crowd.fail("no answer in time")
        self._transport.close()


def _requests(load: Load) -> Iterator[bytes]:
    """Yield the bodies as HTTP requests, over and over, each with fresh digits where it wants some."""
    whole = [_request(load.target, body) for body in load.bodies]
    if FRESH not in whole[0]:
        yield from itertools.cycle(whole)
    for number, request in enumerate(itertools.cycle(whole), time.time_ns()):
        yield request.replace(FRESH, fresh(number))


def fresh(number: int) -> bytes:
    """Return what takes the place of `FRESH`, of the same length."""
    return b"%016x" % number


def _request(target: str, body: bytes) -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
