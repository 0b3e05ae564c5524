"""Pairs of engines over equal data, one with plans and one without, and what explores them."""

import asyncio
import os
import random
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from omniforge_graph import open_database
from omniforge_graph.domain.caller import Caller
from omniforge_graph.graphql.context import Context
from omniforge_graph.graphql.schema import WEIGHTS, schema
from omniforge_graph.graphql.transport import Engine, Limits
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.assembly import Services
from omniforge_graph.testing import MemoryRepository
from tests.graphql.plans.fuzzing import world
from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.requests import Asker, Request
from tests.graphql.plans.fuzzing.sides import Pair, Side
from tests.graphql.plans.fuzzing.values import Values

HUNT = int(os.environ.get("OMNIFORGE_FUZZ_DOCUMENTS", "0"))
"""Documents for each test, new ones each time, in a longer hunt; else few, and always the same."""
VARIABLE_SETS = 10
"""Requests for each document."""
GRAPHQL = schema._schema
RARITY: Mapping[str, int] = {
    "Analysis.density": 15,
    "Experiment.analysis": 12,
    "Experiment.slices": 10,
    "Query.analyze": 20,
    "Query.plugins": 15,
    "Query.sampleSize": 20,
}
"""How often in a hundred what takes long to compute is selected when the dice name it."""
CALLERS = (Caller(), Caller("zoe", "acme", "r-7"), Caller("max", "globex"))


@dataclass(frozen=True)
class Ground:
    """A filled repository in memory, never changed: each pair has copies of its own."""

    repository: MemoryRepository
    world: world.World

    @classmethod
    async def made(cls) -> "Ground":
        """Fill a repository."""
        repository, clock = MemoryRepository(), world.Clock()
        return cls(repository, await world.build(world.serve(repository, installed_plugins(), clock), clock))

    def asker(
        self, caller: Caller = CALLERS[0], root: Any = None, rarity: Mapping[str, int] = RARITY, narrow: int = 0
    ) -> Asker:
        """Return what makes requests that name what is there for the caller."""
        return asker_of(self.world, caller, root, rarity, narrow)

    def pair(self, caller: Caller = CALLERS[0]) -> Pair:
        """Return both sides over new copies."""
        sides = [
            side(
                world.serve(world.copy_of(self.repository), installed_plugins(), self.world.clock), caller, plans=plans
            )
            for plans in (True, False)
        ]
        return Pair(*sides)


def asker_of(
    made: world.World, caller: Caller, root: Any = None, rarity: Mapping[str, int] = RARITY, narrow: int = 0
) -> Asker:
    """Return what makes requests that name what is in a world for the caller."""
    values = Values(made.pools(caller), world.ASTRAY, world.CHOICES, world.SHAPES)
    return Asker(GRAPHQL, [root or GRAPHQL.query_type], values, rarity, narrow)


def side(services: Services, caller: Caller, *, plans: bool) -> Side:
    """Return one side over some data; a plan is made for the first request already."""
    engine = Engine(schema, Limits(weights=WEIGHTS), plans=plans, plan_after=1)
    return Side(engine, lambda queue: Context(services, caller, queue), services)


@asynccontextmanager
async def on_sqlite(url: str, folder: Path) -> AsyncIterator[tuple[Asker, Pair]]:
    """Fill the database of that URL; yield what asks about it, and both sides over copies of its file."""
    clock, path = world.Clock(), Path(url.removeprefix("sqlite:///"))
    async with open_database(url) as repository:
        made = await world.build(world.serve(repository, installed_plugins(), clock), clock)
    copies = [f"sqlite:///{shutil.copy(path, folder / f'{name}.db')}" for name in ("planned", "plain")]
    async with open_database(copies[0]) as first, open_database(copies[1]) as second:
        both = [world.serve(each, installed_plugins(), clock) for each in (first, second)]
        yield (
            asker_of(made, CALLERS[0]),
            Pair(side(both[0], CALLERS[0], plans=True), side(both[1], CALLERS[0], plans=False)),
        )


@st.composite
def batches(draw: Callable[[Any], Any], asker: Asker, count: int = VARIABLE_SETS) -> list[Request]:
    """Return requests of one document."""
    return asker.requests(Dice.of(draw), count)


def explore(
    requests: st.SearchStrategy[list[Request]], check: Callable[[list[Request]], None], number: int, documents: int
) -> None:
    """Check what Hypothesis makes of a strategy: always the same for one number, or new things in a hunt."""

    @seed(random.SystemRandom().getrandbits(64) if HUNT else number)
    @settings(
        max_examples=HUNT or documents,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests)
    def run(batch: list[Request]) -> None:
        check(batch)

    run()


def compare_all(runner: asyncio.Runner, pair: Pair) -> Callable[[Sequence[Request]], None]:
    """Return a check that all requests are answered alike on both sides."""

    async def compare(batch: Sequence[Request]) -> None:
        for request in batch:
            await pair.compare(request)

    return lambda batch: runner.run(compare(batch))
