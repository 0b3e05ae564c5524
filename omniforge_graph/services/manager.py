"""The experiment manager: create, start, stop, complete, cancel, promote, select."""

from collections.abc import Mapping, Sequence
from typing import Any

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.change import ChangeSet, Subject
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.domain.prompt import Prompt
from omniforge_graph.domain.selection import PromptSlot, VariantSelection
from omniforge_graph.domain.text import clean_json
from omniforge_graph.errors import AlreadyRunningError, DuplicateError, ValidationError, VersionNotFoundError
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.analyses import AnalysisService
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.drafting import (
    AllocationDraft,
    VariantDraft,
    draft_experiment,
    read_variants,
)
from omniforge_graph.services.feed import Announcer, ChangeFeed
from omniforge_graph.services.identity import Clock, sign, utc_now
from omniforge_graph.services.keeper import SnapshotKeeper
from omniforge_graph.services.lookup import check_may_change, find_experiment, find_prompt
from omniforge_graph.services.metrics import choose_metrics
from omniforge_graph.services.plans import check_plans
from omniforge_graph.services.repository import PromptRepository
from omniforge_graph.services.selector import Selector


class ExperimentManager:
    """Runs experiments on prompt versions.

    ``ExperimentManager(repository)`` alone works: it loads the installed plugins and follows the changes of other
    processes. A server hands in the parts it shares.
    """

    def __init__(
        self,
        repository: PromptRepository,
        *,
        registry: PluginRegistry | None = None,
        feed: ChangeFeed | None = None,
        selector: Selector | None = None,
        analyses: AnalysisService | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._repository = repository
        self._registry = registry or installed_plugins()
        self._feed = feed or ChangeFeed(repository)
        self._selector = selector or self._own_selector()
        self._analyses = analyses or AnalysisService(
            repository, self._registry, ExperimentAnalyzer(self._registry), clock=clock
        )
        self._announcer = Announcer(self._feed, self._registry)
        self._clock = clock

    async def create_experiment(
        self,
        prompt_id: str,
        name: str,
        description: str,
        success_metric: str | Metric,
        variants: Sequence[VariantDraft | Mapping[str, Any]],
        created_by: str,
        *,
        metrics: Sequence[Metric] = (),
        allocation: AllocationDraft | None = None,
        analysis: AnalysisPlan | None = None,
        caller: Caller = OPERATOR,
    ) -> PromptExperiment:
        """Store a DRAFT experiment on a prompt of the tenant or a shared one.

        `variants` are drafts, or mappings with `name`, `prompt_version_id`, `traffic_percentage` and optionally
        `is_control`. `success_metric` is a metric's key; one that is neither known nor declared in `metrics` becomes
        BINARY, higher is better.

        Raises:
            ValidationError: the shape is wrong; `path` names the field.
            PromptNotFoundError, VersionNotFoundError, UnknownPluginError: something named does not exist.
            DuplicateError: a metric is declared differently already.
            RefusedByPluginError: a plugin's check refuses it.
        """
        prompt = await find_prompt(self._repository, prompt_id, caller)
        drafts = read_variants(variants)
        await self._check_versions(prompt, drafts)
        tenant_id = caller.tenant_id if caller.tenant_id is not None else prompt.tenant_id
        plan = analysis or AnalysisPlan()
        measured, new_metrics = await choose_metrics(self._repository, success_metric, metrics, plan, tenant_id)
        now = self._clock()
        experiment = draft_experiment(
            prompt,
            name,
            description,
            measured,
            drafts,
            created_by=created_by,
            now=now,
            tenant_id=tenant_id,
            allocation=allocation or AllocationDraft(),
            analysis=plan,
        )
        check_plans(self._registry, experiment)
        self._registry.check_experiment(experiment)
        try:
            await self._repository.add_experiment(experiment, new_metrics, sign(caller, now, created_by))
        except DuplicateError as problem:
            problem.path = ("metrics",)
            raise
        await self._announcer.committed(None, experiment)
        return experiment

    async def plan_analysis(
        self,
        experiment_id: str,
        analysis: AnalysisPlan,
        *,
        expected_revision: int | None = None,
        caller: Caller = OPERATOR,
    ) -> PromptExperiment:
        """Give a DRAFT another analysis plan. From the start on the plan is locked: data must not choose it.

        Raises:
            InvalidTransitionError: the experiment is no DRAFT.
            ValidationError, UnknownPluginError, IncompatibleTestError: the plan does not fit the experiment.
            RefusedByPluginError: a plugin's check refuses it.
        """
        before = await self._get(experiment_id, expected_revision, caller)
        after = before.plan(analysis)
        check_plans(self._registry, after)
        self._registry.check_experiment(after)
        return await self._save(Subject.ANALYSIS_PLANNED, before, after, caller)

    async def start_experiment(
        self, experiment_id: str, *, expected_revision: int | None = None, caller: Caller = OPERATOR
    ) -> PromptExperiment:
        """DRAFT or PAUSED → RUNNING; the date of the first start is kept.

        Raises:
            InvalidTransitionError: the experiment is in another state.
            AlreadyRunningError: another experiment is RUNNING on the prompt.
            RefusedByPluginError: a plugin's check refuses it.
        """
        before = await self._get(experiment_id, expected_revision, caller)
        after = before.start(self._clock())
        running = (await self._repository.running_experiments([before.prompt_id])).get(before.prompt_id)
        if running is not None:
            raise already_running(running, caller)
        check_plans(self._registry, after)
        self._registry.check_experiment(after)
        return await self._save(Subject.EXPERIMENT_STARTED, before, after, caller)

    async def stop_experiment(
        self, experiment_id: str, *, expected_revision: int | None = None, caller: Caller = OPERATOR
    ) -> PromptExperiment:
        """RUNNING → PAUSED: units get the prompt's current version until it is started again."""
        before = await self._get(experiment_id, expected_revision, caller)
        return await self._save(Subject.EXPERIMENT_STOPPED, before, before.stop(), caller)

    async def complete_experiment(
        self,
        experiment_id: str,
        results: Mapping[str, Any] | None = None,
        *,
        expected_revision: int | None = None,
        caller: Caller = OPERATOR,
    ) -> PromptExperiment:
        """RUNNING or PAUSED → COMPLETED with `results` kept; without any, the analysis of the moment is kept."""
        before = await self._get(experiment_id, expected_revision, caller)
        before.complete(self._clock(), {})  # Refuse before the costly part.
        kept = await self._analyses.results(before) if results is None else clean_json(results, ("results",))
        # It ends now and not before its analysis: what was recorded meanwhile counts.
        return await self._save(Subject.EXPERIMENT_COMPLETED, before, before.complete(self._clock(), kept), caller)

    async def cancel_experiment(
        self, experiment_id: str, *, expected_revision: int | None = None, caller: Caller = OPERATOR
    ) -> PromptExperiment:
        """DRAFT, RUNNING or PAUSED → CANCELLED."""
        before = await self._get(experiment_id, expected_revision, caller)
        return await self._save(Subject.EXPERIMENT_CANCELLED, before, before.cancel(self._clock()), caller)

    async def promote_variant(
        self,
        experiment_id: str,
        variant_id: str,
        promoted_by: str,
        *,
        expected_revision: int | None = None,
        caller: Caller = OPERATOR,
    ) -> Prompt:
        """Make the variant's version current and complete the experiment; return the prompt. See `promote`."""
        prompt, _ = await self.promote(
            experiment_id, variant_id, promoted_by, expected_revision=expected_revision, caller=caller
        )
        return prompt

    async def promote(
        self,
        experiment_id: str,
        variant_id: str,
        promoted_by: str,
        *,
        expected_revision: int | None = None,
        caller: Caller = OPERATOR,
    ) -> tuple[Prompt, PromptExperiment]:
        """Make the variant's version current and complete the experiment, in one transaction; return both.

        From RUNNING, PAUSED or COMPLETED; once per experiment. The analysis it rested on is kept with it.

        Raises:
            InvalidTransitionError, AlreadyPromotedError, VariantNotFoundError, ForbiddenError
        """
        before = await self._get(experiment_id, expected_revision, caller)
        before.promote(variant_id, self._clock(), {})  # Refuse before the costly part.
        prompt = await find_prompt(self._repository, before.prompt_id, caller)
        check_may_change(caller, prompt.tenant_id, f"Prompt {prompt.key!r}")
        kept = await self._analyses.results(before) if before.results is None else before.results
        now = self._clock()
        after = before.promote(variant_id, now, kept)
        version_id = after.variant(variant_id).prompt_version_id
        version = (await self._repository.get_versions([version_id]))[version_id]
        promoted = prompt.with_current(version)
        await self._repository.save(
            ChangeSet(Subject.VARIANT_PROMOTED, sign(caller, now, promoted_by), after, promoted)
        )
        await self._announcer.committed(before, after)
        return promoted, after

    async def select_variant(
        self, prompts: Mapping[str, Any], tenant_id: str, *, unit_id: str | None = None, caller: Caller = OPERATOR
    ) -> VariantSelection | None:
        """Return the selection of the first slot whose prompt has a running experiment, or None.

        `prompts` maps a slot's name to a prompt: its id, its key, or the `Prompt` itself. Nothing is recorded: report
        the exposure when the unit meets the variant.
        """
        if not isinstance(prompts, Mapping):
            raise ValidationError("prompts must map each slot's name to a prompt.", path=("prompts",))
        slots = [_slot(name, prompt) for name, prompt in prompts.items()]
        return await self._selector.select_first(slots, tenant_id, unit_id=unit_id, caller=caller)

    def _own_selector(self) -> Selector:
        keeper = SnapshotKeeper(self._repository, TrafficAllocator(self._registry))
        self._feed.follow(keeper)
        return Selector(keeper, self._feed)

    async def _get(self, experiment_id: str, expected_revision: int | None, caller: Caller) -> PromptExperiment:
        experiment = await find_experiment(self._repository, experiment_id, caller)
        check_may_change(caller, experiment.tenant_id, f"Experiment {experiment.id}")
        experiment.expect_revision(expected_revision)
        return experiment

    async def _save(
        self, subject: Subject, before: PromptExperiment, after: PromptExperiment, caller: Caller
    ) -> PromptExperiment:
        try:
            await self._repository.save(ChangeSet(subject, sign(caller, self._clock()), experiment=after))
        except AlreadyRunningError as problem:
            # The repository does not know who asks; who may see the other experiment is told which one it is.
            running = (await self._repository.running_experiments([after.prompt_id])).get(after.prompt_id)
            raise (already_running(running, caller) if running else problem) from None
        await self._announcer.committed(before, after)
        return after

    async def _check_versions(self, prompt: Prompt, drafts: Sequence[VariantDraft]) -> None:
        versions = await self._repository.get_versions({draft.prompt_version_id for draft in drafts})
        for index, draft in enumerate(drafts):
            version = versions.get(draft.prompt_version_id)
            if version is None or version.prompt_id != prompt.id:
                raise VersionNotFoundError(
                    f"Prompt {prompt.key!r} has no version {draft.prompt_version_id!r}.",
                    path=("variants", index, "promptVersionId"),
                )


def already_running(running: PromptExperiment, caller: Caller) -> AlreadyRunningError:
    """Return the conflict; it names the other experiment only to those who may see it."""
    visible = caller.may_see(running.tenant_id)
    name = f"Experiment {running.id} ({running.name})" if visible else "Another experiment"
    return AlreadyRunningError(
        f"{name} is RUNNING on this prompt; stop or complete it first: one experiment runs per prompt at a time.",
        experiment_id=running.id if visible else None,
    )


def _slot(name: str, prompt: Any) -> PromptSlot:
    if isinstance(prompt, Prompt):
        return PromptSlot(name, prompt_id=prompt.id)
    if isinstance(prompt, PromptSlot):
        return prompt
    if not isinstance(prompt, str):
        raise ValidationError(
            f"Slot {name!r} must name a prompt by its id or key, not {type(prompt).__name__}.", path=("prompts", name)
        )
    return PromptSlot(name, prompt_id=prompt) if prompt.startswith("prm_") else PromptSlot(name, prompt_key=prompt)
