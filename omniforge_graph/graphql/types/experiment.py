"""Experiments and their history."""

from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain import change as changes
from omniforge_graph.domain import experiment as domain
from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.look import Look
from omniforge_graph.errors import MetricNotFoundError, OmniForgeError
from omniforge_graph.graphql.connections import Edge, encode_cursor
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.enums import ExperimentStatus, Subject
from omniforge_graph.graphql.once import once
from omniforge_graph.graphql.plans import Stable, batched, one
from omniforge_graph.graphql.types.analysis import Analysis, SliceAnalysis
from omniforge_graph.graphql.types.look import AnalysisLook
from omniforge_graph.graphql.types.metric import Metric
from omniforge_graph.graphql.types.plan import Allocation, AnalysisPlan
from omniforge_graph.graphql.types.prompt import Prompt
from omniforge_graph.graphql.types.variant import Variant
from omniforge_graph.services.analyses import AnalysisRequest

MetricKey = Annotated[str | None, strawberry.argument(description="A metric's key; the success metric unless given.")]
TestName = Annotated[str | None, strawberry.argument(description="A statistical test; the plan's unless given.")]


async def _prompts(experiments: Sequence["Experiment"], info: Info) -> list[Prompt]:
    """Read the prompts of experiments: who may see an experiment may see its prompt."""
    found = await info.context.services.repository.get_prompts({each.entity.prompt_id for each in experiments})
    return [Prompt.of(found[each.entity.prompt_id]) for each in experiments]


async def _analyses(requests: Sequence[AnalysisRequest], info: Info) -> list[AnalysisResult | OmniForgeError]:
    """Analyse together all that is asked at the same time, each question once."""
    asked = {_question(request): request for request in requests}
    answers = await info.context.services.analyses.analyze_many(list(asked.values()))
    by_question = dict(zip(asked, answers, strict=True))
    return [by_question[_question(request)] for request in requests]


def _question(request: AnalysisRequest) -> Hashable:
    """Return what makes two requests the same; an experiment itself holds mappings, which cannot be hashed."""
    return request.experiment.id, request.metric, request.test


async def _looks(
    experiments: Sequence["Experiment"], info: Info, metric: str | None
) -> list[list[AnalysisLook] | MetricNotFoundError]:
    """Read the looks at experiments."""
    found = await info.context.services.repository.get_looks({each.id for each in experiments})
    return [each.looks(found.get(each.id, ()), metric) for each in experiments]


async def _histories(experiments: Sequence["Experiment"], info: Info) -> list[list["HistoryEntry"]]:
    """Read the audit trails of experiments."""
    found = await info.context.services.repository.histories({each.id for each in experiments})
    return [[HistoryEntry.of(change) for change in found.get(each.id, ())] for each in experiments]


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
class Experiment(Stable):
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

    @strawberry.field(description="The prompt whose versions it compares.", metadata=batched(_prompts))
    async def prompt(self, info: Info) -> Prompt:
        """Read the prompt."""
        return await one(_prompts, self, info)

    @strawberry.field(
        description="What the data show so far. Asking for a metric that decides, by the plan's test, is a look."
    )
    async def analysis(self, info: Info, metric: MetricKey = None, test: TestName = None) -> Analysis | None:
        """Analyse the experiment."""
        request = AnalysisRequest(self.entity, metric, test)
        return Analysis.of(await one(_analyses, request, info), request, self._variants)

    @strawberry.field(
        description="The looks that counted, the first one first: the path of the estimates over time.",
        metadata=batched(_looks),
    )
    async def analysis_history(
        self,
        info: Info,
        metric: Annotated[str | None, strawberry.argument(description="Only the effects on this metric.")] = None,
    ) -> list[AnalysisLook]:
        """Read the looks."""
        return await one(_looks, self, info, metric=metric)

    @strawberry.field(description="What the data show for each value of an attribute of the exposures.")
    async def slices(
        self,
        info: Info,
        dimension: Annotated[str, strawberry.argument(description="The attribute, such as plan or language.")],
        metric: MetricKey = None,
        test: TestName = None,
    ) -> SliceAnalysis | None:
        """Analyse the experiment slice by slice."""
        found = await info.context.services.analyses.slices(self.entity, dimension, metric=metric, test=test)
        return SliceAnalysis.of(found, self.entity, self._variants)

    @strawberry.field(description="Everything that was done to it, the oldest first.", metadata=batched(_histories))
    async def history(self, info: Info) -> list[HistoryEntry]:
        """Read the audit trail."""
        return await one(_histories, self, info)

    def looks(self, looks: Iterable[Look], metric: str | None) -> list[AnalysisLook] | MetricNotFoundError:
        """Build looks at it, with the effects on one metric alone if one is named; the error if there is none such."""
        try:
            only = self.entity.metric(metric).key if metric is not None else None
        except MetricNotFoundError as problem:
            return problem
        return [AnalysisLook.of(look, self.entity, self._variants, only) for look in looks]

    @property
    def _variants(self) -> dict[str, Variant]:
        return {variant.id: variant for variant in self.variants}

    @classmethod
    @once
    def edge(cls, experiment: domain.PromptExperiment) -> Edge["Experiment"]:
        """Build its place in a list of experiments."""
        return Edge(cursor=encode_cursor(experiment.id), node=cls.of(experiment))

    @classmethod
    @once
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
