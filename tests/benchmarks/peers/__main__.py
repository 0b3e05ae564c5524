"""Times the peers, in the interpreter where they are installed; imports nothing of ours.

`python -m tests.benchmarks.peers` reads lines of JSON: {"work", "seconds"}. It answers each with one line: a list of
{"peer", "version", "way", "seconds", "numbers"}, or {"peer", "missing"} for one that cannot be imported.
"""

import json
import os
import sys
import warnings
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

from tests.benchmarks.workloads import prepared, seconds_per_run

PEERS = {
    "gbstats": "growthbook",
    "statsmodels": "statsmodels_ways",
    "tea-tasting": "tea_tasting_ways",
    "spotify-confidence": "spotify_ways",
}
"""Distributions, and the modules here that know how they are used."""


@cache
def _ways(module: str) -> Any:
    return import_module(f"tests.benchmarks.peers.{module}").WAYS


@cache
def _contender(module: str, work: str, way: str) -> Any:
    """Return what to time, prepared and warmed up, and its numbers."""
    run, read = _ways(module)[work][way](prepared(work))
    return run, read(run())


def measure(work: str, seconds: float) -> list[dict[str, Any]]:
    """Return the figures of every way in which a peer does this work."""
    figures: list[dict[str, Any]] = []
    for peer, module in PEERS.items():
        try:
            ways = _ways(module)
        except ImportError as problem:
            figures.append({"peer": peer, "missing": str(problem)})
            continue
        for way in ways.get(work, ()):
            run, numbers = _contender(module, work, way)
            took = seconds_per_run(run, seconds)
            figures.append({"peer": peer, "version": version(peer), "way": way, "seconds": took, "numbers": numbers})
    return figures


def main() -> None:
    """Answer until there are no more questions."""
    warnings.simplefilter("ignore")
    # Libraries may print: what they say goes to the standard error, and only answers where answers are awaited.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(measure(**json.loads(line)), default=float) + "\n")


if __name__ == "__main__":
    main()
