"""What clients can do."""

from collections.abc import Awaitable
from typing import Annotated, Protocol

import strawberry

from omniforge_graph.domain import experiment as domain
from omniforge_graph.domain import metric as metrics
from omniforge_graph.domain import prompt as prompts
from omniforge_graph.domain.caller import Caller
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.errors import UserError, attempt
from omniforge_graph.graphql.inputs.event import RecordExposuresInput, RecordOutcomesInput
from omniforge_graph.graphql.inputs.experiment import (
    CancelExperimentInput,
    CompleteExperimentInput,
    CreateExperimentInput,
    PlanAnalysisInput,
    PromoteVariantInput,
    StartExperimentInput,
    StopExperimentInput,
)
from omniforge_graph.graphql.inputs.metric import DeclareMetricInput
from omniforge_graph.graphql.inputs.nesting import read_object
from omniforge_graph.graphql.inputs.prompt import CreatePromptInput, CreatePromptVersionInput, SetCurrentVersionInput
from omniforge_graph.graphql.payloads import (
    CancelExperimentPayload,
    CompleteExperimentPayload,
    CreateExperimentPayload,
    CreatePromptPayload,
    CreatePromptVersionPayload,
    DeclareMetricPayload,
    PlanAnalysisPayload,
    PromoteVariantPayload,
    SetCurrentVersionPayload,
    StartExperimentPayload,
    StopExperimentPayload,
)
from omniforge_graph.graphql.types.event import RecordPayload
from omniforge_graph.graphql.types.experiment import Experiment
from omniforge_graph.graphql.types.metric import Metric
from omniforge_graph.graphql.types.prompt import Prompt, PromptVersion

_what = strawberry.argument(description="What to do.")


class Step(Protocol):
    """A use case that moves an experiment along and needs nothing but the experiment."""

    def __call__(
        self, experiment_id: str, *, expected_revision: int | None, caller: Caller
    ) -> Awaitable[domain.PromptExperiment]:
        """Take the step."""


async def _step(
    info: Info, input: StartExperimentInput, step: Step
) -> tuple[domain.PromptExperiment | None, list[UserError]]:
    return await attempt(
        lambda: step(input.experiment_id, expected_revision=input.expected_revision, caller=info.context.caller),
    )


