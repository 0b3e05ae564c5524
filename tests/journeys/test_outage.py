"""The database goes away: selection answers from memory or from disk, all else waits, and recovers by itself."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.journeys.links import breakable

OPERATIONS = (Path(__file__).parent / "operations.graphql").read_text(encoding="utf-8")
pytestmark = pytest.mark.journey

SELECT = """query($p: [PromptSlotInput!]!, $t: ID!) {
  selectVariants(prompts: $p, tenantId: $t, track: false) { experimentId promptVersion { content } }
}"""
SECONDS = 30


@pytest.fixture
def wire(new_database):
    """A PostgreSQL database that can be taken away; `direct` is the way that stays open."""
    direct = new_database("postgres")
    with breakable(direct) as made:
        made.direct = direct
        yield made


def slots(prompt: dict) -> list[dict]:
    return [{"slot": "s", "promptId": prompt["id"]}]


def selections(server, prompt: dict, units: range) -> list[dict]:
    """Select for many units; there must be no error."""
    answers = [server.post(SELECT, {"p": slots(prompt), "t": f"unit-{n}"}) for n in units]
    assert not any("errors" in answer for answer in answers)
    return [answer["data"]["selectVariants"][0] for answer in answers]


def wait_for(condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def health(server) -> tuple[int, str, dict]:
    answer = server.http.get("/health/ready")
    return answer.status_code, answer.json()["status"], answer.json()["checks"]


def create(server, key: str) -> list[str]:
    """Create a prompt; return the codes of what went wrong."""
    request = {"input": {"key": key, "name": key, "content": "x"}}
    answer = server.post(OPERATIONS, request, operationName="CreatePrompt")
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


def check_that_only_selection_works(server, prompt: dict, expected: list[dict]) -> None:
    """Selection answers as before, what it does not know is not found, and the rest is UNAVAILABLE."""
    assert selections(server, prompt, range(200)) == expected
    for n in range(50):
        answer = server.post(SELECT, {"p": [{"slot": "s", "promptKey": f"nobody-{n}"}], "t": "t"})
        assert answer["errors"][0]["extensions"]["code"] == "PROMPT_NOT_FOUND"
    status, name, checks = health(server)
    assert (status, name) == (200, "degraded")
    assert checks["database"] != "ok"
    assert create(server, "during") == ["UNAVAILABLE"]


def test_selection_outlives_the_database_and_the_rest_recovers(wire, launch) -> None:
    server = launch(wire.url)
    prompt = server.prompt()
    server.experiment(prompt)
    expected = selections(server, prompt, range(200))
    assert len({each["promptVersion"]["content"] for each in expected}) == 2
    wire.cut()
    check_that_only_selection_works(server, prompt, expected)
    wire.mend()
    wait_for(lambda: health(server)[1] == "ready")
    assert create(server, "after") == []
    assert selections(server, prompt, range(200)) == expected


def test_a_server_starts_without_postgresql_from_what_was_saved(wire, launch, tmp_path) -> None:
    options = ("--state-dir", str(tmp_path / "state"))
    first = launch(wire.url, *options)
    prompt = first.prompt()
    experiment = first.experiment(prompt)
    expected = selections(first, prompt, range(200))
    os.killpg(first.process.pid, signal.SIGTERM)  # at its end it saves what is not saved yet
    first.process.wait(20)
    wire.cut()

    second = launch(wire.url, *options)
    check_that_only_selection_works(second, prompt, expected)
    assert re.fullmatch(r"serving the snapshot saved at 20\S+\+00:00", health(second)[2]["selection"])
    assert re.search(r"^omniforge_snapshot_saved\{.*\} 1.0$", second.http.get("/metrics").text, re.MULTILINE)
    assert re.search(r"^omniforge_experiments_running\{.*\} 1.0$", second.http.get("/metrics").text, re.MULTILINE)
    assert "Selection serves the saved snapshot" in second.log.read_text()

    elsewhere = launch(wire.direct)
    elsewhere.do("StopExperiment", experimentId=experiment["id"])
    wire.mend()
    wait_for(lambda: health(second) == (200, "ready", {"database": "ok", "selection": "ok"}))
    assert {each["experimentId"] for each in selections(second, prompt, range(20))} == {None}
    assert create(second, "after") == []
    assert re.search(r"^omniforge_snapshot_saved\{.*\} 0.0$", second.http.get("/metrics").text, re.MULTILINE)


@contextmanager
def locked(path: str):
    """Hold a SQLite file so that nobody else can even read it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def test_a_server_starts_beside_a_locked_sqlite_file_from_what_was_saved(launch, new_database) -> None:
    url = new_database("sqlite")
    first = launch(url)
    prompt = first.prompt()
    first.experiment(prompt)
    expected = selections(first, prompt, range(200))
    os.killpg(first.process.pid, signal.SIGTERM)
    first.process.wait(20)
    with locked(url.removeprefix("sqlite:///")):
        second = launch(url)
        check_that_only_selection_works(second, prompt, expected)
    wait_for(lambda: health(second)[1] == "ready")
    assert create(second, "after") == []
    assert selections(second, prompt, range(200)) == expected


def test_a_server_without_database_and_snapshot_says_what_is_wrong(tmp_path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgres://ada:secret@127.0.0.1:{nobody.getsockname()[1]}/none"
        command = [sys.executable, "-m", "omniforge_graph", "serve", "--no-demo", "--port", "0", "--database-url", url]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "UNAVAILABLE" in ran.stderr
    assert "'none'" in ran.stderr
    assert "No snapshot was saved" in ran.stderr
    assert "secret" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_snapshot_that_was_tampered_with_is_not_served(wire, launch, tmp_path) -> None:
    first = launch(wire.url, "--state-dir", str(tmp_path))
    first.experiment()
    os.killpg(first.process.pid, signal.SIGTERM)
    first.process.wait(20)
    wire.cut()
    (saved,) = tmp_path.glob("snapshot-*")
    saved.write_bytes(saved.read_bytes().replace(b"version 1", b"version 9"))
    command = [sys.executable, "-m", "omniforge_graph", "serve", "--no-demo", "--port", "0", "--database-url", wire.url]
    ran = subprocess.run(
        [*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 2
    assert "it is damaged" in ran.stderr
    assert "No snapshot was saved" in ran.stderr
