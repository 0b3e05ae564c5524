"""A small world for the use cases: plugins, a clock that ticks, a prompt with three versions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt, PromptDraft, PromptVersion, VersionDraft
from omniforge_graph.plugin.manager import load_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.assembly import Services, assemble
from omniforge_graph.services.repository import PromptRepository


class Clock:
    """One second passes with every look at it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class World:
    """The services over one repository, and a prompt to experiment on."""

    services: Services
    clock: Clock
    prompt: Prompt
    versions: list[PromptVersion]

    def variants(self, *shares: float) -> list[dict[str, Any]]:
        return [
            {"name": f"v{n}", "prompt_version_id": self.versions[n].id, "traffic_percentage": share}
            for n, share in enumerate(shares or (50, 50))
        ]

    async def experiment(self, *shares: float, metric: Any = "won", **more: Any) -> PromptExperiment:
        return await self.services.experiments.create_experiment(
            self.prompt.id, "name", "description", metric, self.variants(*shares), "ann", **more
        )

    async def running(self, *shares: float, **more: Any) -> PromptExperiment:
        draft = await self.experiment(*shares, **more)
        return await self.services.experiments.start_experiment(draft.id)


@pytest.fixture(scope="session")
def registry() -> PluginRegistry:
    return load_plugins()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def build(registry: PluginRegistry, clock: Clock) -> Callable[[PromptRepository], Any]:
    async def make(repository: PromptRepository) -> World:
        services = assemble(repository, registry, clock=clock)
        prompt = await services.prompts.create_prompt(
            PromptDraft("greeting", "Greeting", VersionDraft("Hello 1"), tenant_id=None)
        )
        create = services.prompts.create_version
        more = [await create(prompt.id, VersionDraft(f"Hello {number}")) for number in (2, 3)]
        return World(services, clock, prompt, [prompt.current_version, *more])

    return make


@pytest.fixture
async def world(repository: PromptRepository, build: Callable[[PromptRepository], Any]) -> World:
    return await build(repository)
