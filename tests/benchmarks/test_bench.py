"""The benchmark runs, and does not mistake errors for speed. How fast anything is, no test says."""

import json
import math
import socketserver
import threading
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks.databases import engines
from tests.benchmarks.load import Load, run_load
from tests.benchmarks.measuring import Plan, measure, run
from tests.benchmarks.processes import echo_server, free_port, load_client
from tests.benchmarks.report import as_json, as_table, wire_table
from tests.benchmarks.scenarios import Scenario
from tests.benchmarks.soak import soak
from tests.benchmarks.wire import Shape, measure_wire

TINY = Plan(seconds=0.05, rounds=1, units=30, most_connections=2)


@pytest.fixture(scope="module")
def echo_port(tmp_path_factory):
    with echo_server(tmp_path_factory.mktemp("echo")) as port:
        yield port


def load(port: int, target: str = "/30", starts: bytes = b'{"data":"x') -> Load:
    return Load(port, target, (b'{"query":"{ a }"}',), starts, connections=3, seconds=0.05)


def test_everything_is_measured_without_failures(tmp_path):
    rows = list(run(TINY, tmp_path))
    memory = {"selectVariant, not tracked", "selectVariants, 10 slots"}
    kinds = {
        "selectVariant, tracked",
        "selectVariant, with its prompt",
        "analysis, 30 units",
        "experiments, list of 20",
    }
    kinds |= {"recordOutcomes, 200 events", "recordOutcomes, 5,000 events"}
    assert {row.name for row in rows} == memory | {f"{kind} · {engine}" for kind in kinds for engine in engines()}
    for row in rows:
        assert (row.failed, row.complaint) == (0, "")
        assert row.rate > 0
        assert row.ratio > 0
        assert row.p50 <= row.p99
        assert (row.plain_rate is not None) == (row.events_rate is not None) == row.name.startswith("recordOutcomes")
    written = json.loads(as_json(rows, TINY))
    assert [figures["name"] for figures in written["figures"]] == [row.name for row in rows]
    console = Console(file=StringIO(), width=160)
    console.print(as_table(rows, TINY))
    assert all(row.name in console.file.getvalue() for row in rows)


def test_only_what_is_wanted_is_measured(tmp_path):
    rows = list(run(Plan(seconds=0.05, rounds=1, units=1, only=("NOT tracked",), most_connections=1), tmp_path))
    assert [row.name for row in rows] == ["selectVariant, not tracked"]


def test_good_answers_are_counted(echo_port):
    result = run_load(load(echo_port))
    assert result.good >= 3
    assert result.failed == 0


@pytest.mark.parametrize(
    ("target", "starts", "complaint"),
    [("/30", b'{"data":{"experiment"', "200 {"), ("/no-number", b"", "500 ")],
    ids=["another answer", "another status"],
)
def test_bad_answers_are_failures(echo_port, target, starts, complaint):
    result = run_load(load(echo_port, target, starts))
    assert result.good == 0
    assert result.failed >= 3
    assert result.complaint.startswith(complaint)
    assert math.isnan(result.p50)


def test_a_scenario_that_fails_has_no_rate_and_says_why(echo_port):
    scenario = Scenario("failing", (b"{}",), starts=b'{"data":{')
    with load_client() as client:
        row = measure(scenario, TINY, client, port=echo_port, echo_port=echo_port)
    assert (row.rate, row.ratio) == (0.0, 0.0)
    assert row.failed >= 2
    assert row.complaint.startswith("500 ")
    assert json.loads(as_json([row], TINY))["figures"][0]["p50"] is None


def test_a_closed_port_is_a_failure_of_each_connection():
    result = run_load(load(free_port()))
    assert (result.good, result.failed) == (0, 3)


def test_a_closed_connection_is_a_failure():
    class Closing(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(10)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Closing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        result = run_load(load(server.server_address[1]))
        server.shutdown()
        thread.join()
    assert (result.good, result.failed) == (0, 3)
    assert "closed" in result.complaint


def test_selection_is_measured_beside_the_other_servers(tmp_path):
    rows, left_out = measure_wire(tmp_path, Shape(seconds=0.05, rounds=1, connections=2, many=12), lambda _: None)
    names = [row.name for row in rows]
    assert names[:4] == ["echo", "selectVariant", "selectVariant, 12 experiments", "REST by hand, raw ASGI"]
    assert ("mercurius + graphql-jit" in names) == (left_out == [])
    assert [(row.failed, row.complaint) for row in rows] == [(0, "")] * len(rows)
    assert all(row.ours for row in rows[2 : len(rows) - 5])
    assert [row.selections is not None for row in rows] == ["slots" in name for name in names]
    console = Console(file=StringIO(), width=160)
    console.print(wire_table(rows))
    assert all(name in console.file.getvalue() for name in names)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what a process holds")
def test_the_soak_tells_what_the_server_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.benchmarks.soak.STEP_SECONDS", 0.1)
    lines = []
    sizes = soak(tmp_path, 1, lines.append)
    assert len(sizes) == len(lines) == 2
    assert min(sizes) > 10
