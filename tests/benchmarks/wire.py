"""`make bench ARGS="--part wire"`: selection beside an echo, a REST endpoint, Strawberry's own view and mercurius."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import httpx

from omniforge_graph.graphql.transport.negotiation import JSON
from tests.benchmarks.load import FRESH, Load, Round, run_load
from tests.benchmarks.processes import ROOT, echo_server, load_client, node_server, our_server, reference_server
from tests.benchmarks.scenarios import DASHBOARD, body
from tests.benchmarks.world import make_world

NODE_MODULES = ROOT / ".venv-peers" / "node" / "node_modules"
HOW_TO_INSTALL = "mercurius is left out: `make peers` installs it where npm is."
SELECT = """
query SelectVariant($prompts: [PromptSlotInput!]!, $tenantId: ID!) {
  selectVariant(prompts: $prompts, tenantId: $tenantId) {
    slot reason experimentId variantId variantName promptVersion { id number content }
  }
}"""
SELECT_NEW = SELECT.replace("tenantId: $tenantId)", "tenantId: $tenantId, track: false)")
SELECT_ALL = """
query SelectVariants($prompts: [PromptSlotInput!]!, $tenantId: ID!, $unitId: ID) {
  selectVariants(prompts: $prompts, tenantId: $tenantId, unitId: $unitId, track: false) {
    slot reason experimentId variantId variantName promptVersion { id number content }
  }
}"""
SLOTS = 100
SLICES = 4
"""Turns of all servers in one round: what the machine's neighbours do within a second then meets all of them."""
FEW, MANY = 10, 1_000
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rival:
    """One server doing one kind of work, medians of rounds taken in turns with the echo's and ours."""

    name: str
    rate: float
    """Requests per second."""
    to_echo: float
    """The rate in relation to the echo's, from the same round."""
    ours: float | None
    """Our rate in relation to this one's, from the same round; None for ourselves and the echo."""
    p50: float
    p99: float
    p99_to_echo: float
    """Latencies in ms, and the p99 in relation to the echo's."""
    selections: float | None
    """Selections per second, where a request makes several."""
    failed: int
    complaint: str
    rounds: tuple[float, ...]
    """The rates of all rounds."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much to measure."""

    seconds: float = 1.0
    rounds: int = 5
    connections: int = 64
    many: int = MANY


def measure_wire(folder: Path, shape: Shape, told: Told) -> tuple[list[Rival], list[str]]:
    """Measure selection on all servers there are; also return why some are left out."""
    with ExitStack() as stack:
        client = stack.enter_context(load_client())
        echo = stack.enter_context(echo_server(folder))
        told(f"making {FEW} and {shape.many} running experiments")
        few, many = f"sqlite:///{folder / 'few.db'}", f"sqlite:///{folder / 'many.db'}"
        port = stack.enter_context(our_server(few, folder))
        keys = make_world(port, 1_000, FEW + 1).prompt_keys
        crowded = stack.enter_context(our_server(many, folder))
        crowd = make_world(crowded, 1_000, shape.many + 1).prompt_keys
        servers: dict[str, tuple[int, str]] = {
            "selectVariant": (port, "/graphql"),
            f"selectVariant, {shape.many:,} experiments": (crowded, "/graphql"),
            "REST by hand, raw ASGI": (stack.enter_context(reference_server("rest", few, folder, "/")), "/"),
            "Strawberry's view, both caches": (
                stack.enter_context(reference_server("stock", few, folder, "/ready")), "/graphql/",
            ),
        }  # fmt: skip
        left_out = []
        if NODE_MODULES.is_dir():
            world = folder / "world.json"
            world.write_text(json.dumps(_running(folder / "few.db")))
            servers["mercurius + graphql-jit"] = (
                stack.enter_context(node_server(NODE_MODULES.parent, world, folder)), "/graphql",
            )  # fmt: skip
        else:
            left_out.append(HOW_TO_INSTALL)
        rows = list(_compare(client, echo, servers, keys, shape, told))
        rows += _new_units(client, echo, port, keys, shape, told)
        rows += _many_slots(client, echo, crowded, crowd, shape, told)
        rows += _beside_a_dashboard(client, echo, crowded, crowd, shape, told)
        return rows, left_out


