"""Experiments, their variants, plans and history."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain import change as changes
from omniforge_graph.domain import experiment as domain
from omniforge_graph.domain import metric as metrics
from omniforge_graph.domain import plan as plans
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.enums import (
    Aggregation,
    Direction,
    ExperimentStatus,
    HashAlgorithm,
    MetricKind,
    Subject,
)
from omniforge_graph.graphql.types.analysis import Analysis
from omniforge_graph.graphql.types.prompt import Prompt, PromptVersion
from omniforge_graph.services.analyses import AnalysisRequest


@strawberry.type(description="What is measured for a unit, and which direction is better.")
class Metric:
    """What is measured for a unit, and which direction is better."""

    key: str = strawberry.field(description="Its key.")
    kind: MetricKind = strawberry.field(description="What its values are.")
    direction: Direction = strawberry.field(description="Whether a larger value is good news.")
    aggregation: Aggregation = strawberry.field(description="How a unit's outcomes become its single value.")
    description: str = strawberry.field(description="What it measures, for people.")

    @classmethod
    def of(cls, metric: metrics.Metric) -> "Metric":
        """Build it from the domain's value."""
        assert metric.aggregation is not None
        return cls(
            key=metric.key,
            kind=metric.kind,
            direction=metric.direction,
            aggregation=metric.aggregation,
            description=metric.description,
        )


@strawberry.type(description="A named arm of an experiment: a prompt version and its share of the traffic.")
class Variant:
    """A named arm of an experiment."""

    id: ID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name, unique within the experiment.")
    traffic_percentage: float = strawberry.field(description="Its share of the traffic, 0 to 100, in steps of 0.01.")
    is_control: bool = strawberry.field(description="Whether the other variants are compared with this one.")
    experiment_id: strawberry.Private[str]
    version_id: strawberry.Private[str]

    @strawberry.field(description="The version it serves.")
    async def prompt_version(self, info: Info) -> PromptVersion:
        """Load the version."""
        version = await info.context.loaders.versions.load(self.version_id)
        assert version is not None
        return PromptVersion.of(version)

    @strawberry.field(description="How many units were exposed to it.")
    async def exposure_count(self, info: Info) -> int:
        """Load the counts of the experiment."""
        counts = await info.context.loaders.exposure_counts.load(self.experiment_id)
        return (counts or {}).get(self.id, 0)

    @classmethod
    def of(cls, variant: domain.Variant, experiment_id: str) -> "Variant":
        """Build it from the domain's value."""
        return cls(
            id=ID(variant.id),
            name=variant.name,
            traffic_percentage=variant.traffic_percentage,
            is_control=variant.is_control,
            experiment_id=experiment_id,
            version_id=variant.prompt_version_id,
        )


@strawberry.type(description="How traffic is split. Fixed with the experiment, never implied by the code.")
class Allocation:
    """How traffic is split."""

    strategy: str = strawberry.field(description="The allocation strategy.")
    options: JSON = strawberry.field(description="The strategy's options.")
    hash_algorithm: HashAlgorithm = strawberry.field(description="The hash that places units.")
    seed: str = strawberry.field(description="The seed of the hash.")

    @classmethod
    def of(cls, plan: plans.AllocationPlan) -> "Allocation":
        """Build it from the domain's value."""
        return cls(
            strategy=plan.strategy, options=JSON(plan.options), hash_algorithm=plan.hash_algorithm, seed=plan.seed
        )


@strawberry.type(description="How the results will be judged.")
class AnalysisPlan:
    """How the results will be judged."""

    test: str | None = strawberry.field(description="The statistical test; null lets the plugins choose.")
    options: JSON = strawberry.field(description="The test's options.")
    confidence_level: float = strawberry.field(description="How sure to be, 0.5 to 1.")
    power: float = strawberry.field(description="The chance to detect the minimum effect if it exists, 0 to 1.")
    minimum_effect: float = strawberry.field(description="The smallest difference worth detecting.")
    relative: bool = strawberry.field(description="Whether the minimum effect is relative to the control's mean.")

    @classmethod
    def of(cls, plan: plans.AnalysisPlan) -> "AnalysisPlan":
        """Build it from the domain's value."""
        return cls(
            test=plan.test,
            options=JSON(plan.options),
            confidence_level=plan.confidence_level,
            power=plan.power,
            minimum_effect=plan.minimum_effect,
            relative=plan.relative,
        )


