"""What an analysis costs as outcomes pile up for the same units, and as units do."""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from omniforge_graph import Metric, MetricKind, PromptDraft, VersionDraft, migrate, open_database
from omniforge_graph.domain.event import MAX_BATCH, Exposure, Outcome
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.services.assembly import Services, assemble
from tests.benchmarks.databases import databases, engines

COST = Metric("cost", MetricKind.CONTINUOUS)
START = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Growth:
    """The median time of an analysis, in seconds, with so many units and outcomes on an engine."""

    engine: str
    units: int
    outcomes: int
    seconds: float


Told = Callable[[str], None]


def measure_growth(folder: Path, outcomes: Sequence[int], units: Sequence[int], told: Told) -> list[Growth]:
    """Return the times for growing `outcomes` of the first number of units, then for the other `units`, by engine."""
    rows: list[Growth] = []
    for engine in engines():
        with databases(engine, folder) as make:
            url = make("growth")
            rows += asyncio.run(_grow(engine, url, outcomes, units, told))
    return rows


async def _grow(engine: str, url: str, outcomes: Sequence[int], units: Sequence[int], told: Told) -> list[Growth]:
    await migrate(url)
    rows = []
    async with open_database(url) as repository:
        services = assemble(repository, load_plugins(()))
        first, *more = units
        experiment = await _experiment(services, first)
        recorded = 0
        for total in outcomes:
            told(f"{engine}: {total:,} outcomes of {first:,} units")
            await _record(services, experiment, first, total - recorded, recorded)
            recorded = total
            rows.append(Growth(engine, first, total, await _timed(services, experiment)))
        for count in more:
            told(f"{engine}: {count:,} units")
            experiment = await _experiment(services, count)
            await _record(services, experiment, count, count, 0)
            rows.append(Growth(engine, count, count, await _timed(services, experiment)))
    return rows


async def _experiment(services: Services, units: int) -> PromptExperiment:
    """Return a running experiment with so many exposed units."""
    prompt = await services.prompts.create_prompt(PromptDraft(f"growth-{units}", "growth", VersionDraft("a")))
    other = await services.prompts.create_version(prompt.id, VersionDraft("b"))
    variants = [
        {"name": name, "prompt_version_id": version, "traffic_percentage": 50}
        for name, version in (("a", prompt.current_version.id), ("b", other.id))
    ]
    created = await services.experiments.create_experiment(prompt.id, "growth", "", COST, variants, "bench")
    experiment = await services.experiments.start_experiment(created.id)
    arms = [variant.id for variant in experiment.variants]
    for batch in _batches(units):
        await services.repository.record_exposures(
            [Exposure(experiment.id, f"u{n}", arms[n % 2], START) for n in batch]
        )
    return experiment


async def _record(services: Services, experiment: PromptExperiment, units: int, count: int, before: int) -> None:
    chance = random.Random(before)
    for batch in _batches(count):
        await services.repository.record_outcomes(
            [Outcome(f"u{n % units}", COST.key, chance.random(), START, experiment_id=experiment.id) for n in batch]
        )


async def _timed(services: Services, experiment: PromptExperiment) -> float:
    took = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        await services.analyses.analyze(experiment)
        took.append(time.perf_counter() - begin)
    return statistics.median(took[1:])  # the first one warms up


def _batches(count: int) -> Iterator[range]:
    return (range(start, min(start + MAX_BATCH, count)) for start in range(0, count, MAX_BATCH))
