"""Our statistics beside those of other libraries: the same work in the same run, in turns."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.services.comparing import compare_many, compare_means, compare_rates, compare_values
from omniforge_graph.services.difference import Difference
from omniforge_graph.statistics.samples import SampleStatistics
from tests.benchmarks import workloads as work
from tests.benchmarks.processes import ROOT

OURS = "omniforge-graph"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
HOW_TO_INSTALL = (
    "Install them with `make peers`, or with `pip install -r tests/benchmarks/requirements-peers.txt` into an "
    "environment of their own, and name its interpreter with --peers."
)


@dataclass(frozen=True, slots=True)
class Speed:
    """A row of the table: medians of rounds.

    `ratio` is how many times our time it takes, by the median of the rounds' own ratios; `apart` the largest distance
    of an estimate or an end of an interval from ours, in half-widths of our interval.
    """

    work: str
    who: str
    way: str
    seconds: float
    ratio: float | None = None
    apart: float | None = None


Ask = Callable[[str], list[dict[str, Any]]]
"""Asks the peers to do a work once, for a while."""


def compare_speed(works: tuple[str, ...], ask: Ask, seconds: float, rounds: int) -> Iterator[Speed]:
    """Measure works in turns with the peers; yield our row of each work and theirs below it."""
    for name in works:
        run = our_way(name)
        expected = _numbers(run())
        taken: list[float] = []
        asked: dict[tuple[str, str], list[tuple[float, float]]] = {}
        apart: dict[tuple[str, str], float] = {}
        for _ in range(rounds):
            taken.append(work.seconds_per_run(run, seconds))
            for answer in ask(name):
                if "missing" not in answer:
                    key = f"{answer['peer']} {answer['version']}", answer["way"]
                    asked.setdefault(key, []).append((answer["seconds"], answer["seconds"] / taken[-1]))
                    apart[key] = _apart(expected, answer["numbers"])
        yield Speed(name, OURS, "", median(taken))
        for (who, way), pairs in asked.items():
            times, ratios = zip(*pairs, strict=True)
            yield Speed(name, who, way, median(times), median(ratios), apart[who, way])


def our_way(name: str) -> Callable[[], list[Difference]]:
    """Return what does a work of that name, from plain numbers to typed results."""
    if name == work.ROWS:
        rows = work.rows()
        return lambda: compare_values(rows.value, rows.arm, covariates=rows.before)
    if name == work.TWO_MEANS:
        return lambda: [compare_means(*work.MEANS)]
    if name == work.TWO_RATES:
        return lambda: [compare_rates(*work.RATES)]
    grid = work.grid()
    if name == work.MANY_MEANS:
        amount = Metric("amount", MetricKind.CONTINUOUS)
        return lambda: compare_many(SampleStatistics.of(grid.units, grid.means, grid.variances), amount)
    return lambda: compare_many(SampleStatistics.of_rates(grid.conversions, grid.units), Metric("clicked"))


@contextmanager
def peers(interpreter: Path | None, seconds: float) -> Iterator[Ask]:
    """Start the peers in their own environment; yield what asks them."""
    chosen = interpreter or (PEERS_PYTHON if PEERS_PYTHON.exists() else Path(sys.executable))
    command = [str(chosen), "-m", "tests.benchmarks.peers"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None

        def ask(name: str) -> list[dict[str, Any]]:
            line = ""
            with suppress(BrokenPipeError):
                worker.stdin.write(json.dumps({"work": name, "seconds": seconds}) + "\n")
                worker.stdin.flush()
                line = worker.stdout.readline()
            if not line:
                raise RuntimeError(f"The peers stopped at {name!r}; run {' '.join(command)} by hand to see why.")
            return json.loads(line)

        try:
            yield ask
        finally:
            with suppress(BrokenPipeError):
                worker.stdin.close()


def missing(ask: Ask) -> dict[str, str]:
    """Return the peers that cannot be imported, and why."""
    return {each["peer"]: each["missing"] for each in ask("") if "missing" in each}


def seconds_to_import(interpreter: Path = Path(sys.executable)) -> float:
    """Return how long `import omniforge_graph` takes in a new process, without the interpreter's own start."""
    code = "import time; t = time.perf_counter(); import omniforge_graph; print(time.perf_counter() - t)"
    run = [str(interpreter), "-c", code]
    return median(float(subprocess.run(run, cwd=ROOT, check=True, capture_output=True).stdout) for _ in range(5))


def _numbers(found: list[Difference]) -> list[list[float]]:
    effects = (each.absolute_effect for each in found)
    return [[each.estimate, each.lower, each.upper] for each in effects]  # type: ignore[list-item]


def _apart(ours: list[list[float]], theirs: list[list[float]]) -> float:
    here, there = np.array(ours), np.array(theirs)
    half = (here[:, 2] - here[:, 1]) / 2
    return float(np.max(np.abs(there - here) / half[:, None]))
