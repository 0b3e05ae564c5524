"""A life in requests: the same bodies again and again while experiments start, stop and end, with plans and without."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st

from omniforge_graph.errors import OmniForgeError
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.assembly import Services
from tests.graphql.plans.fuzzing import world
from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.doors import Door, Message, message_of
from tests.graphql.plans.fuzzing.ground import HUNT, Ground, explore
from tests.graphql.plans.fuzzing.test_events import SELECT

LIVES = 60
STEPS = 40

pytestmark = pytest.mark.timeout(7200 if HUNT else 900)


@dataclass(frozen=True)
class Change:
    """Something that happens to the world between two requests."""

    name: str
    place: int

    async def happen(self, services: Services, made: world.World) -> str:
        """Let it happen; return the code of the error if it may not."""
        experiment = made.experiments[self.place % len(made.experiments)]
        prompt = made.prompts[self.place % len(made.prompts)]
        manager = services.experiments
        try:
            match self.name:
                case "start":
                    await manager.start_experiment(experiment.id)
                case "stop":
                    await manager.stop_experiment(experiment.id)
                case "cancel":
                    await manager.cancel_experiment(experiment.id)
                case "promote":
                    await manager.promote(experiment.id, experiment.variants[1].id, "ann")
                case "current":
                    version = made.versions[3 * (self.place % len(made.prompts)) + self.place % 3]
                    await services.prompts.set_current_version(prompt.id, version)
                case "flush":
                    await services.tracker.flush()
        except OmniForgeError as problem:
            return problem.code
        return ""


@dataclass(frozen=True)
class Together:
    """Requests that are on their way at the same time."""

    messages: Sequence[Message]


Step: TypeAlias = Message | Together | Change

CHANGES = ("stop", "start", "current", "flush", "promote", "cancel", "flush", "start")


HOT = SELECT | {"PromptVersion.prompt": 5, "Query.selectVariants": 20}
"""What is asked again and again."""


@st.composite
def lives(draw: Any, ground: Ground) -> list[Step]:
    """Return what happens one after the other."""
    return life(Dice.of(draw), ground)


def life(dice: Dice, ground: Ground) -> list[Step]:
    """Return few bodies many times, and changes between them."""
    askers = (ground.asker(rarity=HOT, narrow=90), ground.asker(rarity=SELECT), ground.asker())
    asker = dice.pick((askers[0], *askers))
    messages = [message_of(dice, each) for _ in range(2) for each in asker.requests(dice, 2)]
    return [_step(dice, messages) for _ in range(STEPS // 2 + dice.below(STEPS))]


def _step(dice: Dice, messages: Sequence[Message]) -> Step:
    match dice.below(20):
        case 17 | 18 | 19:
            return Change(dice.pick(CHANGES), dice.below(7))
        case 16:
            return Together([dice.pick(messages) for _ in range(5)])
    return dice.pick(messages)


async def live(ground: Ground, steps: Sequence[Step]) -> tuple[int, int]:
    """Let everything happen to two worlds; return how many requests were answered well, and how many by a plan."""
    clock, registry = ground.world.clock, installed_plugins()
    first, second = (world.serve(world.copy_of(ground.repository), registry, clock) for _ in range(2))
    planned, plain = Door(first, plans=True), Door(second, plans=False)
    good = 0
    for step in steps:
        if isinstance(step, Change):
            assert await step.happen(first, ground.world) == await step.happen(second, ground.world)
            continue
        messages = step.messages if isinstance(step, Together) else [step]
        ones, others = [await asyncio.gather(*map(door.send, messages)) for door in (planned, plain)]
        for message, one, other in zip(messages, ones, others, strict=True):
            assert one == other, (message, one, other)
            good += one.body.startswith(b'{"data":{')
    for services in (first, second):
        await services.tracker.flush()
    assert vars(first.repository) == vars(second.repository)
    return good, planned.by_plan


@pytest.mark.parametrize("shard", range(2))
def test_what_is_sent_again_is_answered_as_by_graphql_core(ground: Ground, shard: int) -> None:
    good = by_plan = 0

    def check(steps: list[Step]) -> None:
        nonlocal good, by_plan
        counts = runner.run(live(ground, steps))
        good, by_plan = good + counts[0], by_plan + counts[1]

    with asyncio.Runner() as runner:
        explore(lives(ground), check, 500 + shard, LIVES)
    assert by_plan >= 0.5 * good > 100
