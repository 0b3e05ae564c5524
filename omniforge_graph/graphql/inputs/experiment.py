"""Experiments to create, move along or list."""

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import DEFAULT_MINIMUM_EFFECT, DEFAULT_STRATEGY, AnalysisPlan
from omniforge_graph.graphql.enums import Aggregation, Direction, ExperimentStatus, HashAlgorithm, MetricKind
from omniforge_graph.graphql.inputs.nesting import read_object, under
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


@strawberry.input(description="A metric to declare.")
class MetricInput:
    """A metric to declare."""

    key: str = strawberry.field(description="Letters, digits and . _ : / -.")
    kind: MetricKind = strawberry.field(description="What its values are.")
    direction: Direction = strawberry.field(
        default=Direction.HIGHER_IS_BETTER, description="Whether a larger value is good news."
    )
    aggregation: Aggregation | None = strawberry.field(
        default=None,
        description="How a unit's outcomes become one: ANY for BINARY, else SUM unless MEAN is given.",
    )
    description: str | None = strawberry.field(default=None, description="What it measures, for people.")

    def to_metric(self) -> Metric:
        """Return the domain's value; raises `ValidationError`."""
        return Metric(self.key, self.kind, self.direction, self.aggregation, self.description or "")


@strawberry.input(description="A metric to declare on its own.")
class DeclareMetricInput(MetricInput):
    """A metric to declare on its own."""

    tenant_id: ID | None = strawberry.field(default=None, description="Its tenant; without one all tenants share it.")


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


@strawberry.input(description="How the results shall be judged.")
class AnalysisInput:
    """How the results shall be judged."""

    test: str | None = strawberry.field(
        default=None, description="A statistical test; chosen by the metric unless given."
    )
    options: JSON | None = strawberry.field(default=None, description="The test's options, a JSON object.")
    confidence_level: float = strawberry.field(default=0.95, description="How sure to be, above 0.5 and below 1.")
    power: float = strawberry.field(default=0.8, description="The chance to detect the minimum effect, 0 to 1.")
    minimum_effect: float = strawberry.field(
        default=DEFAULT_MINIMUM_EFFECT, description="The smallest difference worth detecting; 0.2 is 20 %."
    )
    relative: bool = strawberry.field(default=True, description="Whether the minimum effect is relative.")

    def to_plan(self) -> AnalysisPlan:
        """Return the domain's value; raises `ValidationError`."""
        return AnalysisPlan(
            test=self.test,
            options=read_object(self.options, "options"),
            confidence_level=self.confidence_level,
            power=self.power,
            minimum_effect=self.minimum_effect,
            relative=self.relative,
        )


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
