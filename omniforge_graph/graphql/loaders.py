"""One query for a thing wherever it occurs in a response."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from typing import TypeVar

from strawberry.dataloader import DataLoader

from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.change import Change
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.page import Page, PageRequest
from omniforge_graph.domain.prompt import Prompt, PromptVersion, nearest
from omniforge_graph.services.analyses import AnalysisRequest
from omniforge_graph.services.assembly import Services

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loaders:
    """The loaders of one request. What the caller may not see loads as None."""

    def __init__(self, services: Services, caller: Caller) -> None:
        repository = services.repository
        self.analyses: DataLoader[AnalysisRequest, AnalysisResult] = DataLoader(
            services.analyses.analyze_many, cache_key_fn=_by_question
        )
        self.prompts: DataLoader[str, Prompt | None] = DataLoader(_by_key(repository.get_prompts))
        self.versions: DataLoader[str, PromptVersion | None] = DataLoader(_by_key(repository.get_versions))
        self.experiments: DataLoader[str, PromptExperiment | None] = DataLoader(_by_key(repository.get_experiments))
        self.running: DataLoader[str, PromptExperiment | None] = DataLoader(_by_key(repository.running_experiments))
        self.exposure_counts: DataLoader[str, Mapping[str, int] | None] = DataLoader(
            _by_key(repository.exposure_counts)
        )
        self.looks: DataLoader[str, list[Look] | None] = DataLoader(_by_key(repository.get_looks))
        self.histories: DataLoader[str, list[Change] | None] = DataLoader(_by_key(repository.histories))
        self.prompts_by_key: DataLoader[str, list[Prompt]] = DataLoader(self._load_by_key)
        self.version_counts: DataLoader[str, int | None] = DataLoader(_by_key(repository.count_versions))
        self.version_pages: DataLoader[tuple[str, PageRequest], Page[PromptVersion]] = DataLoader(self._load_pages)
        self._repository = repository
        self._caller = caller

    async def prompt(self, prompt_id: str) -> Prompt | None:
        """Return the prompt if the caller may see it."""
        prompt = await self.prompts.load(prompt_id)
        return prompt if prompt and self._caller.may_see(prompt.tenant_id) else None

    async def experiment(self, experiment_id: str) -> PromptExperiment | None:
        """Return the experiment if the caller may see it."""
        experiment = await self.experiments.load(experiment_id)
        return experiment if experiment and self._caller.may_see(experiment.tenant_id) else None

    async def running_on(self, prompt_id: str) -> PromptExperiment | None:
        """Return the experiment that runs on the prompt, if the caller may see it."""
        experiment = await self.running.load(prompt_id)
        return experiment if experiment and self._caller.may_see(experiment.tenant_id) else None

    async def prompt_by_key(self, key: str, tenant_id: str | None) -> Prompt | None:
        """Return the prompt of that key as the tenant sees it: its own, else the shared one."""
        return nearest(await self.prompts_by_key.load(key), tenant_id)

    async def _load_by_key(self, keys: list[str]) -> Sequence[list[Prompt]]:
        found = await self._repository.get_prompts_by_key(keys)
        return [[prompt for prompt in found if prompt.key == key] for key in keys]

    async def _load_pages(self, keys: list[tuple[str, PageRequest]]) -> Sequence[Page[PromptVersion]]:
        by_page: dict[PageRequest, list[str]] = defaultdict(list)
        for prompt_id, page in keys:
            by_page[page].append(prompt_id)
        found = {page: await self._repository.list_versions(ids, page) for page, ids in by_page.items()}
        return [found[page].get(prompt_id, Page(())) for prompt_id, page in keys]


def _by_question(request: AnalysisRequest) -> Hashable:
    """Return what makes two requests the same; an experiment itself holds mappings, which cannot be hashed."""
    return request.experiment.id, request.metric, request.test


def _by_key(
    fetch: Callable[[Collection[K]], Awaitable[Mapping[K, V]]],
) -> Callable[[list[K]], Awaitable[Sequence[V | None]]]:
    async def load(keys: list[K]) -> Sequence[V | None]:
        found = await fetch(keys)
        return [found.get(key) for key in keys]

    return load
