"""Several processes, one database: of many starts or promotions at once, exactly one succeeds."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from omniforge_graph import open_database

WORKER = Path(__file__).with_name("worker.py")
PROCESSES = 4
CONFLICTS = {"ALREADY_RUNNING", "STALE_REVISION", "INVALID_TRANSITION", "ALREADY_PROMOTED"}


def race(url: str, *arguments: str) -> Counter:
    """Start the processes, let them go at the same moment, and count what became of their calls."""
    command = [sys.executable, WORKER, url, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(PROCESSES)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.close()
    answers = [json.loads(worker.stdout.read()) for worker in workers]
    assert [worker.wait(30) for worker in workers] == [0] * PROCESSES
    for worker in workers:
        worker.stdout.close()
    return Counter(code for answer in answers for code in answer)


@pytest.fixture
async def world_on(database_url, build):
    async with open_database(database_url) as repository:
        yield await build(repository)


async def test_of_two_hundred_starts_on_one_prompt_exactly_one_succeeds(world_on, database_url) -> None:
    pair = [await world_on.experiment(), await world_on.experiment()]
    outcomes = race(database_url, "start", "50", *(each.id for each in pair))
    assert outcomes.total() == 200
    assert outcomes["DONE"] == 1
    assert set(outcomes) - {"DONE"} <= CONFLICTS
    running = await world_on.services.repository.running_experiments()
    assert list(running) == [world_on.prompt.id]


async def test_of_promotions_from_several_processes_exactly_one_succeeds(world_on, database_url) -> None:
    experiment = await world_on.running()
    outcomes = race(database_url, "promote", experiment.id, *(variant.id for variant in experiment.variants))
    assert outcomes.total() == 2 * PROCESSES
    assert outcomes["DONE"] == 1
    assert set(outcomes) - {"DONE"} <= CONFLICTS
    repository = world_on.services.repository
    after = (await repository.get_experiments([experiment.id]))[experiment.id]
    prompt = (await repository.get_prompts([world_on.prompt.id]))[world_on.prompt.id]
    assert prompt.current_version_id == after.variant(after.promoted_variant_id).prompt_version_id
    assert (prompt.revision, after.revision) == (2, 3)
