"""What was acknowledged survives the server's sudden death; what was not is never half done."""

import os
import signal
import threading
import time

import httpx
import pytest

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_acknowledged_outcomes_survive_a_kill(engine, launch, new_database) -> None:
    url = new_database(engine)
    server = launch(url)
    experiment = server.experiment(metrics=[{"key": "calls", "kind": "COUNT"}])
    server.do("RecordExposures", events=[{"experimentId": experiment["id"], "unitId": "u"}])
    acknowledged: list[int] = []
    stop = threading.Event()

    def write() -> None:
        batch = 0
        while not stop.is_set():
            events = [{"unitId": "u", "metric": "calls", "value": 1, "eventId": f"{batch}-{n}"} for n in range(20)]
            try:
                receipt = server.do("RecordOutcomes", events=events)
            except (httpx.TransportError, KeyError, ValueError):
                return
            assert receipt["accepted"] == 20
            acknowledged.append(batch)
            batch += 1

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 10:
        stop.wait(0.01)
    os.killpg(server.process.pid, signal.SIGKILL)
    writer.join(20)
    stop.set()
    server.process.wait(20)

    again = launch(url)
    for batch in acknowledged:
        events = [{"unitId": "u", "metric": "calls", "value": 1, "eventId": f"{batch}-{n}"} for n in range(20)]
        assert again.do("RecordOutcomes", events=events)["duplicates"] == 20
    # Nothing half done: the batch that was under way counts in full or not at all.
    analysis = again.data("Results", {"id": experiment["id"], "metric": "calls"})["analysis"]
    total = sum(stats["mean"] * stats["units"] for stats in analysis["variantStats"] if stats["units"])
    assert total % 20 == 0
    assert total in {20 * len(acknowledged), 20 * (len(acknowledged) + 1)}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_acknowledged_exposures_survive_a_kill_while_others_are_tracked(engine, launch, new_database) -> None:
    url = new_database(engine)
    server = launch(url)
    prompt = server.prompt()
    experiment = server.experiment(prompt)
    slots = [{"slot": "s", "promptId": prompt["id"]}]
    acknowledged: list[int] = []

    def write() -> None:
        for batch in range(10_000):
            events = [{"experimentId": experiment["id"], "unitId": f"sent-{batch}-{n}"} for n in range(20)]
            try:
                server.data("Select", {"prompts": slots, "tenantId": f"tracked-{batch}", "track": True})
                receipt = server.do("RecordExposures", events=events)
            except (httpx.TransportError, KeyError, ValueError):
                return
            assert receipt["accepted"] == 20
            acknowledged.append(batch)

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 20:
        time.sleep(0.01)
    os.killpg(server.process.pid, signal.SIGKILL)
    writer.join(20)
    server.process.wait(20)

    again = launch(url)
    for batch in acknowledged:
        events = [{"experimentId": experiment["id"], "unitId": f"sent-{batch}-{n}"} for n in range(20)]
        assert again.do("RecordExposures", events=events)["duplicates"] == 20


def test_tracked_exposures_are_written_before_a_clean_end(launch, new_database) -> None:
    url = new_database("sqlite")
    server = launch(url)
    prompt = server.prompt()
    experiment = server.experiment(prompt)
    slots = [{"slot": "s", "promptId": prompt["id"]}]
    for n in range(50):
        server.data("Select", {"prompts": slots, "tenantId": f"u{n}", "track": True})
    os.killpg(server.process.pid, signal.SIGTERM)
    assert server.process.wait(20) in (0, -signal.SIGTERM)
    again = launch(url)
    counts = again.data("Experiment", {"id": experiment["id"]})["variants"]
    assert sum(variant["exposureCount"] for variant in counts) == 50
