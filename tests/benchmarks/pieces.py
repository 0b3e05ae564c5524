"""How long the event loop is held in one piece while a batch of 5,000 events is recorded, whatever is wrong with it."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec

from omniforge_graph.app import create_app
from omniforge_graph.config import Settings
from omniforge_graph.persistence import migrate
from tests.benchmarks import world
from tests.benchmarks.databases import databases, engines

RECEIPT = "{ accepted duplicates rejected { index code message } }"
EXPOSURES = f"mutation ($exposures: RecordExposuresInput!) {{ recordExposures(input: $exposures) {RECEIPT} }}"
OUTCOMES = f"mutation ($outcomes: RecordOutcomesInput!) {{ recordOutcomes(input: $outcomes) {RECEIPT} }}"
BOTH = f"""mutation ($exposures: RecordExposuresInput!, $outcomes: RecordOutcomesInput!) {{
    recordExposures(input: $exposures) {RECEIPT} recordOutcomes(input: $outcomes) {RECEIPT}
}}"""
ATTRIBUTES = {"plan": "pro", "country": "CH", "model": "m-1"}
NAMES = count()

Told = Callable[[str], None]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pieces:
    """What batches of a kind took on an engine, in seconds: their longest pieces of the loop, and all in all."""

    engine: str
    batch: str
    usual: float
    """The median over the batches of each one's longest piece."""
    longest: float
    """The longest piece of all."""
    took: float
    """The median over the batches of the whole time."""


def measure_pieces(folder: Path, rounds: int, size: int, told: Told) -> list[Pieces]:
    """Return what `rounds` batches of `size` events take of each kind, by engine."""
    rows: list[Pieces] = []
    for engine in engines():
        with databases(engine, folder) as make:
            rows += asyncio.run(_measure(engine, make("pieces"), folder, rounds, size, told))
    return rows


async def _measure(engine: str, url: str, folder: Path, rounds: int, size: int, told: Told) -> list[Pieces]:
    await migrate(url)
    app = create_app(Settings(database_url=url, demo=False, state_dir=str(folder)))
    rows = []
    async with _running(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as http:
        experiment = await _experiment(http)
        for name, (document, events) in kinds(experiment, size).items():
            told(f"{engine}: {name}")
            pieces, took = [], []
            for _ in range(rounds + 1):
                body = msgspec.json.encode({"query": document, "variables": events(str(next(NAMES)))})
                longest, seconds = await _watched(http, body)
                pieces.append(longest)
                took.append(seconds)
            # Without the first, which warms up.
            usual, longest = statistics.median(pieces[1:]), max(pieces[1:])
            rows.append(Pieces(engine, name, usual, longest, statistics.median(took[1:])))
    return rows


def kinds(experiment: str, size: int) -> Mapping[str, tuple[str, Callable[[str], dict[str, Any]]]]:
    """Return for each kind of batch its document, and what makes its variables from a name for the events."""

    def exposures(change: Callable[[int], Event] = lambda _: {}) -> Callable[[str], dict[str, Any]]:
        def events(name: str) -> dict[str, Any]:
            every = ({"experimentId": experiment, "unitId": f"{name}-{n}", **change(n)} for n in range(size))
            return {"exposures": {"events": list(every)}}

        return events

    def outcomes(change: Callable[[int], Event] = lambda _: {}) -> Callable[[str], dict[str, Any]]:
        def events(name: str) -> dict[str, Any]:
            every = (
                {"unitId": f"u{n % 1000}", "metric": "solved", "value": n % 2, "eventId": f"{name}-{n}", **change(n)}
                for n in range(size)
            )
            return {"outcomes": {"events": list(every)}}

        return events

    unknown, nobody = {"metric": "unknown"}, {"experimentId": "nobody"}
    return {
        "exposures": (EXPOSURES, exposures()),
        "exposures with three attributes": (EXPOSURES, exposures(lambda _: {"attributes": ATTRIBUTES})),
        "exposures, sent before": (EXPOSURES, exposures(lambda n: {"unitId": f"again-{n}"})),
        "exposures, all rejected": (EXPOSURES, exposures(lambda _: nobody)),
        "outcomes": (OUTCOMES, outcomes()),
        "outcomes, sent before": (OUTCOMES, outcomes(lambda n: {"eventId": f"again-{n}"})),
        "outcomes, all rejected": (OUTCOMES, outcomes(lambda _: unknown)),
        "outcomes, every second rejected": (OUTCOMES, outcomes(lambda n: unknown if n % 2 else {})),
        "outcomes, one of the wrong type": (OUTCOMES, outcomes(lambda n: {"value": "1"} if n == size - 1 else {})),
        "exposures and outcomes": (BOTH, lambda name: exposures()(name) | outcomes()(name)),
    }


async def _watched(http: httpx.AsyncClient, body: bytes) -> tuple[float, float]:
    """Return the longest time between two rounds of the loop while a request is answered, and the whole time."""
    gaps: list[float] = []

    async def go_round() -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - begin)

    going = asyncio.create_task(go_round())
    await asyncio.sleep(0)
    begin = time.perf_counter()
    answer = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
    took = time.perf_counter() - begin
    await asyncio.sleep(0)  # the last piece ends here
    going.cancel()
    if answer.status_code != 200:
        raise RuntimeError(f"A batch was refused: {answer.text[:500]}")
    return max(gaps), took


async def _experiment(http: httpx.AsyncClient) -> str:
    async def do(query: str, **values: Any) -> dict[str, Any]:
        answer = (await http.post("/graphql", json={"query": query, "variables": {"input": values}})).json()
        [payload] = answer["data"].values()
        found: dict[str, Any] = payload
        return found

    prompt = (await do(world.CREATE_PROMPT, key="pieces", name="Pieces", content="1"))["prompt"]
    version = prompt["currentVersion"]["id"]
    variants = [{"name": name, "promptVersionId": version, "trafficPercentage": 50} for name in ("old", "new")]
    made = await do(
        world.CREATE_EXPERIMENT, promptId=prompt["id"], name="Pieces", successMetric="solved", variants=variants
    )
    await do(world.START, experimentId=made["experiment"]["id"])
    return str(made["experiment"]["id"])


@asynccontextmanager
async def _running(app: Any) -> AsyncIterator[None]:
    """Run the application's lifespan around a block."""
    begun, over = asyncio.Event(), asyncio.Event()
    messages = [{"type": "lifespan.startup"}]

    async def receive() -> dict[str, str]:
        if messages:
            return messages.pop()
        await over.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Mapping[str, Any]) -> None:
        begun.set()
        if message["type"].endswith("failed"):
            raise RuntimeError(message["message"])

    serving = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
    await begun.wait()
    try:
        yield
    finally:
        over.set()
        await serving