def _compare(
    client: Executor, echo: int, servers: Mapping[str, tuple[int, str]], keys: tuple[str, ...], shape: Shape, told: Told
) -> Iterator[Rival]:
    slots = [{"slot": "system", "promptKey": keys[0]}]
    bodies = tuple(body(SELECT, prompts=slots, tenantId=f"tenant-{number}") for number in range(512))
    ours = next(iter(servers))
    loads = {
        name: Load(port, target, bodies, b"", shape.connections, shape.seconds)
        for name, (port, target) in servers.items()
    }
    loads = {name: replace(load, starts=_expected(load)) for name, load in loads.items()}
    turns = {"echo": _floor(echo, loads[ours]), **loads}
    found: dict[str, list[Round]] = {name: [] for name in turns}
    for place in range(shape.rounds):
        told(f"selectVariant, round {place + 1} of {shape.rounds}")
        slices: dict[str, list[Round]] = {name: [] for name in turns}
        for _ in range(SLICES):
            for name, load in turns.items():
                piece = replace(load, seconds=load.seconds / SLICES)
                slices[name].append(client.submit(run_load, piece).result())
        for name, pieces in slices.items():
            found[name].append(_joined(pieces))
    for name, rounds in found.items():
        beside = None if name.startswith(("echo", "selectVariant")) and "," not in name else found[ours]
        yield _row(name, rounds, found["echo"], beside)


def _new_units(
    client: Executor, echo: int, port: int, keys: tuple[str, ...], shape: Shape, told: Told
) -> Iterator[Rival]:
    """No request is like another one, so that nothing is remembered."""
    slots = [{"slot": "system", "promptKey": keys[0]}]
    bodies = (body(SELECT_NEW, prompts=slots, tenantId=FRESH.decode()),)
    load = Load(port, "/graphql", bodies, b'{"data":{"selectVariant":{"slot"', shape.connections, shape.seconds)
    floor = _floor(echo, load)
    pairs = []
    for place in range(shape.rounds):
        told(f"ever new units, round {place + 1} of {shape.rounds}")
        pairs.append((client.submit(run_load, floor).result(), client.submit(run_load, load).result()))
    echoes, ours = zip(*pairs, strict=True)
    yield _row("selectVariant, ever new units", list(ours), list(echoes), None)


def _many_slots(
    client: Executor, echo: int, port: int, keys: tuple[str, ...], shape: Shape, told: Told
) -> Iterator[Rival]:
    chosen = keys[:SLOTS] if len(keys) >= SLOTS else keys
    slots = [{"slot": f"slot-{place}", "promptKey": key} for place, key in enumerate(chosen)]
    bodies = tuple(
        body(SELECT_ALL, prompts=slots, tenantId="tenant-1", unitId=f"unit-{number}") for number in range(512)
    )
    load = Load(port, "/graphql", bodies, b'{"data":{"selectVariants":[{"slot":"slot-0"', 16, shape.seconds)
    select = body(SELECT, prompts=slots[:1], tenantId="tenant-1")
    floor = _floor(echo, Load(port, "/graphql", (select,), b"", shape.connections, shape.seconds))
    pairs = []
    for place in range(shape.rounds):
        told(f"selectVariants of {len(slots)}, round {place + 1} of {shape.rounds}")
        pairs.append((client.submit(run_load, floor).result(), client.submit(run_load, load).result()))
    echoes, ours = zip(*pairs, strict=True)
    row = _row(f"selectVariants of {len(slots)} slots", list(ours), list(echoes), None)
    yield replace(
        row,
        selections=row.rate * len(slots),
        to_echo=median(own.rate * len(slots) / each.rate for each, own in pairs),
    )


