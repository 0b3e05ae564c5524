"""The port: what the services ask of a store. Values in, values out; no transaction leaks through it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from omniforge_graph.domain.change import Change, ChangeSet, Signature
from omniforge_graph.domain.event import Exposure, Outcome
from omniforge_graph.domain.experiment import ExperimentStatus, PromptExperiment
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.measurement import UnitQuestion, UnitTable
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.page import Page, PageRequest
from omniforge_graph.domain.prompt import Prompt, PromptVersion


@dataclass(frozen=True, slots=True)
class ExperimentFilter:
    """Which experiments to list; None does not filter. `tenant_id` admits that tenant's and the shared ones."""

    statuses: tuple[ExperimentStatus, ...] | None = None
    prompt_id: str | None = None
    tenant_id: str | None = None


class RefusedRowError(Exception):
    """The store refuses a value for what it is, such as an event of an experiment that does not exist.

    Nothing was changed, and trying again is in vain. The services check what callers send, so no caller sees this one.
    """


class PromptRepository(ABC):
    """Stores prompts, experiments and events. Every method is one atomic step.

    Ids are made by the caller. Any method may raise `UnavailableError`; nothing was changed then. Lists run from the
    newest to the oldest. Lookups by several ids return what exists, keyed by id.
    """

    # ------------------------------------------------------------ prompts

    @abstractmethod
    async def add_prompt(self, prompt: Prompt, signature: Signature) -> None:
        """Store a prompt with its first version (number 1). `DuplicateError` if the tenant has the key already."""

    @abstractmethod
    async def get_prompts(self, ids: Collection[str]) -> dict[str, Prompt]:
        """Return the prompts of these ids, each with its current version."""

    @abstractmethod
    async def get_prompts_by_key(self, keys: Collection[str]) -> list[Prompt]:
        """Return the prompts of these keys, of all tenants."""

    @abstractmethod
    async def list_prompts(self, page: PageRequest, tenant_id: str | None) -> Page[Prompt]:
        """List prompts: all, or a tenant's and the shared ones."""

    @abstractmethod
    async def count_prompts(self, tenant_id: str | None) -> int:
        """Count what `list_prompts` lists."""

    @abstractmethod
    async def all_prompts(self) -> list[Prompt]:
        """Return every prompt with its current version, for the snapshot that selection reads."""

    @abstractmethod
    async def add_version(self, version: PromptVersion) -> PromptVersion:
        """Store a version under its prompt's next number (the given number is ignored) and return it."""

    @abstractmethod
    async def get_versions(self, ids: Collection[str]) -> dict[str, PromptVersion]:
        """Return the versions of these ids."""

    @abstractmethod
    async def list_versions(self, prompt_ids: Collection[str], page: PageRequest) -> dict[str, Page[PromptVersion]]:
        """Return the same page of each prompt's versions, highest number first, in one query."""

    @abstractmethod
    async def count_versions(self, prompt_ids: Collection[str]) -> dict[str, int]:
        """Count each prompt's versions."""

    # ------------------------------------------------------------ experiments and their changes

    @abstractmethod
    async def add_experiment(
        self, experiment: PromptExperiment, new_metrics: Sequence[Metric], signature: Signature
    ) -> None:
        """Store an experiment and declare `new_metrics` for its tenant, in one step.

        A metric declared meanwhile with the same definition is fine; with another one: `DuplicateError`.
        """

    @abstractmethod
    async def get_experiments(self, ids: Collection[str]) -> dict[str, PromptExperiment]:
        """Return the experiments of these ids."""

    @abstractmethod
    async def list_experiments(self, where: ExperimentFilter, page: PageRequest) -> Page[PromptExperiment]:
        """List the experiments that match."""

    @abstractmethod
    async def count_experiments(self, where: ExperimentFilter) -> int:
        """Count what `list_experiments` lists."""

    @abstractmethod
    async def running_experiments(self, prompt_ids: Collection[str] | None = None) -> dict[str, PromptExperiment]:
        """Return the RUNNING experiments by prompt id: of these prompts, or of all."""

    @abstractmethod
    async def save(self, changes: ChangeSet) -> None:
        """Save all of a change set or none of it, with its entry in the audit trail.

        Raises:
            StaleRevisionError: an entity has moved past the revision the change is based on.
            AlreadyRunningError: another experiment is RUNNING on the prompt.
            ExperimentRunningError: the current version changes by hand while an experiment runs.
        """

    @abstractmethod
    async def head(self) -> int:
        """Return the sequence of the newest change, 0 before the first."""

    @abstractmethod
    async def changes_since(self, sequence: int, limit: int = 1000) -> list[Change]:
        """Return the changes after `sequence`, oldest first."""

    async def listen(self, notify: Callable[[], None]) -> None:  # noqa: B027 - most stores cannot tell
        """Call `notify` soon after a change is committed by any process, until cancelled.

        A help, no promise: a call may be missed or come in vain. A store that cannot tell returns at once, as here.
        """

    @abstractmethod
    async def histories(self, experiment_ids: Collection[str]) -> dict[str, list[Change]]:
        """Return all changes of each experiment, oldest first."""

    async def history(self, experiment_id: str) -> list[Change]:
        """Return all changes of one experiment, oldest first."""
        return (await self.histories([experiment_id])).get(experiment_id, [])

    # ------------------------------------------------------------ metrics

    @abstractmethod
    async def add_metric(self, metric: Metric, tenant_id: str | None) -> bool:
        """Declare a metric; return False if it exists with the same definition, `DuplicateError` with another."""

    @abstractmethod
    async def get_metrics(self, keys: Collection[str], tenant_id: str | None) -> dict[str, Metric]:
        """Return declared metrics by key: the tenant's own first, else the shared ones."""

    @abstractmethod
    async def list_metrics(self, tenant_id: str | None) -> list[Metric]:
        """Return the metrics a tenant can use (None: the shared ones), by key."""

    @abstractmethod
    async def declarations(self, keys: Collection[str]) -> list[tuple[str | None, Metric]]:
        """Return every declaration of these keys with the tenant it belongs to."""

    # ------------------------------------------------------------ events

    @abstractmethod
    async def record_exposures(self, exposures: Sequence[Exposure]) -> list[bool]:
        """Record all in one transaction; return for each whether it was its unit's first in the experiment.

        Raises:
            PurgedError: some come before outcomes that are kept as sums only; it names them.
            RefusedRowError: the variant of one does not exist.
        """

    @abstractmethod
    async def record_outcomes(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Record all in one transaction; return for each whether it is new (its event id was not seen before)."""

    @abstractmethod
    async def exposure_counts(self, experiment_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, per experiment, the number of exposed units by variant id."""

    @abstractmethod
    async def read_units(self, questions: Sequence[UnitQuestion]) -> list[UnitTable]:
        """Return the exposed units with their values for each question.

        An outcome counts from the unit's exposure to the experiment's end, both included; as a covariate it counts
        before the exposure. What it costs grows with the units, not with the outcomes.
        """

    # ------------------------------------------------------------ looks

    @abstractmethod
    async def add_look(self, look: Look) -> bool:
        """Store a look; return False, and store nothing, if the experiment has a look of that number."""

    @abstractmethod
    async def get_looks(self, experiment_ids: Collection[str]) -> dict[str, list[Look]]:
        """Return the looks at each experiment that has any, the first one first."""

    # ------------------------------------------------------------ itself

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store answers and its schema is the one this code expects.

        Raises:
            SchemaError: its schema is another release's.
            UnavailableError: it does not answer.
        """
