"""Several processes on one database: what one commits is in force in the others, for selection and subscriptions."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

pytestmark = pytest.mark.journey

SELECT = 'query($p: [PromptSlotInput!]!) { selectVariant(prompts: $p, tenantId: "t") { experimentId } }'
SECONDS = 20
"""A machine under load may take longer than the interval; the interval itself is in the options below."""


def selected(client: httpx.Client, prompt: dict) -> str | None:
    """Ask one process; return the id of the experiment that it selects for, if any."""
    body = {"query": SELECT, "variables": {"p": [{"slot": "s", "promptId": prompt["id"]}]}}
    answer = client.post("/graphql", json=body).json()
    assert "errors" not in answer, answer
    found = answer["data"]["selectVariant"]
    return found and found["experimentId"]


def wait_for(expected: str | None, prompt: dict, *clients: httpx.Client) -> None:
    """Wait until all processes select as expected."""
    deadline = time.monotonic() + SECONDS
    while {selected(client, prompt) for client in clients} != {expected}:
        assert time.monotonic() < deadline, "a change is not in force everywhere"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        ("sqlite", ()),
        ("postgres", ()),
        ("postgres", ("--refresh-interval", "60")),  # so it is the notification that tells
    ],
)
def test_a_change_is_in_force_in_the_other_process(engine, options, launch, new_database) -> None:
    url = new_database(engine)
    first, second = launch(url, *options), launch(url, *options)
    prompt = first.prompt()
    experiment = first.experiment(prompt, start=False)
    assert selected(second.http, prompt) is None  # made a moment ago elsewhere, and found
    with second.subscription(experiment["id"]) as receive:
        assert receive()["experiment"]["status"] == "DRAFT"
        first.do("StartExperiment", experimentId=experiment["id"])
        assert receive()["experiment"]["status"] == "RUNNING"
        # Whoever is told of a change finds it in force.
        assert selected(second.http, prompt) == experiment["id"]
        second.do("StopExperiment", experimentId=experiment["id"])
        wait_for(None, prompt, first.http, second.http)
        assert receive()["experiment"]["status"] == "PAUSED"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_all_workers_of_a_server_follow(engine, launch, new_database) -> None:
    server = launch(new_database(engine), "--workers", "2")
    clients = [httpx.Client(base_url=server.url, timeout=30) for _ in range(8)]  # connections stay with their worker
    prompt = server.prompt()
    experiment = server.experiment(prompt)
    wait_for(experiment["id"], prompt, *clients)
    server.do("StopExperiment", experimentId=experiment["id"])
    wait_for(None, prompt, *clients)
    for client in clients:
        client.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_what_two_processes_record_at_the_same_time_counts_once(engine, launch, new_database) -> None:
    url = new_database(engine)
    servers = launch(url), launch(url)
    prompt = servers[0].prompt()
    experiment = servers[0].experiment(prompt, metrics=[{"key": "calls", "kind": "COUNT"}])
    slots = [{"slot": "s", "promptId": prompt["id"]}]
    batches = [[f"unit-{batch}-{place}" for place in range(50)] for batch in range(8)]
    before = (datetime.now(UTC) - timedelta(hours=1)).isoformat()  # so that each outcome comes after the exposure

    def record(server, units: list[str], at: int) -> tuple[int, int]:
        """Send what both processes are sent; every other batch has its outcomes recorded before its exposures."""
        exposure = {"experimentId": experiment["id"], "occurredAt": before}
        exposures = [exposure | {"unitId": unit} for unit in units]
        outcomes = [{"unitId": unit, "metric": "calls", "value": 2, "eventId": f"event-{unit}"} for unit in units]
        server.data("Select", {"prompts": slots, "tenantId": f"tracked-{at}", "track": True})
        steps = [("RecordExposures", exposures), ("RecordOutcomes", outcomes)]
        found = {name: server.do(name, events=events) for name, events in (steps if at % 2 else steps[::-1])}
        assert all(each["accepted"] + each["duplicates"] == len(units) for each in found.values())
        return found["RecordExposures"]["accepted"], found["RecordOutcomes"]["accepted"]

    wait_for(experiment["id"], prompt, *(server.http for server in servers))  # asks for the unit "t"
    with ThreadPoolExecutor(8) as pool:
        sent = [(server, units, at) for at, units in enumerate(batches) for server in servers]
        exposed, recorded = map(sum, zip(*pool.map(lambda each: record(*each), sent), strict=True))
    units = sum(map(len, batches))
    assert exposed == recorded == units
    tracked = len(batches) + 1

    def counted(server) -> tuple[int, float]:
        stats = server.data("Results", {"id": experiment["id"], "metric": "calls"})["analysis"]["variantStats"]
        return sum(each["units"] for each in stats), sum(each["units"] * each["mean"] for each in stats)

    deadline = time.monotonic() + SECONDS
    while {counted(server)[0] for server in servers} != {units + tracked}:
        assert time.monotonic() < deadline, "what selection tracked is not there"
        time.sleep(0.05)
    assert [counted(server)[1] for server in servers] == [pytest.approx(2 * units)] * 2
    check = [sys.executable, "-m", "omniforge_graph", "totals", "--check", "--database-url", url]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
