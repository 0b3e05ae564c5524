"""The server in its own process, and a client that speaks to it over HTTP and WebSocket."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

OPERATIONS = (Path(__file__).parent / "operations.graphql").read_text(encoding="utf-8")
READY_SECONDS = 30
_names = itertools.count(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A running server."""

    url: str
    database_url: str
    process: subprocess.Popen
    log: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def post(self, query: str, variables: dict | None = None, **more: Any) -> dict:
        """Send one operation and return the whole response, which must be GraphQL JSON."""
        headers = more.pop("headers", {})
        body = {"query": query, "variables": variables or {}, **more}
        return self.http.post("/graphql", json=body, headers=headers).json()

    def data(self, operation: str, variables: dict | None = None, **more: Any) -> Any:
        """Run one of our operations by name; return its first field; there must be no top-level errors."""
        answer = self.post(OPERATIONS, variables, operationName=operation, **more)
        assert "errors" not in answer, answer["errors"]
        return next(iter(answer["data"].values()))

    def do(self, operation: str, **more: Any) -> Any:
        """Run one of our mutations by name with its input's fields; there must be no errors at all."""
        headers = more.pop("headers", {})
        payload = self.data(operation, {"input": more}, headers=headers)
        assert payload.get("errors", []) == []
        return payload

    def refuse(self, operation: str, **fields: Any) -> dict:
        """Run one of our mutations that must fail; return its only error."""
        payload = self.data(operation, {"input": fields})
        (error,) = payload["errors"]
        assert all(value is None for name, value in payload.items() if name != "errors")
        return error

    @contextmanager
    def subscription(self, experiment_id: str, query: str = OPERATIONS, name: str = "Watch", variable: str = "id"):
        """Yield a function that returns the next event of `experimentChanged`."""
        address = self.url.replace("http", "ws") + "/graphql"
        with connect(address, subprotocols=["graphql-transport-ws"]) as socket_:
            socket_.send(json.dumps({"type": "connection_init"}))
            assert json.loads(socket_.recv(10))["type"] == "connection_ack"
            payload = {"query": query, "operationName": name, "variables": {variable: experiment_id}}
            socket_.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))

            def receive() -> dict:
                message = json.loads(socket_.recv(10))
                assert message["type"] == "next", message
                return message["payload"]["data"]["experimentChanged"]

            yield receive

    def prompt(self, versions: int = 2, **fields: Any) -> dict:
        """Create a prompt with several versions; return it with the versions' ids."""
        key = fields.pop("key", f"prompt-{next(_names)}")
        made = self.do("CreatePrompt", key=key, name=key, content="version 1", **fields)["prompt"]
        ids = [made["currentVersion"]["id"]]
        for number in range(2, versions + 1):
            version = self.do("CreatePromptVersion", promptId=made["id"], content=f"version {number}")
            ids.append(version["promptVersion"]["id"])
        return {**made, "versions": ids}

    def experiment(self, prompt: dict | None = None, start: bool = True, **fields: Any) -> dict:
        """Create an experiment over all versions of a prompt, in equal shares, and start it."""
        prompt = prompt or self.prompt()
        ids = prompt["versions"]
        share, last = 100 // len(ids), 100 - 100 // len(ids) * (len(ids) - 1)
        variants = [
            {"name": f"v{n}", "promptVersionId": each, "trafficPercentage": last if n == len(ids) else share}
            for n, each in enumerate(ids, 1)
        ]
        request = {"promptId": prompt["id"], "name": "n", "successMetric": "won", "variants": variants} | fields
        made = self.do("CreateExperiment", **request)["experiment"]
        if start:
            self.do("StartExperiment", experimentId=made["id"])
        return made


def start_server(database_url: str, folder: Path, *options: str, **environ: str) -> Server:
    """Start a server on a free port and wait until it is ready."""
    port = free_port()
    log = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "omniforge_graph", "serve", "--no-demo", "--port", str(port)]
    command += ["--database-url", database_url, *options]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, env=os.environ | environ, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{port}", database_url, process, log)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if server.http.get("/health/ready").status_code == 200:
                return server
        except httpx.TransportError:
            time.sleep(0.05)
    stop_server(server)
    raise AssertionError(f"the server did not become ready:\n{log.read_text()}")


def stop_server(server: Server, sign: int = signal.SIGTERM) -> None:
    """End a server and whatever it started."""
    server.http.close()
    if server.process.poll() is None:
        os.killpg(server.process.pid, sign)
        server.process.wait(timeout=20)


@pytest.fixture(scope="session")
def launch(tmp_path_factory):
    """A function that starts a server on a database URL and stops it at the end."""
    folder = tmp_path_factory.mktemp("servers")
    servers: list[Server] = []

    def run(database_url: str, *options: str, **environ: str) -> Server:
        servers.append(start_server(database_url, folder, *options, **environ))
        return servers[-1]

    yield run
    for server in servers:
        stop_server(server)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request, launch, new_database) -> Server:
    """A server on a new database, on each engine in turn; the tests of a module share it."""
    return launch(new_database(request.param))


@pytest.fixture(scope="module")
def sqlite_server(launch, new_database) -> Server:
    """A server on SQLite, for what does not depend on the engine."""
    return launch(new_database("sqlite"))
