"""A repository in memory, for tests and for trying things out: the whole port, no database, nothing kept.

Methods never wait in the middle, so each is atomic among the tasks of one event loop. The contract tests that hold it
are the same as those of the real repositories.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from omniforge_graph.domain.change import Change, ChangeSet, Signature, Subject
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.page import Page, PageRequest, to_number
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.errors import (
    AlreadyRunningError,
    DuplicateError,
    ExperimentRunningError,
    PromptNotFoundError,
    StaleRevisionError,
)
from omniforge_graph.services.repository import ExperimentFilter
from omniforge_graph.testing.memory_events import MemoryEvents


class _Entity(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def tenant_id(self) -> str | None: ...


class _Revised(_Entity, Protocol):
    @property
    def revision(self) -> int: ...


E = TypeVar("E", bound=_Entity)


class MemoryRepository(MemoryEvents):
    """Keeps everything in dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self._prompts: dict[str, Prompt] = {}
        self._versions: dict[str, PromptVersion] = {}
        self._experiments: dict[str, PromptExperiment] = {}
        self._changes: list[Change] = []
        self._metrics: dict[tuple[str | None, str], Metric] = {}

    # ------------------------------------------------------------ prompts

    async def add_prompt(self, prompt: Prompt, signature: Signature) -> None:
        """Store a prompt with its first version."""
        if any((each.tenant_id, each.key) == (prompt.tenant_id, prompt.key) for each in self._prompts.values()):
            raise DuplicateError(f"A prompt with the key {prompt.key!r} exists; choose another key.", path=("key",))
        self._prompts[prompt.id] = prompt
        self._versions[prompt.current_version_id] = prompt.current_version
        self._log(Subject.PROMPT_CREATED, signature, prompt.id)

    async def get_prompts(self, ids: Collection[str]) -> dict[str, Prompt]:
        """Return the prompts of these ids."""
        return _pick(self._prompts, ids)

    async def get_prompts_by_key(self, keys: Collection[str]) -> list[Prompt]:
        """Return the prompts of these keys, newest first."""
        return [prompt for prompt in _newest(self._prompts.values()) if prompt.key in keys]

    async def list_prompts(self, page: PageRequest, tenant_id: str | None) -> Page[Prompt]:
        """List prompts: all, or a tenant's and the shared ones."""
        return _page(_visible(self._prompts.values(), tenant_id), page)

    async def count_prompts(self, tenant_id: str | None) -> int:
        """Count what `list_prompts` lists."""
        return len(_visible(self._prompts.values(), tenant_id))

    async def all_prompts(self) -> list[Prompt]:
        """Return every prompt."""
        return _newest(self._prompts.values())

    async def add_version(self, version: PromptVersion) -> PromptVersion:
        """Store a version under its prompt's next number and return it."""
        if version.prompt_id not in self._prompts:
            raise PromptNotFoundError(f"There is no prompt {version.prompt_id!r}.", path=("promptId",))
        numbered = replace(version, number=len(self._versions_of(version.prompt_id)) + 1)
        self._versions[version.id] = numbered
        return numbered

    async def get_versions(self, ids: Collection[str]) -> dict[str, PromptVersion]:
        """Return the versions of these ids."""
        return _pick(self._versions, ids)

    async def list_versions(self, prompt_ids: Collection[str], page: PageRequest) -> dict[str, Page[PromptVersion]]:
        """Return the same page of each prompt's versions, highest number first."""
        after, before = to_number(page.after, "after"), to_number(page.before, "before")
        pages = {}
        for prompt_id in prompt_ids:
            found = [
                version
                for version in self._versions_of(prompt_id)
                if (after is None or version.number < after) and (before is None or version.number > before)
            ]
            pages[prompt_id] = _cut(found, page)
        return pages

    async def count_versions(self, prompt_ids: Collection[str]) -> dict[str, int]:
        """Count each prompt's versions."""
        return {prompt_id: len(self._versions_of(prompt_id)) for prompt_id in prompt_ids}

    def _versions_of(self, prompt_id: str) -> list[PromptVersion]:
        found = (version for version in self._versions.values() if version.prompt_id == prompt_id)
        return sorted(found, key=lambda version: -version.number)

    # ------------------------------------------------------------ experiments and their changes

    async def add_experiment(
        self, experiment: PromptExperiment, new_metrics: Sequence[Metric], signature: Signature
    ) -> None:
        """Store an experiment and declare its new metrics."""
        for metric in new_metrics:
            self._check_metric(metric, experiment.tenant_id)
        for metric in new_metrics:
            self._metrics[experiment.tenant_id, metric.key] = metric
        self._experiments[experiment.id] = experiment
        self._log(Subject.EXPERIMENT_CREATED, signature, experiment.prompt_id, experiment)

    async def get_experiments(self, ids: Collection[str]) -> dict[str, PromptExperiment]:
        """Return the experiments of these ids."""
        return _pick(self._experiments, ids)

    async def list_experiments(self, where: ExperimentFilter, page: PageRequest) -> Page[PromptExperiment]:
        """List the experiments that match."""
        return _page(self._matching(where), page)

    async def count_experiments(self, where: ExperimentFilter) -> int:
        """Count what `list_experiments` lists."""
        return len(self._matching(where))

    def _matching(self, where: ExperimentFilter) -> list[PromptExperiment]:
        return [
            experiment
            for experiment in _visible(self._experiments.values(), where.tenant_id)
            if where.statuses is None or experiment.status in where.statuses
            if where.prompt_id is None or experiment.prompt_id == where.prompt_id
        ]

    async def running_experiments(self, prompt_ids: Collection[str] | None = None) -> dict[str, PromptExperiment]:
        """Return the RUNNING experiments by prompt id."""
        return {
            experiment.prompt_id: experiment
            for experiment in self._experiments.values()
            if experiment.is_running and (prompt_ids is None or experiment.prompt_id in prompt_ids)
        }

    async def save(self, changes: ChangeSet) -> None:
        """Save all of a change set or none of it."""
        experiment, prompt = changes.experiment, changes.prompt
        running = dict(await self.running_experiments())
        if experiment is not None:
            _check_revision("Experiment", self._experiments.get(experiment.id), experiment)
            rival = running.pop(experiment.prompt_id, None)
            if rival is not None and rival.id != experiment.id:
                running[experiment.prompt_id] = rival
                if experiment.is_running:
                    raise AlreadyRunningError(
                        f"Cannot start experiment {experiment.id}: another one is RUNNING on prompt "
                        f"{experiment.prompt_id}; stop or complete that one first."
                    )
            if experiment.is_running:
                running[experiment.prompt_id] = experiment
        if prompt is not None:
            _check_revision("Prompt", self._prompts.get(prompt.id), prompt)
            if prompt.id in running:
                raise ExperimentRunningError(
                    f"The current version of prompt {prompt.id} cannot change while experiment "
                    f"{running[prompt.id].id} is RUNNING on it: stop or complete that experiment first.",
                    experiment_id=running[prompt.id].id,
                )
            self._prompts[prompt.id] = prompt
        if experiment is not None:
            self._experiments[experiment.id] = experiment
        subject = prompt.id if prompt is not None else experiment.prompt_id if experiment is not None else ""
        self._log(changes.subject, changes.signature, subject, experiment)

    def _log(
        self, subject: Subject, signature: Signature, prompt_id: str, experiment: PromptExperiment | None = None
    ) -> None:
        self._changes.append(Change(len(self._changes) + 1, subject, prompt_id, signature, experiment))

    async def head(self) -> int:
        """Return the sequence of the newest change."""
        return len(self._changes)

    async def changes_since(self, sequence: int, limit: int = 1000) -> list[Change]:
        """Return the changes after `sequence`, oldest first."""
        return self._changes[sequence : sequence + limit]

    async def histories(self, experiment_ids: Collection[str]) -> dict[str, list[Change]]:
        """Return all changes of each experiment, oldest first."""
        return {
            wanted: [each for each in self._changes if each.experiment and each.experiment.id == wanted]
            for wanted in experiment_ids
        }

    # ------------------------------------------------------------ metrics

    async def add_metric(self, metric: Metric, tenant_id: str | None) -> bool:
        """Declare a metric; return False if it exists with the same definition."""
        is_new = self._check_metric(metric, tenant_id)
        self._metrics[tenant_id, metric.key] = metric
        return is_new

    def _check_metric(self, metric: Metric, tenant_id: str | None) -> bool:
        known = self._metrics.get((tenant_id, metric.key))
        if known is not None and known != metric:
            raise DuplicateError(
                f"Metric {metric.key!r} is declared already with another definition; use that one or another key.",
                path=("key",),
            )
        return known is None

    async def get_metrics(self, keys: Collection[str], tenant_id: str | None) -> dict[str, Metric]:
        """Return declared metrics by key: the tenant's own first, else the shared ones."""
        found = ((key, self._metrics.get((tenant_id, key)) or self._metrics.get((None, key))) for key in keys)
        return {key: metric for key, metric in found if metric is not None}

    async def list_metrics(self, tenant_id: str | None) -> list[Metric]:
        """Return the metrics a tenant can use, by key."""
        usable = await self.get_metrics({key for owner, key in self._metrics if owner in (None, tenant_id)}, tenant_id)
        return [usable[key] for key in sorted(usable)]

    async def declarations(self, keys: Collection[str]) -> list[tuple[str | None, Metric]]:
        """Return every declaration of these keys with the tenant it belongs to."""
        return [(owner, metric) for (owner, key), metric in self._metrics.items() if key in keys]

    async def ping(self) -> None:
        """Return: memory always answers."""


