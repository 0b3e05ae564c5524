"""What clients can ask."""

from functools import partial
from typing import Annotated

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain.event import Exposure, clean_attributes
from omniforge_graph.errors import ExperimentNotFoundError, PromptNotFoundError, ValidationError
from omniforge_graph.graphql.connections import After, Before, Connection, First, Last, connect_all, read_page
from omniforge_graph.graphql.context import Context, Info
from omniforge_graph.graphql.inputs.event import PromptSlotInput
from omniforge_graph.graphql.inputs.experiment import ExperimentFilter
from omniforge_graph.graphql.inputs.numbers import AnalyzeInput
from omniforge_graph.graphql.inputs.sample_size import SampleSizeInput
from omniforge_graph.graphql.lookups import experiments_by_id, prompts_by_id, prompts_by_key
from omniforge_graph.graphql.plans import one
from omniforge_graph.graphql.types.experiment import Experiment
from omniforge_graph.graphql.types.metric import Metric
from omniforge_graph.graphql.types.numbers import NumbersAnalysis, SampleSize
from omniforge_graph.graphql.types.plugin import Plugin
from omniforge_graph.graphql.types.prompt import Prompt
from omniforge_graph.graphql.types.selection import Selection

Slots = Annotated[
    list[PromptSlotInput], strawberry.argument(description="1 to 100 slots, the most important one first.")
]
Tenant = Annotated[ID, strawberry.argument(description="The tenant that is served; the unit unless another is given.")]
TenantFilter = Annotated[
    ID | None, strawberry.argument(description="Only what this tenant can use: its own and the shared ones.")
]
Unit = Annotated[ID | None, strawberry.argument(description="The unit to assign, if it is not the tenant.")]
Track = Annotated[
    bool, strawberry.argument(description="Also record the exposure, idempotently and without delaying the answer.")
]
Attributes = Annotated[
    JSON | None,
    strawberry.argument(description="What describes the unit, a JSON object: kept with the exposure, to slice by."),
]


