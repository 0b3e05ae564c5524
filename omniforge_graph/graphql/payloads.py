"""What mutations answer: the entity, or the errors that the caller can mend."""

import strawberry

from omniforge_graph.graphql.errors import UserError
from omniforge_graph.graphql.types.experiment import Experiment
from omniforge_graph.graphql.types.metric import Metric
from omniforge_graph.graphql.types.prompt import Prompt, PromptVersion


@strawberry.interface(description="What every such mutation answers.")
class Payload:
    """What every such mutation answers."""

    errors: list[UserError] = strawberry.field(description="What the caller can mend; empty on success.")


@strawberry.type(description="The prompt that was created, or the errors.")
class CreatePromptPayload(Payload):
    """The prompt that was created, or the errors."""

    prompt: Prompt | None = strawberry.field(description="The prompt that was created; null with errors.")


@strawberry.type(description="The version that was added, or the errors.")
class CreatePromptVersionPayload(Payload):
    """The version that was added, or the errors."""

    prompt_version: PromptVersion | None = strawberry.field(description="The version that was added; null with errors.")


@strawberry.type(description="The prompt with its current version, or the errors.")
class SetCurrentVersionPayload(Payload):
    """The prompt with its current version, or the errors."""

    prompt: Prompt | None = strawberry.field(description="The prompt with its current version; null with errors.")


@strawberry.type(description="The metric that was declared, or the errors.")
class DeclareMetricPayload(Payload):
    """The metric that was declared, or the errors."""

    metric: Metric | None = strawberry.field(description="The metric that was declared; null with errors.")


@strawberry.type(description="The experiment that was created, or the errors.")
class CreateExperimentPayload(Payload):
    """The experiment that was created, or the errors."""

    experiment: Experiment | None = strawberry.field(description="The experiment that was created; null with errors.")


@strawberry.type(description="The experiment with its new analysis plan, or the errors.")
class PlanAnalysisPayload(Payload):
    """The experiment with its new analysis plan, or the errors."""

    experiment: Experiment | None = strawberry.field(description="The experiment with its new plan; null with errors.")


@strawberry.type(description="The experiment that was started, or the errors.")
class StartExperimentPayload(Payload):
    """The experiment that was started, or the errors."""

    experiment: Experiment | None = strawberry.field(description="The experiment that was started; null with errors.")


@strawberry.type(description="The experiment that was paused, or the errors.")
class StopExperimentPayload(Payload):
    """The experiment that was paused, or the errors."""

    experiment: Experiment | None = strawberry.field(description="The experiment that was paused; null with errors.")


@strawberry.type(description="The experiment that was completed, or the errors.")
class CompleteExperimentPayload(Payload):
    """The experiment that was completed, or the errors."""

    experiment: Experiment | None = strawberry.field(description="The experiment that was completed; null with errors.")


@strawberry.type(description="The experiment that was cancelled, or the errors.")
class CancelExperimentPayload(Payload):
    """The experiment that was cancelled, or the errors."""

    experiment: Experiment | None = strawberry.field(description="The experiment that was cancelled; null with errors.")


@strawberry.type(description="The prompt and the experiment after a promotion, or the errors.")
class PromoteVariantPayload(Payload):
    """The prompt and the experiment after a promotion, or the errors."""

    prompt: Prompt | None = strawberry.field(description="The prompt with its new current version; null with errors.")
    experiment: Experiment | None = strawberry.field(description="The completed experiment; null with errors.")