def _check_revision(name: str, stored: _Revised | None, value: _Revised) -> None:
    actual = None if stored is None else stored.revision
    if actual != value.revision - 1:
        raise StaleRevisionError(
            f"{name} {value.id} is at revision {actual}, not {value.revision - 1}: read it again and decide anew.",
            expected=value.revision - 1,
            actual=actual,
        )


def _pick(found: Mapping[str, Any], ids: Iterable[str]) -> dict[str, Any]:
    return {each: found[each] for each in ids if each in found}


def _newest(entities: Iterable[E]) -> list[E]:
    return sorted(entities, key=lambda each: each.id, reverse=True)


def _visible(entities: Iterable[E], tenant_id: str | None) -> list[E]:
    return [each for each in _newest(entities) if tenant_id is None or each.tenant_id in (None, tenant_id)]


def _page(entities: Sequence[E], page: PageRequest) -> Page[E]:
    found = [
        each
        for each in entities
        if (page.after is None or each.id < page.after) and (page.before is None or each.id > page.before)
    ]
    return _cut(found, page)


def _cut(found: Sequence[Any], page: PageRequest) -> Page[Any]:
    nearest = found[max(len(found) - page.size - 1, 0) :] if page.backward else found[: page.size + 1]
    return Page.of(nearest, page)
