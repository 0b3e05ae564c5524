"""Values to store, and a worker process that uses the repository as another server would."""

import asyncio
import json
import math
import sys
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from omniforge_graph.domain.change import ChangeSet, Signature, Subject
from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.measurement import UnitQuestion
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.prompt import Prompt, PromptVersion, checksum
from omniforge_graph.domain.shares import lay_out

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
SIGNATURE = Signature(actor="ada", at=NOW, request_id="req_1")
CONVERTED = (Metric("converted"),)
WORKER = Path(__file__).with_name("worker.py")


class Maker:
    """Makes valid values with ids that grow with time, as the services do, and stores them if asked."""

    now = NOW
    signature = SIGNATURE

    def __init__(self):
        self._numbers = count(1)

    def id(self, kind):
        return f"{kind}_{next(self._numbers):032x}"

    def at(self, seconds):
        return NOW + timedelta(seconds=seconds)

    def version(self, prompt_id, content="Hello", **changes):
        version = PromptVersion(self.id("ver"), prompt_id, 1, content, checksum(content), NOW, "ada")
        return replace(version, **changes)

    def prompt(self, key=None, **changes):
        prompt_id = self.id("prm")
        prompt = Prompt(prompt_id, key or f"key-{prompt_id}", "A prompt", self.version(prompt_id), NOW, "ada")
        return replace(prompt, **changes)

    def experiment(self, prompt, versions=None, metrics=CONVERTED, **changes):
        first, second = versions or (prompt.current_version, prompt.current_version)
        variants = (
            Variant(self.id("var"), "old", first.id, 5000, is_control=True),
            Variant(self.id("var"), "new", second.id, 5000),
        )
        plan = AllocationPlan("seed", (lay_out([(each.id, each.basis_points) for each in variants]),))
        experiment = PromptExperiment(
            self.id("exp"), prompt.id, "Test", variants, metrics, plan, NOW, "ada", tenant_id=prompt.tenant_id
        )
        return replace(experiment, **changes)

    def exposure(self, experiment, unit_id, place=0, seconds=0, **attributes):
        return Exposure(experiment.id, unit_id, experiment.variants[place].id, self.at(seconds), attributes)

    def outcome(self, unit_id, value=1.0, seconds=1, **changes):
        return Outcome(unit_id, "converted", value, self.at(seconds))._replace(**changes)

    def starting(self, experiment):
        return ChangeSet(Subject.EXPERIMENT_STARTED, SIGNATURE, experiment=experiment.start(NOW))

    async def stored_prompt(self, repository, **changes):
        prompt = self.prompt(**changes)
        await repository.add_prompt(prompt, SIGNATURE)
        return prompt

    async def stored_experiment(self, repository, prompt=None, **changes):
        prompt = prompt or await self.stored_prompt(repository)
        experiment = self.experiment(prompt, **changes)
        await repository.add_experiment(experiment, (), SIGNATURE)
        return experiment

    async def started(self, repository, prompt=None, **changes):
        experiment = await self.stored_experiment(repository, prompt, **changes)
        await repository.save(self.starting(experiment))
        return experiment.start(NOW)

    async def ended(self, repository, experiment, seconds):
        ended = experiment.complete(self.at(seconds), {})
        await repository.save(ChangeSet(Subject.EXPERIMENT_COMPLETED, SIGNATURE, experiment=ended))
        return ended


@pytest.fixture
def make():
    return Maker()


def _units_of(table):
    """How many units have which variant, slice, values (None: no mean), observations and squares."""
    rows = zip(table.variant, table.slice_of, table.values, table.observed, table.squares, strict=True)
    counted = Counter()
    for (variant, place, values, observed, squares), weight in zip(rows, table.weight, strict=True):
        plain = tuple(None if math.isnan(value) else float(value) for value in values)
        key = (int(variant), table.slices[place], plain, tuple(map(bool, observed)), float(squares))
        counted[key] += float(weight)
    return dict(counted)


@pytest.fixture
def units_of():
    """Turns a table of units into plain data, the same however its rows lie."""
    return _units_of


@pytest.fixture
def read():
    """Reads the units of an experiment for some sources and returns what `units_of` makes of them."""

    async def units(repository, experiment, *sources, dimension=None):
        (table,) = await repository.read_units([UnitQuestion(experiment, sources, dimension)])
        return _units_of(table)

    return units


@pytest.fixture
def wrong():
    """Checks the totals of one or of all experiments, mends them if asked, and returns how many were wrong."""

    async def check(repository, experiment_id=None, *, repair=False):
        return sum([each.wrong async for each in repository.check_totals(experiment_id, repair=repair)])

    return check


@asynccontextmanager
async def _worker(url, command, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, WORKER, url, command, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
    )  # fmt: skip
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def worker():
    """Starts worker.py on a database and waits until it is ready; it begins when its standard input is closed."""
    return _worker


@pytest.fixture
def in_processes(worker):
    """Runs one command in several processes at the same time and returns all their answers together."""

    async def run(url, tasks):
        async def one(process):
            process.stdin.close()
            answer = await process.stdout.read()
            await process.wait()
            return json.loads(answer)

        async def nested(index, processes):
            if index == len(tasks):
                return await asyncio.gather(*map(one, processes))
            async with worker(url, *tasks[index]) as process:
                return await nested(index + 1, [*processes, process])

        return [answer for answers in await nested(0, []) for answer in answers]

    return run
