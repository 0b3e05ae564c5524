"""Use cases of prompts: create, add a version, choose the current version."""

from datetime import datetime

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.prompt import Prompt, PromptDraft, PromptVersion, VersionDraft, checksum, nearest
from omniforge_graph.errors import ExperimentRunningError, VersionNotFoundError
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.feed import Announcer, ChangeFeed
from omniforge_graph.services.identity import Clock, new_id, sign, utc_now
from omniforge_graph.services.lookup import check_may_change, find_prompt
from omniforge_graph.services.repository import PromptRepository


class PromptManager:
    """Creates prompts and versions, and sets a prompt's current version by hand."""

    def __init__(
        self,
        repository: PromptRepository,
        *,
        registry: PluginRegistry | None = None,
        feed: ChangeFeed | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._repository = repository
        self._announcer = Announcer(feed or ChangeFeed(repository), registry or installed_plugins())
        self._clock = clock

    async def create_prompt(self, draft: PromptDraft, *, caller: Caller = OPERATOR) -> Prompt:
        """Store a prompt with its first version, which is current.

        A caller confined to a tenant creates that tenant's prompts only.

        Raises:
            DuplicateError: the tenant (or, for a shared prompt, the shared ones) has the key already.
            ForbiddenError: the draft names another tenant than the caller's.
        """
        tenant_id = caller.tenant_id if draft.tenant_id is None else draft.tenant_id
        check_may_change(caller, tenant_id, f"Prompt {draft.key!r}")
        now = self._clock()
        prompt_id = new_id("prm")
        prompt = Prompt(
            id=prompt_id,
            key=draft.key,
            name=draft.name,
            description=draft.description,
            layer=draft.layer or None,
            tenant_id=tenant_id,
            current_version=_version(prompt_id, draft.version, now, caller),
            created_at=now,
            created_by=caller.actor,
        )
        await self._repository.add_prompt(prompt, sign(caller, now))
        await self._announcer.committed()
        return prompt

    async def create_version(self, prompt_id: str, draft: VersionDraft, *, caller: Caller = OPERATOR) -> PromptVersion:
        """Store an immutable version under the prompt's next number; the current version stays."""
        prompt = await find_prompt(self._repository, prompt_id, caller)
        check_may_change(caller, prompt.tenant_id, f"Prompt {prompt.key!r}")
        return await self._repository.add_version(_version(prompt_id, draft, self._clock(), caller))

    async def set_current_version(
        self, prompt_id: str, version_id: str, *, pause_experiment: bool = False, caller: Caller = OPERATOR
    ) -> Prompt:
        """Make a version current: forward, or back again.

        While an experiment runs on the prompt this is a conflict, unless `pause_experiment` asks to pause it in the
        same step.

        Raises:
            VersionNotFoundError: the version does not exist or belongs to another prompt.
            ExperimentRunningError: an experiment is RUNNING on the prompt.
        """
        prompt = await find_prompt(self._repository, prompt_id, caller)
        check_may_change(caller, prompt.tenant_id, f"Prompt {prompt.key!r}")
        version = (await self._repository.get_versions([version_id])).get(version_id)
        if version is None or version.prompt_id != prompt_id:
            raise VersionNotFoundError(
                f"Prompt {prompt.key!r} has no version {version_id!r}.", path=("promptVersionId",)
            )
        running = (await self._repository.running_experiments([prompt_id])).get(prompt_id)
        if running is not None and not pause_experiment:
            raise ExperimentRunningError(
                f"Experiment {running.id} ({running.name}) is RUNNING on prompt {prompt.key!r}. Promote one of its "
                "variants, stop it first, or ask to pause it with this change (pauseExperiment).",
                experiment_id=running.id,
            )
        if version.id == prompt.current_version_id and running is None:
            return prompt
        changed = prompt.with_current(version)
        paused = running.stop() if running is not None else None
        await self._repository.save(
            ChangeSet(
                subject=Subject.CURRENT_VERSION_SET,
                signature=sign(caller, self._clock()),
                prompt=changed,
                experiment=paused,
            )
        )
        await self._announcer.committed(running, paused)
        return changed

    async def find_by_key(self, key: str, tenant_id: str | None, *, caller: Caller = OPERATOR) -> Prompt | None:
        """Return the prompt of that key as the tenant sees it: its own first, else the shared one."""
        return nearest(await self._repository.get_prompts_by_key([key]), caller.scope(tenant_id))


def _version(prompt_id: str, draft: VersionDraft, now: datetime, caller: Caller) -> PromptVersion:
    return PromptVersion(
        id=new_id("ver"),
        prompt_id=prompt_id,
        number=1,
        content=draft.content,
        checksum=checksum(draft.content),
        message=draft.message or None,
        model=draft.model or None,
        parameters=dict(draft.parameters),
        created_at=now,
        created_by=caller.actor,
    )
