"""`make bench ARGS="--part soak"`: millions of selections, one in ten for a new unit, and the server's memory."""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.load import FRESH, Load, run_load
from tests.benchmarks.processes import free_port, load_client, running
from tests.benchmarks.scenarios import body
from tests.benchmarks.wire import SELECT
from tests.benchmarks.world import make_world

REQUESTS = 10_000_000
STEP_SECONDS = 10.0


def soak(folder: Path, requests: int, tell: Callable[[str], None]) -> list[float]:
    """Send the requests, all tracked; tell and return the resident megabytes as they go by."""
    port = free_port()
    url = f"sqlite:///{folder / 'soak.db'}"
    command = [sys.executable, "-m", "omniforge_graph", "serve", "--no-demo", "--log-level", "warning"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--database-url", url]
    with load_client() as client, running(command, f"http://127.0.0.1:{port}/health/ready", folder, port) as pid:
        keys = make_world(port, 1_000, 10).prompt_keys
        slots = [{"slot": "system", "promptKey": keys[0]}]
        bodies = tuple(
            body(SELECT, prompts=slots, tenantId=f"{FRESH.decode()}-{number}" if number % 10 == 0 else f"t-{number}")
            for number in range(1_000)
        )
        load = Load(port, "/graphql", bodies, b'{"data":{"selectVariant":{"slot"', 64, STEP_SECONDS)
        sizes, done = [resident_megabytes(pid)], 0
        tell(f"{done:>12,} requests  {sizes[0]:7.1f} MB")
        while done < requests:
            found = client.submit(run_load, load).result()
            if found.failed:
                raise RuntimeError(found.complaint)
            done += found.good
            sizes.append(resident_megabytes(pid))
            tell(f"{done:>12,} requests  {sizes[-1]:7.1f} MB  {found.rate:,.0f}/s")
    return sizes


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process holds, where the system tells it in /proc."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
