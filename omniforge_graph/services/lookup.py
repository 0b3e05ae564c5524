"""Find one thing that the caller may see, or say clearly that there is none."""

from typing import Protocol, TypeVar

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt
from omniforge_graph.errors import ExperimentNotFoundError, ForbiddenError, PromptNotFoundError
from omniforge_graph.services.repository import PromptRepository


class Owned(Protocol):
    """What belongs to a tenant, or to all."""

    @property
    def tenant_id(self) -> str | None:
        """The tenant it belongs to; None: shared by all."""


T = TypeVar("T", bound=Owned)


def visible(found: T | None, caller: Caller) -> T | None:
    """Return what was found if the caller may see it: whether another tenant's exists is not told."""
    return found if found is not None and caller.may_see(found.tenant_id) else None


async def find_prompt(repository: PromptRepository, prompt_id: str, caller: Caller) -> Prompt:
    """Return the prompt, or raise `PromptNotFoundError`: also for another tenant's, so that nothing is revealed."""
    prompt = visible((await repository.get_prompts([prompt_id])).get(prompt_id), caller)
    if prompt is None:
        raise PromptNotFoundError(f"There is no prompt {prompt_id!r}.", path=("promptId",))
    return prompt


async def find_experiment(repository: PromptRepository, experiment_id: str, caller: Caller) -> PromptExperiment:
    """Return the experiment, or raise `ExperimentNotFoundError`: also for another tenant's."""
    experiment = visible((await repository.get_experiments([experiment_id])).get(experiment_id), caller)
    if experiment is None:
        raise ExperimentNotFoundError(f"There is no experiment {experiment_id!r}.", path=("experimentId",))
    return experiment


def check_may_change(caller: Caller, tenant_id: str | None, what: str) -> None:
    """Raise `ForbiddenError` if the thing is visible to the caller but not the caller's to change."""
    if not caller.may_change(tenant_id):
        owner = "all tenants" if tenant_id is None else f"tenant {tenant_id!r}"
        raise ForbiddenError(
            f"{what} belongs to {owner}; a caller confined to tenant {caller.tenant_id!r} may not change it."
        )
