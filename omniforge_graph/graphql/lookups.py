"""What a request asks for by name, looked up together. What the caller may not see is not there."""

from collections.abc import Sequence

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt, nearest
from omniforge_graph.graphql.context import Info
from omniforge_graph.services.lookup import visible


async def prompts_by_id(ids: Sequence[str], info: Info) -> list[Prompt | None]:
    """Return the prompts of these ids."""
    context = info.context
    found = await context.services.repository.get_prompts(set(ids))
    return [visible(found.get(prompt_id), context.caller) for prompt_id in ids]


async def prompts_by_key(keys: Sequence[tuple[str, str | None]], info: Info) -> list[Prompt | None]:
    """Return the prompts of these keys, each as the tenant beside it sees it: its own, else the shared one."""
    found = await info.context.services.repository.get_prompts_by_key({key for key, _ in keys})
    return [nearest((prompt for prompt in found if prompt.key == key), tenant_id) for key, tenant_id in keys]


async def experiments_by_id(ids: Sequence[str], info: Info) -> list[PromptExperiment | None]:
    """Return the experiments of these ids."""
    context = info.context
    found = await context.services.repository.get_experiments(set(ids))
    return [visible(found.get(experiment_id), context.caller) for experiment_id in ids]