@strawberry.type(description="What clients can ask.")
class Query:
    """What clients can ask."""

    @strawberry.field(description="A prompt by id, or by key as the tenant sees it.")
    async def prompt(
        self,
        info: Info,
        id: Annotated[ID | None, strawberry.argument(description="The prompt's id.")] = None,
        key: Annotated[str | None, strawberry.argument(description="The prompt's key.")] = None,
        tenant_id: Annotated[
            ID | None,
            strawberry.argument(description="With a key: the tenant's own prompt, else the shared one."),
        ] = None,
    ) -> Prompt | None:
        """Find one prompt."""
        if (id is None) == (key is None):
            raise ValidationError("Give id or key: one of them.", path=("id",))
        if id is not None:
            found = await one(prompts_by_id, str(id), info)
        else:
            found = await one(prompts_by_key, (key, info.context.caller.scope(tenant_id)), info)
        if found is None:
            name = f"id {id!r}" if id is not None else f"key {key!r}"
            raise PromptNotFoundError(f"There is no prompt with {name}.", path=("id" if id is not None else "key",))
        return Prompt.of(found)

    @strawberry.field(description="Prompts, the newest first.")
    async def prompts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        tenant_id: TenantFilter = None,
    ) -> Connection[Prompt]:
        """List prompts."""
        repository, scope = info.context.services.repository, info.context.caller.scope(tenant_id)
        page = await repository.list_prompts(read_page(first, after, last, before), scope)
        return connect_all(page, Prompt.edge, lambda: repository.count_prompts(scope))

    @strawberry.field(description="An experiment by id.")
    async def experiment(
        self, info: Info, id: Annotated[ID, strawberry.argument(description="The experiment's id.")]
    ) -> Experiment | None:
        """Find one experiment."""
        experiment = await one(experiments_by_id, str(id), info)
        if experiment is None:
            raise ExperimentNotFoundError(f"There is no experiment {id!r}.", path=("id",))
        return Experiment.of(experiment)

    @strawberry.field(description="Experiments, the newest first.")
    async def experiments(
        self,
        info: Info,
        filter: Annotated[ExperimentFilter | None, strawberry.argument(description="Which ones.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        tenant_id: TenantFilter = None,
    ) -> Connection[Experiment]:
        """List experiments."""
        repository = info.context.services.repository
        where = (filter or ExperimentFilter()).to_domain(info.context.caller.scope(tenant_id))
        page = await repository.list_experiments(where, read_page(first, after, last, before))
        return connect_all(page, Experiment.edge, lambda: repository.count_experiments(where))

    @strawberry.field(description="The metrics that can be used, by key.")
    async def metrics(self, info: Info, tenant_id: TenantFilter = None) -> list[Metric]:
        """List metrics."""
        usable = await info.context.services.metrics.usable(tenant_id, caller=info.context.caller)
        return [Metric.of(metric) for metric in usable]

    @strawberry.field(
        description="The variant for a unit: the first slot whose prompt has a running experiment; null when none has."
    )
    async def select_variant(
        self,
        info: Info,
        prompts: Slots,
        tenant_id: Tenant,
        unit_id: Unit = None,
        track: Track = True,
        attributes: Attributes = None,
    ) -> Selection | None:
        """Select for the first slot under test."""
        context, unit = info.context, tenant_id if unit_id is None else unit_id
        services, caller = context.services, context.caller
        selection = services.selector.select_first_at_hand(prompts, tenant_id, unit, caller)
        if selection is not None:
            context.selected = selection, unit, track
        else:
            selection = await services.selector.select_first(prompts, tenant_id, unit_id=unit_id, caller=caller)
        if selection is None:
            return None
        if track:
            told = clean_attributes(attributes) if attributes is not None else None
            exposure = services.tracker.exposure(selection, unit, told)
            if exposure is not None:
                _queue(context, exposure)
        return Selection.of(selection)

    @strawberry.field(description="The version to use for each slot: the assigned variant's, else the current one.")
    async def select_variants(
        self,
        info: Info,
        prompts: Slots,
        tenant_id: Tenant,
        unit_id: Unit = None,
        track: Track = True,
        attributes: Attributes = None,
    ) -> list[Selection]:
        """Select for every slot."""
        context = info.context
        selections = await context.services.selector.select_all(
            prompts, tenant_id, unit_id=unit_id, caller=context.caller
        )
        if track:
            unit = tenant_id if unit_id is None else unit_id
            told = clean_attributes(attributes) if attributes is not None else None
            exposures = context.services.tracker.exposures(selections, unit, told)
            if exposures:
                _queue(context, *exposures)
        return [Selection.of(selection) for selection in selections]

    @strawberry.field(description="Analyse numbers that live elsewhere. Nothing is stored.")
    async def analyze(
        self, info: Info, input: Annotated[AnalyzeInput, strawberry.argument(description="The numbers.")]
    ) -> NumbersAnalysis:
        """Analyse numbers that live elsewhere."""
        analyses = info.context.services.analyses
        arms, samples = input.to_samples()
        metric, plan = input.to_metric(), input.to_plan()
        result = await analyses.compute(lambda: analyses.analyzer.judge(arms, metric, plan, samples))
        return NumbersAnalysis.of(result, {arm.id: arm.name for arm in arms})

    @strawberry.field(description="How many units an experiment needs, or what those at hand can find.")
    async def sample_size(
        self, info: Info, input: Annotated[SampleSizeInput, strawberry.argument(description="The plan.")]
    ) -> SampleSize:
        """Plan a sample size."""
        return SampleSize.of(await info.context.services.analyses.compute(input.to_size))

    @strawberry.field(description="Every plugin that was found, and what it offers.")
    def plugins(self, info: Info) -> list[Plugin]:
        """List plugins."""
        registry = info.context.services.registry
        return [Plugin.of(plugin, registry.tests) for plugin in registry.plugins]


def _queue(context: Context, *exposures: Exposure) -> None:
    """Have exposures tracked once the answer is on its way."""
    add = context.services.tracker.add
    if context.background is None:
        add(*exposures)
    else:
        context.background.add(partial(add, *exposures))
