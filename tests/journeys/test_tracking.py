"""The database goes away while units are selected and tracked: in the end every one is counted once."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.journeys.links import breakable

pytestmark = pytest.mark.journey

SELECT = """query($prompts: [PromptSlotInput!]!, $unit: ID!, $told: JSON) {
  selectVariant(prompts: $prompts, tenantId: $unit, attributes: $told) { experimentId promptVersion { content } }
}"""
INTERVAL = 0.2
SPOOLED = INTERVAL + 1
"""Seconds after which what was tracked in an outage is on disk: the promise, and a second for a busy machine."""


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request) -> str:
    return request.param


@pytest.fixture
def link(engine, new_database):
    with breakable(new_database(engine)) as made:
        yield made


class Traffic:
    """Selects for one new unit after the other, and knows how many it tracked."""

    def __init__(self, server) -> None:
        self.prompt = server.prompt()
        self.experiment = server.experiment(self.prompt)
        self.units = 0

    def send(self, server, units: int) -> None:
        """Select for new units, twice each: every answer must be there, outage or not."""
        slots = [{"slot": "s", "promptId": self.prompt["id"]}]
        for _ in range(units):
            self.units += 1
            variables = {"prompts": slots, "unit": f"u{self.units}", "told": {"number": self.units}}
            for _again in range(2):
                answer = server.post(SELECT, variables)
                assert answer.keys() == {"data"}, answer
                assert answer["data"]["selectVariant"]["experimentId"] == self.experiment["id"]

    def counted(self, server) -> int:
        found = server.data("Experiment", {"id": self.experiment["id"]})["variants"]
        return sum(variant["exposureCount"] for variant in found)

    def all_counted(self, server, seconds: float = 30) -> None:
        """Wait until every unit is counted, and for two intervals more, in which none may be counted again."""
        deadline = time.monotonic() + seconds
        while self.counted(server) < self.units and time.monotonic() < deadline:
            time.sleep(INTERVAL / 2)
        assert self.counted(server) == self.units, server.log.read_text()
        time.sleep(2 * INTERVAL)
        assert self.counted(server) == self.units


def spools(state: Path) -> list[Path]:
    return list(state.glob("exposures-*.jsonl"))


def kept(state: Path) -> set[str]:
    return {json.loads(line)["unit_id"] for path in spools(state) for line in path.read_bytes().splitlines()}


def metric(server, name: str) -> float:
    text = server.http.get("/metrics").text
    return sum(float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", text, re.MULTILINE))


def wait_until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_outage_loses_and_doubles_nothing(link, launch, tmp_path) -> None:
    server = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic = Traffic(server)
    traffic.send(server, 20)
    link.cut()
    traffic.send(server, 50)
    wait_until(lambda: {f"u{n}" for n in range(22, 71)} <= kept(tmp_path))
    traffic.send(server, 10)
    link.mend()
    traffic.send(server, 20)
    traffic.all_counted(server)
    wait_until(lambda: not spools(tmp_path))
    assert metric(server, "omniforge_exposures_tracked_total") == 100
    assert metric(server, "omniforge_exposures_spooled_total") >= 49
    assert metric(server, "omniforge_exposures_replayed_total") == metric(server, "omniforge_exposures_spooled_total")
    assert metric(server, "omniforge_exposures_waiting") == 0
    assert metric(server, "omniforge_exposures_dropped_total") == 0


def test_a_clean_end_in_an_outage_loses_and_doubles_nothing(link, launch, tmp_path) -> None:
    server = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic = Traffic(server)
    traffic.send(server, 20)
    link.cut()
    traffic.send(server, 30)
    os.killpg(server.process.pid, signal.SIGTERM)
    assert server.process.wait(30) in (0, -signal.SIGTERM)
    assert {f"u{n}" for n in range(22, 51)} <= kept(tmp_path)
    link.mend()
    again = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic.all_counted(again)
    wait_until(lambda: not spools(tmp_path))
    assert metric(again, "omniforge_exposures_replayed_total") >= 29


def test_a_process_that_starts_in_an_outage_keeps_its_own_and_inherits(link, launch, tmp_path) -> None:
    server = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic = Traffic(server)
    traffic.send(server, 10)
    time.sleep(3)  # until the snapshot that the next process starts with is saved
    link.cut()
    traffic.send(server, 10)
    os.killpg(server.process.pid, signal.SIGTERM)
    assert server.process.wait(30) in (0, -signal.SIGTERM)
    again = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic.send(again, 10)
    wait_until(lambda: {f"u{n}" for n in range(12, 31)} <= kept(tmp_path))
    link.mend()
    traffic.send(again, 10)
    wait_until(lambda: again.http.get("/health/ready").json()["status"] == "ready")
    traffic.all_counted(again)
    wait_until(lambda: not spools(tmp_path))


def test_a_kill_in_an_outage_loses_what_the_last_moment_brought_at_most(link, launch, tmp_path) -> None:
    server = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic = Traffic(server)
    traffic.send(server, 20)
    link.cut()
    traffic.send(server, 30)
    time.sleep(SPOOLED)
    traffic.send(server, 5)
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(20)
    link.mend()
    again = launch(link.url, OMNIFORGE_STATE_DIR=str(tmp_path))
    wait_until(lambda: not spools(tmp_path))
    assert 50 <= traffic.counted(again) <= 55
    # A unit that was lost is made good by its next selection.
    traffic.units = 50
    traffic.send(again, 5)
    traffic.all_counted(again)


def test_a_kill_loses_what_the_last_moment_brought_at_most(launch, new_database) -> None:
    url = new_database("sqlite")
    server = launch(url)
    traffic = Traffic(server)
    traffic.send(server, 30)
    time.sleep(SPOOLED)
    traffic.send(server, 5)
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(20)
    again = launch(url)
    wait_until(lambda: traffic.counted(again) >= 30)
    assert traffic.counted(again) <= 35


@pytest.mark.parametrize("engine", ["postgres"])
def test_several_workers_share_the_folder_and_no_file(link, launch, tmp_path) -> None:
    server = launch(link.url, "--workers", "2", "--refresh-interval", "0.1", OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic = Traffic(server)
    time.sleep(2)  # until the worker that did not start the experiment knows of it too
    link.cut()
    while len(spools(tmp_path)) < 2:  # connections stay with their worker: new ones, until both have tracked
        server.http.close()
        server.__post_init__()
        traffic.send(server, 5)
        assert traffic.units < 1000
        time.sleep(INTERVAL / 2)
    time.sleep(SPOOLED)
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(20)
    link.mend()
    again = launch(link.url, "--workers", "2", OMNIFORGE_STATE_DIR=str(tmp_path))
    traffic.all_counted(again)
    wait_until(lambda: not spools(tmp_path))