@strawberry.type(description="An entry of the audit trail.")
class HistoryEntry:
    """An entry of the audit trail."""

    subject: Subject = strawberry.field(description="What happened.")
    actor: str = strawberry.field(description="Who did it.")
    at: datetime = strawberry.field(description="When.")
    request_id: str | None = strawberry.field(description="In which request, if it had an id.")
    status: ExperimentStatus = strawberry.field(description="The experiment's status from then on.")
    revision: int = strawberry.field(description="The experiment's revision from then on.")

    @classmethod
    def of(cls, change: changes.Change) -> "HistoryEntry":
        """Build it from the domain's value."""
        assert change.experiment is not None
        signature = change.signature
        return cls(
            subject=change.subject,
            actor=signature.actor,
            at=signature.at,
            request_id=signature.request_id,
            status=change.experiment.status,
            revision=change.experiment.revision,
        )


@strawberry.type(description="A comparison of two or more variants of one prompt.")
class Experiment:
    """A comparison of two or more variants of one prompt."""

    id: ID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name, for people.")
    description: str = strawberry.field(description="What it is meant to find out.")
    status: ExperimentStatus = strawberry.field(description="Where it is in its life.")
    revision: int = strawberry.field(description="Grows by one with every change; for `expectedRevision`.")
    tenant_id: ID | None = strawberry.field(description="The tenant it is confined to; null if it is for all.")
    created_at: datetime = strawberry.field(description="When it was created.")
    created_by: str = strawberry.field(description="Who created it.")
    start_date: datetime | None = strawberry.field(description="When it was first started.")
    end_date: datetime | None = strawberry.field(description="When it was completed or cancelled.")
    results: JSON | None = strawberry.field(description="What was kept when it was completed.")
    metrics: list[Metric] = strawberry.field(description="What it measures; the first one decides.")
    success_metric: Metric = strawberry.field(description="The metric that decides.")
    variants: list[Variant] = strawberry.field(description="Its arms, in the order they were given.")
    promoted_variant: Variant | None = strawberry.field(description="The variant that was promoted, if any.")
    allocation: Allocation = strawberry.field(description="How traffic is split.")
    analysis_plan: AnalysisPlan = strawberry.field(description="How the results will be judged.")
    entity: strawberry.Private[domain.PromptExperiment]

    @strawberry.field(description="The prompt whose versions it compares.")
    async def prompt(self, info: Info) -> Prompt:
        """Load the prompt."""
        prompt = await info.context.loaders.prompts.load(self.entity.prompt_id)
        assert prompt is not None
        return Prompt.of(prompt)

    @strawberry.field(description="What the data show so far.")
    async def analysis(
        self,
        info: Info,
        metric: Annotated[
            str | None, strawberry.argument(description="A metric's key; the success metric unless given.")
        ] = None,
        test: Annotated[
            str | None, strawberry.argument(description="A statistical test; the plan's unless given.")
        ] = None,
    ) -> Analysis | None:
        """Analyse the experiment."""
        result = await info.context.loaders.analyses.load(AnalysisRequest(self.entity, metric, test))
        return Analysis.of(result, self.entity.metric(result.metric), self.variants)

    @strawberry.field(description="Everything that was done to it, the oldest first.")
    async def history(self, info: Info) -> list[HistoryEntry]:
        """Read the audit trail."""
        trail = await info.context.loaders.histories.load(self.id)
        return [HistoryEntry.of(change) for change in trail or ()]

    @classmethod
    def of(cls, experiment: domain.PromptExperiment) -> "Experiment":
        """Build it from the domain's value."""
        variants = [Variant.of(variant, experiment.id) for variant in experiment.variants]
        described = [Metric.of(metric) for metric in experiment.metrics]
        promoted = experiment.promoted_variant_id
        return cls(
            id=ID(experiment.id),
            name=experiment.name,
            description=experiment.description,
            status=experiment.status,
            revision=experiment.revision,
            tenant_id=ID(experiment.tenant_id) if experiment.tenant_id is not None else None,
            created_at=experiment.created_at,
            created_by=experiment.created_by,
            start_date=experiment.start_date,
            end_date=experiment.end_date,
            results=JSON(experiment.results) if experiment.results is not None else None,
            metrics=described,
            success_metric=described[0],
            variants=variants,
            promoted_variant=next((each for each in variants if each.id == promoted), None),
            allocation=Allocation.of(experiment.allocation),
            analysis_plan=AnalysisPlan.of(experiment.analysis),
            entity=experiment,
        )
