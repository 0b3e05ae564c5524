"""Measures scenarios: short rounds, each right after a round of the raw echo, and medians over them."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import httpx

from omniforge_graph.persistence import migrate
from tests.benchmarks.databases import databases, engines, insert_plainly
from tests.benchmarks.load import FRESH, Load, Round, fresh, run_load
from tests.benchmarks.processes import echo_server, load_client, our_server
from tests.benchmarks.scenarios import Scenario, make_scenarios
from tests.benchmarks.world import make_world


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    seconds: float = 1.0
    """Length of a round."""
    rounds: int = 5
    units: int = 10_000
    only: tuple[str, ...] = ()
    """Parts of names, such as `selectVariant` or `postgres`; everything unless given."""
    most_connections: int = 64

    def wants(self, name: str) -> bool:
        """Whether a row of this name shall be measured."""
        return not self.only or any(part.lower() in name.lower() for part in self.only)


@dataclass(frozen=True, slots=True)
class Figures:
    """A row of the table: medians of rounds. Rates are per second, latencies in milliseconds."""

    name: str
    connections: int
    rate: float
    echo_rate: float
    ratio: float
    """The median of the rounds' own ratios: noise that lasts hits both alike."""
    p50: float
    p99: float
    events_rate: float | None
    plain_rate: float | None
    """Rows per second of the driver's executemany in batches of the same size."""
    failed: int
    complaint: str
    rates: tuple[float, ...]
    ratios: tuple[float, ...]


Told = Callable[[str, float], None]
"""Is told what comes next, and which share is done."""


def run(plan: Plan, folder: Path, told: Told = lambda name, share: None) -> Iterator[Figures]:
    """Measure everything the plan wants, and yield each row when it is known. Leaves nothing running."""
    with load_client() as client, echo_server(folder) as echo_port:
        for place, engine in enumerate(engines()):
            with databases(engine, folder) as new_database:
                told(f"preparing {engine}", place / len(engines()))
                plain_url, served_url = new_database("plain"), new_database("served")
                asyncio.run(migrate(plain_url))
                with our_server(served_url, folder) as port:
                    world = make_world(port, plan.units)
                    wanted = _wanted(plan, make_scenarios(world, plan.units), engine, first=place == 0)
                    for number, scenario in enumerate(wanted):
                        told(scenario.name, (place + number / len(wanted)) / len(engines()))
                        yield measure(scenario, plan, client, port, echo_port, plain_url)


def _wanted(plan: Plan, scenarios: Iterable[Scenario], engine: str, *, first: bool) -> list[Scenario]:
    """Return what to measure on an engine, by its full name; what needs no database is measured once."""
    named = [
        replace(each, name=f"{each.name} · {engine}") if each.uses_database else each
        for each in scenarios
        if each.uses_database or first
    ]
    return [each for each in named if plan.wants(each.name)]


def measure(
    scenario: Scenario, plan: Plan, client: Executor, port: int, echo_port: int, plain_url: str | None = None
) -> Figures:
    """Measure one scenario against the echo, with bodies and answers of the same sizes."""
    connections = min(scenario.connections, plan.most_connections)
    ours = Load(port, "/graphql", scenario.bodies, scenario.starts, connections, plan.seconds)
    floor = replace(ours, port=echo_port, target=f"/{_answer_size(ours)}", starts=b'{"data":"x')
    rounds: list[tuple[Round, Round]] = []
    plain: list[float] = []
    for _ in range(plan.rounds):
        rounds.append((client.submit(run_load, floor).result(), client.submit(run_load, ours).result()))
        if scenario.events and plain_url:
            plain.append(client.submit(insert_plainly, plain_url, scenario.events, plan.seconds).result())
    return _figures(scenario, connections, rounds, plain)


def _answer_size(load: Load) -> int:
    """Ask once, which also warms the server up, and return the size of the answer; whether it is good is seen later."""
    body = load.bodies[0].replace(FRESH, fresh(time.time_ns()))
    headers = {"content-type": "application/json", "accept": "application/json"}
    url = f"http://127.0.0.1:{load.port}{load.target}"
    return max(12, len(httpx.post(url, content=body, headers=headers, timeout=60).content))


def _figures(scenario: Scenario, connections: int, rounds: list[tuple[Round, Round]], plain: list[float]) -> Figures:
    echoes, ours = zip(*rounds, strict=True)
    ratios = tuple(own.rate / echo.rate if echo.good else 0.0 for echo, own in rounds)
    rate = median(each.rate for each in ours)
    every = (*ours, *echoes)
    return Figures(
        name=scenario.name,
        connections=connections,
        rate=rate,
        echo_rate=median(each.rate for each in echoes),
        ratio=median(ratios),
        p50=median(each.p50 for each in ours) * 1000,
        p99=median(each.p99 for each in ours) * 1000,
        events_rate=rate * scenario.events if scenario.events else None,
        plain_rate=median(plain) if plain else None,
        failed=sum(each.failed for each in every),
        complaint=next((each.complaint for each in every if each.complaint), ""),
        rates=tuple(each.rate for each in ours),
        ratios=ratios,
    )
