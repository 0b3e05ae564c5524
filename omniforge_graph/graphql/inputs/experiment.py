"""Experiments to create, move along or list."""

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import DEFAULT_STRATEGY, AnalysisPlan
from omniforge_graph.graphql.enums import ExperimentStatus, HashAlgorithm
from omniforge_graph.graphql.inputs.metric import MetricInput
from omniforge_graph.graphql.inputs.nesting import read_object, under
from omniforge_graph.graphql.inputs.plan import AnalysisInput
from omniforge_graph.services.drafting import AllocationDraft, VariantDraft
from omniforge_graph.services.repository import ExperimentFilter as DomainFilter


@strawberry.input(description="A variant of a new experiment.")
class VariantInput:
    """A variant of a new experiment."""

    name: str = strawberry.field(description="Unique within the experiment.")
    prompt_version_id: ID = strawberry.field(description="A version of the experiment's prompt.")
    traffic_percentage: float = strawberry.field(description="Above 0, two decimals at most; all sum to exactly 100.")
    is_control: bool = strawberry.field(default=False, description="The first is the control unless one is marked.")

    def to_draft(self) -> VariantDraft:
        """Return the domain's value."""
        return VariantDraft(self.name, self.prompt_version_id, self.traffic_percentage, self.is_control)


@strawberry.input(description="How traffic shall be split.")
class AllocationInput:
    """How traffic shall be split."""

    strategy: str = strawberry.field(default=DEFAULT_STRATEGY, description="An allocation strategy's name.")
    options: JSON | None = strawberry.field(default=None, description="The strategy's options, a JSON object.")
    hash_algorithm: HashAlgorithm = strawberry.field(
        default=HashAlgorithm.XXH3_64, description="The hash that places units."
    )
    seed: str | None = strawberry.field(
        default=None, description="The seed of the hash; the experiment's id unless given."
    )

    def to_draft(self) -> AllocationDraft:
        """Return the domain's value; raises `ValidationError`."""
        return AllocationDraft(self.strategy, read_object(self.options, "options"), self.hash_algorithm, self.seed)


@strawberry.input(description="An experiment to create.")
class CreateExperimentInput:
    """An experiment to create."""

    prompt_id: ID = strawberry.field(description="The prompt whose versions to compare.")
    name: str = strawberry.field(description="Its name, for people.")
    success_metric: str = strawberry.field(
        description="The key of the metric that decides; one nobody declared becomes BINARY, higher is better."
    )
    variants: list[VariantInput] = strawberry.field(description="Two or more.")
    description: str | None = strawberry.field(default=None, description="What it is meant to find out.")
    metrics: list[MetricInput] | None = strawberry.field(default=None, description="Metrics to declare with it.")
    allocation: AllocationInput | None = strawberry.field(default=None, description="How traffic shall be split.")
    analysis: AnalysisInput | None = strawberry.field(default=None, description="How the results shall be judged.")

    def to_metrics(self) -> list[Metric]:
        """Return the declared metrics; raises `ValidationError` with the way to the one at fault."""
        declared = []
        for index, metric in enumerate(self.metrics or ()):
            with under("metrics", index):
                declared.append(metric.to_metric())
        return declared

    def to_allocation(self) -> AllocationDraft | None:
        """Return how traffic shall be split; raises `ValidationError` with the way to the field at fault."""
        with under("allocation"):
            return self.allocation.to_draft() if self.allocation is not None else None

    def to_plan(self) -> AnalysisPlan | None:
        """Return the analysis plan; raises `ValidationError` with the way to the field at fault."""
        with under("analysis"):
            return self.analysis.to_plan() if self.analysis is not None else None


@strawberry.input(description="A new analysis plan for a draft.")
class PlanAnalysisInput:
    """A new analysis plan for a draft."""

    experiment_id: ID = strawberry.field(description="The experiment, a DRAFT.")
    analysis: AnalysisInput = strawberry.field(description="The whole plan: what is left out takes its default.")
    expected_revision: int | None = strawberry.field(default=None, description="Refuse if it has another revision.")

    def to_plan(self) -> AnalysisPlan:
        """Return the analysis plan; raises `ValidationError` with the way to the field at fault."""
        with under("analysis"):
            return self.analysis.to_plan()


@strawberry.input(description="An experiment to start.")
class StartExperimentInput:
    """An experiment to start."""

    experiment_id: ID = strawberry.field(description="The experiment.")
    expected_revision: int | None = strawberry.field(default=None, description="Refuse if it has another revision.")


@strawberry.input(description="An experiment to pause.")
class StopExperimentInput(StartExperimentInput):
    """An experiment to pause."""


@strawberry.input(description="An experiment to give up.")
class CancelExperimentInput(StartExperimentInput):
    """An experiment to give up."""


@strawberry.input(description="An experiment to complete.")
class CompleteExperimentInput(StartExperimentInput):
    """An experiment to complete."""

    results: JSON | None = strawberry.field(
        default=None, description="What to keep with it, a JSON object; the analysis of the moment unless given."
    )


@strawberry.input(description="The variant whose version shall become the prompt's current one.")
class PromoteVariantInput(StartExperimentInput):
    """The variant to promote."""

    variant_id: ID = strawberry.field(description="One of the experiment's variants.")


@strawberry.input(description="Compare an experiment's status.")
class ExperimentStatusFilter:
    """Compare an experiment's status."""

    eq: ExperimentStatus | None = strawberry.field(default=None, description="Equal to this one.")
    in_: list[ExperimentStatus] | None = strawberry.field(name="in", default=None, description="One of these.")


@strawberry.input(description="Which experiments to list; all conditions must hold.")
class ExperimentFilter:
    """Which experiments to list."""

    status: ExperimentStatusFilter | None = strawberry.field(default=None, description="By status.")
    prompt_id: ID | None = strawberry.field(default=None, description="By prompt.")

    def to_domain(self, tenant_id: str | None) -> DomainFilter:
        """Return the domain's value, confined to what `tenant_id` may see."""
        statuses: tuple[ExperimentStatus, ...] | None = None
        if self.status is not None and self.status.in_ is not None:
            statuses = tuple(self.status.in_)
        if self.status is not None and self.status.eq is not None:
            eq = self.status.eq
            statuses = (eq,) if statuses is None or eq in statuses else ()
        return DomainFilter(statuses=statuses, prompt_id=self.prompt_id, tenant_id=tenant_id)
