"""Server and client in processes of their own, each on a core of its own where the system lets us choose."""

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 30.0
ROOT = Path(__file__).parents[2]


def cores() -> tuple[int, int] | None:
    """Return the server's and the client's core; None where there is no choice."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else None


@contextmanager
def _on(core: int | None) -> Iterator[None]:
    """Start processes on one core: they inherit it from their first instruction."""
    if core is None:
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def load_client() -> Iterator[Executor]:
    """Yield an executor of one process on the client's core."""
    chosen = cores()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as client:
        with _on(chosen[1] if chosen else None):
            client.submit(os.getpid).result()  # started here, so that it inherits the core
        yield client


@contextmanager
def our_server(database_url: str, folder: Path) -> Iterator[int]:
    """Serve a database with one worker; yield the port."""
    command = ["omniforge_graph", "serve", "--no-demo", "--workers", "1", "--database-url", database_url]
    command += ["--state-dir", str(folder / "state"), "--log-level", "warning"]
    with _serving(command, "/health/ready", folder) as port:
        yield port


@contextmanager
def echo_server(folder: Path) -> Iterator[int]:
    """Serve the raw echo with the same uvicorn; yield the port."""
    command = ["uvicorn", "tests.benchmarks.echo:app", "--lifespan", "off", "--no-access-log"]
    with _serving([*command, "--log-level", "warning"], "/11", folder) as port:
        yield port


@contextmanager
def reference_server(name: str, database_url: str, folder: Path, ready: str) -> Iterator[int]:
    """Serve an application of `tests.benchmarks.servers` on a database of ours; yield the port."""
    command = ["uvicorn", f"tests.benchmarks.servers.{name}:app", "--no-access-log", "--log-level", "warning"]
    with _serving(command, ready, folder, OMNIFORGE_DATABASE_URL=database_url) as port:
        yield port


@contextmanager
def node_server(modules: Path, world: Path, folder: Path) -> Iterator[int]:
    """Serve mercurius with one Node process; `modules` is the folder that has node_modules. Yield the port."""
    port = free_port()
    server = shutil.copy(ROOT / "tests" / "benchmarks" / "servers" / "mercurius" / "server.js", modules)
    with running(["node", str(server), str(port), str(world)], f"http://127.0.0.1:{port}/ready", folder, port):
        yield port


@contextmanager
def _serving(command: list[str], ready: str, folder: Path, **settings: str) -> Iterator[int]:
    port = free_port()
    whole = [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", str(port)]
    with running(whole, f"http://127.0.0.1:{port}{ready}", folder, port, **settings):
        yield port


@contextmanager
def running(command: list[str], ready: str, folder: Path, port: int, **settings: str) -> Iterator[int]:
    """Run a server on the server's core until the block ends; yield its process id once it answers at `ready`."""
    log = folder / f"server-{port}.log"
    chosen = cores()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMNIFORGE_")}
    with log.open("w") as output, _on(chosen[0] if chosen else None):
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=ROOT, env=environment | settings, start_new_session=True
        )
    try:
        _wait(process, ready, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"The server did not become ready:\n{log.read_text()}")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