@strawberry.type(description="What clients can do. Expected failures come back as data, in `errors`.")
class Mutation:
    """What clients can do."""

    @strawberry.mutation(description="Create a prompt with its first version, which is current.")
    async def create_prompt(self, info: Info, input: Annotated[CreatePromptInput, _what]) -> CreatePromptPayload:
        """Create a prompt."""

        async def create() -> prompts.Prompt:
            return await info.context.services.prompts.create_prompt(input.to_draft(), caller=info.context.caller)

        prompt, errors = await attempt(create)
        return CreatePromptPayload(prompt=Prompt.of(prompt) if prompt else None, errors=errors)

    @strawberry.mutation(description="Add an immutable version to a prompt; its current version stays.")
    async def create_prompt_version(
        self, info: Info, input: Annotated[CreatePromptVersionInput, _what]
    ) -> CreatePromptVersionPayload:
        """Add a version."""

        async def create() -> prompts.PromptVersion:
            manager = info.context.services.prompts
            return await manager.create_version(input.prompt_id, input.to_draft(), caller=info.context.caller)

        version, errors = await attempt(create)
        return CreatePromptVersionPayload(prompt_version=PromptVersion.of(version) if version else None, errors=errors)

    @strawberry.mutation(description="Make a version current, forward or back. A conflict while an experiment runs.")
    async def set_current_version(
        self, info: Info, input: Annotated[SetCurrentVersionInput, _what]
    ) -> SetCurrentVersionPayload:
        """Set the current version."""

        async def choose() -> prompts.Prompt:
            return await info.context.services.prompts.set_current_version(
                input.prompt_id,
                input.prompt_version_id,
                pause_experiment=input.pause_experiment,
                caller=info.context.caller,
            )

        prompt, errors = await attempt(choose)
        return SetCurrentVersionPayload(prompt=Prompt.of(prompt) if prompt else None, errors=errors)

    @strawberry.mutation(description="Declare a metric on its own. Again with the same definition changes nothing.")
    async def declare_metric(self, info: Info, input: Annotated[DeclareMetricInput, _what]) -> DeclareMetricPayload:
        """Declare a metric."""

        async def declare() -> metrics.Metric:
            catalog = info.context.services.metrics
            return await catalog.declare(input.to_metric(), input.tenant_id, caller=info.context.caller)

        metric, errors = await attempt(declare)
        return DeclareMetricPayload(metric=Metric.of(metric) if metric else None, errors=errors)

    @strawberry.mutation(description="Create a DRAFT experiment on a prompt.")
    async def create_experiment(
        self, info: Info, input: Annotated[CreateExperimentInput, _what]
    ) -> CreateExperimentPayload:
        """Create an experiment."""

        async def create() -> domain.PromptExperiment:
            caller = info.context.caller
            return await info.context.services.experiments.create_experiment(
                input.prompt_id,
                input.name,
                input.description or "",
                input.success_metric,
                [variant.to_draft() for variant in input.variants],
                caller.actor,
                metrics=input.to_metrics(),
                allocation=input.to_allocation(),
                analysis=input.to_plan(),
                caller=caller,
            )

        experiment, errors = await attempt(create)
        return CreateExperimentPayload(experiment=Experiment.of(experiment) if experiment else None, errors=errors)

    @strawberry.mutation(description="Give a DRAFT another analysis plan. From its start on the plan is locked.")
    async def plan_analysis(self, info: Info, input: Annotated[PlanAnalysisInput, _what]) -> PlanAnalysisPayload:
        """Plan the analysis."""

        async def plan() -> domain.PromptExperiment:
            return await info.context.services.experiments.plan_analysis(
                input.experiment_id,
                input.to_plan(),
                expected_revision=input.expected_revision,
                caller=info.context.caller,
            )

        experiment, errors = await attempt(plan)
        return PlanAnalysisPayload(experiment=Experiment.of(experiment) if experiment else None, errors=errors)

    @strawberry.mutation(description="DRAFT or PAUSED → RUNNING.")
    async def start_experiment(
        self, info: Info, input: Annotated[StartExperimentInput, _what]
    ) -> StartExperimentPayload:
        """Start an experiment."""
        experiment, errors = await _step(info, input, info.context.services.experiments.start_experiment)
        return StartExperimentPayload(experiment=Experiment.of(experiment) if experiment else None, errors=errors)

    @strawberry.mutation(description="RUNNING → PAUSED.")
    async def stop_experiment(self, info: Info, input: Annotated[StopExperimentInput, _what]) -> StopExperimentPayload:
        """Pause an experiment."""
        experiment, errors = await _step(info, input, info.context.services.experiments.stop_experiment)
        return StopExperimentPayload(experiment=Experiment.of(experiment) if experiment else None, errors=errors)

    @strawberry.mutation(description="RUNNING or PAUSED → COMPLETED; without results the analysis is kept.")
    async def complete_experiment(
        self, info: Info, input: Annotated[CompleteExperimentInput, _what]
    ) -> CompleteExperimentPayload:
        """Complete an experiment."""

        async def complete() -> domain.PromptExperiment:
            return await info.context.services.experiments.complete_experiment(
                input.experiment_id,
                read_object(input.results, "results") if input.results is not None else None,
                expected_revision=input.expected_revision,
                caller=info.context.caller,
            )

        experiment, errors = await attempt(complete)
        return CompleteExperimentPayload(experiment=Experiment.of(experiment) if experiment else None, errors=errors)

    @strawberry.mutation(description="DRAFT, RUNNING or PAUSED → CANCELLED.")
    async def cancel_experiment(
        self, info: Info, input: Annotated[CancelExperimentInput, _what]
    ) -> CancelExperimentPayload:
        """Cancel an experiment."""
        experiment, errors = await _step(info, input, info.context.services.experiments.cancel_experiment)
        return CancelExperimentPayload(experiment=Experiment.of(experiment) if experiment else None, errors=errors)

    @strawberry.mutation(description="Make a variant's version current and complete its experiment, in one step.")
    async def promote_variant(self, info: Info, input: Annotated[PromoteVariantInput, _what]) -> PromoteVariantPayload:
        """Promote a variant."""

        async def promote() -> tuple[prompts.Prompt, domain.PromptExperiment]:
            caller = info.context.caller
            return await info.context.services.experiments.promote(
                input.experiment_id,
                input.variant_id,
                caller.actor,
                expected_revision=input.expected_revision,
                caller=caller,
            )

        promoted, errors = await attempt(promote)
        if promoted is None:
            return PromoteVariantPayload(prompt=None, experiment=None, errors=errors)
        prompt, experiment = promoted
        return PromoteVariantPayload(prompt=Prompt.of(prompt), experiment=Experiment.of(experiment), errors=errors)

    @strawberry.mutation(description="Record exposures; the first one of a unit counts.")
    async def record_exposures(self, info: Info, input: Annotated[RecordExposuresInput, _what]) -> RecordPayload:
        """Record exposures."""
        recorder = info.context.services.recorder
        return await RecordPayload.of(await recorder.record_exposures(input.events, caller=info.context.caller))

    @strawberry.mutation(description="Record outcomes of exposed units.")
    async def record_outcomes(self, info: Info, input: Annotated[RecordOutcomesInput, _what]) -> RecordPayload:
        """Record outcomes."""
        recorder = info.context.services.recorder
        return await RecordPayload.of(await recorder.record_outcomes(input.events, caller=info.context.caller))