def _beside_a_dashboard(
    client: Executor, echo: int, port: int, keys: tuple[str, ...], shape: Shape, told: Told
) -> Iterator[Rival]:
    slots = [{"slot": "system", "promptKey": keys[0]}]
    bodies = tuple(body(SELECT, prompts=slots, tenantId=f"tenant-{number}") for number in range(512))
    load = Load(port, "/graphql", bodies, b'{"data":{"selectVariant":{"slot"', shape.connections, shape.seconds)
    dashboard = (body(DASHBOARD, first=100),)
    loop = Load(port, "/graphql", dashboard, b'{"data":{"experiments":{"totalCount"', 1, shape.seconds)
    floor = _floor(echo, load)
    found: dict[str, list[Round]] = {name: [] for name in ("echo", "quiet", "beside", "dashboard")}
    with load_client() as other:
        for place in range(shape.rounds):
            told(f"beside a dashboard, round {place + 1} of {shape.rounds}")
            found["echo"].append(client.submit(run_load, floor).result())
            found["quiet"].append(client.submit(run_load, load).result())
            found["dashboard"].append(client.submit(run_load, loop).result())
            running = other.submit(run_load, loop)
            found["beside"].append(client.submit(run_load, load).result())
            running.result()
    yield _row("a dashboard of 100 experiments, alone", found["dashboard"], found["echo"], None)
    quiet = _row("selectVariant, quiet", found["quiet"], found["echo"], None)
    yield quiet
    beside = _row("selectVariant, a dashboard in a loop beside it", found["beside"], found["echo"], None)
    yield beside


def _expected(load: Load) -> bytes:
    """Ask once and return how the answer begins, up to what differs by tenant."""
    headers = {"content-type": JSON, "accept": JSON}
    answer = httpx.post(f"http://127.0.0.1:{load.port}{load.target}", content=load.bodies[0], headers=headers).content
    start, found, _ = answer.partition(b'"slot":"system","reason":"EXPERIMENT"')
    if not found:
        raise RuntimeError(f"A server does not answer as it should: {answer[:300]!r}")
    return start + found


def _floor(echo: int, load: Load) -> Load:
    headers = {"content-type": JSON, "accept": JSON}
    url = f"http://127.0.0.1:{load.port}{load.target}"
    size = len(httpx.post(url, content=load.bodies[0], headers=headers).content)
    return replace(load, port=echo, target=f"/{size}", starts=b'{"data":"x')


def _joined(pieces: list[Round]) -> Round:
    """Return the pieces of a round as one; of the latencies the medians."""
    return Round(
        good=sum(each.good for each in pieces),
        failed=sum(each.failed for each in pieces),
        seconds=sum(each.seconds for each in pieces),
        p50=median(each.p50 for each in pieces),
        p99=median(each.p99 for each in pieces),
        complaint=next((each.complaint for each in pieces if each.complaint), ""),
    )


def _row(name: str, rounds: list[Round], echoes: list[Round], ours: list[Round] | None) -> Rival:
    return Rival(
        name=name,
        rate=median(each.rate for each in rounds),
        to_echo=median(own.rate / floor.rate for own, floor in zip(rounds, echoes, strict=True)),
        ours=None if ours is None else median(own.rate / each.rate for own, each in zip(ours, rounds, strict=True)),
        p50=median(each.p50 for each in rounds) * 1e3,
        p99=median(each.p99 for each in rounds) * 1e3,
        p99_to_echo=median(own.p99 / floor.p99 for own, floor in zip(rounds, echoes, strict=True)),
        selections=None,
        failed=sum(each.failed for each in rounds),
        complaint=next((each.complaint for each in rounds if each.complaint), ""),
        rounds=tuple(each.rate for each in rounds),
    )


def _running(path: Path) -> list[dict[str, object]]:
    """Return the running experiments as the server in Node wants them."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT p.key, e.id, e.allocation, v.id, v.name, v.basis_points, r.id, r.number, r.content "
            "FROM experiment e JOIN prompt p ON p.id = e.prompt_id JOIN variant v ON v.experiment_id = e.id "
            "JOIN prompt_version r ON r.id = v.prompt_version_id WHERE e.status = 'RUNNING' ORDER BY e.id, v.position"
        ).fetchall()
    found: dict[str, dict[str, object]] = {}
    ends: dict[str, float] = {}
    for key, experiment, allocation, variant, name, points, version, number, content in rows:
        each = found.setdefault(
            key,
            {"key": key, "experimentId": experiment, "seed": json.loads(allocation)["seed"], "variants": []},
        )
        ends[key] = ends.get(key, 0.0) + points / 10_000
        each["variants"].append({  # type: ignore[attr-defined]
            "id": variant, "name": name, "until": ends[key],
            "version": {"id": version, "number": number, "content": content},
        })  # fmt: skip
    return list(found.values())
