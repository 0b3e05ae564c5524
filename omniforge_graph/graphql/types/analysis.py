"""What an analysis of an experiment says, as a whole and slice by slice."""

import math
from collections.abc import Mapping
from datetime import datetime

import strawberry

from omniforge_graph.domain import analysis as domain
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.enums import GuardrailState
from omniforge_graph.graphql.types.comparison import Comparison, Notice, SampleRatio, VariantStatistics
from omniforge_graph.graphql.types.conclusion import Conclusion
from omniforge_graph.graphql.types.metric import Metric
from omniforge_graph.graphql.types.plan import AnalysisPlan
from omniforge_graph.graphql.types.variant import Variant
from omniforge_graph.services.analyses import AnalysisRequest


@strawberry.type(description="Whether a treatment is shown not to be worse than the control by a margin or more.")
class GuardrailResult:
    """Whether a treatment passes a guardrail."""

    metric: Metric = strawberry.field(description="The metric that must not get worse.")
    treatment: Variant = strawberry.field(description="The treatment.")
    margin: float | None = strawberry.field(description="How much worse is too much, in the metric's unit.")
    estimate: float | None = strawberry.field(description="The difference, treatment minus control.")
    bound: float | None = strawberry.field(description="The worst difference that the data are compatible with.")
    p_value: float | None = strawberry.field(
        description="The chance of data this good if the treatment were worse by the margin; holds at any look."
    )
    state: GuardrailState = strawberry.field(description="Where it stands.")


@strawberry.type(description="A point of a curve.")
class DensityPoint:
    """A point of a curve."""

    effect: float = strawberry.field(description="The effect, treatment minus control, in the metric's unit.")
    density: float = strawberry.field(description="How probable effects next to this one are, per unit of effect.")


@strawberry.type(description="The posterior density of a treatment's effect, to be drawn.")
class EffectDensity:
    """The posterior density of a treatment's effect."""

    treatment: Variant = strawberry.field(description="The treatment.")
    points: list[DensityPoint] = strawberry.field(
        description="About a hundred points over the range that holds nearly all of it; none without units."
    )


@strawberry.type(description="The analysis of one metric of an experiment.")
class Analysis(Conclusion):
    """The analysis of one metric of an experiment."""

    metric: Metric = strawberry.field(description="The metric.")
    plan: AnalysisPlan = strawberry.field(description="The plan it was judged by.")
    computed_at: datetime = strawberry.field(description="When it was computed.")
    winner: Variant | None = strawberry.field(
        description="The best variant; never named from an insufficient or mismatched sample."
    )
    sample_ratio: SampleRatio = strawberry.field(description="Whether units arrived in the planned proportions.")
    variant_stats: list[VariantStatistics] = strawberry.field(description="Per variant, in the experiment's order.")
    comparisons: list[Comparison] = strawberry.field(description="Each treatment against the control.")
    guardrails: list[GuardrailResult] = strawberry.field(
        description="Each guardrail of the plan for each treatment, in the analysis of a metric that decides."
    )
    variance_reduction: float | None = strawberry.field(
        description="The share of the variance that covariates removed, 0 to 1; null for a metric without covariates."
    )
    request: strawberry.Private[AnalysisRequest]
    variants: strawberry.Private[Mapping[str, Variant]]

    @strawberry.field(
        description="The posterior density of each treatment's effect, drawn from the data of the moment; null for a "
        "test without a posterior."
    )
    async def density(self, info: Info) -> list[EffectDensity] | None:
        """Draw the densities."""
        drawn = await info.context.services.analyses.density(self.request)
        if drawn is None:
            return None
        treatments = [each for each in self.variants.values() if not each.is_control]
        return [
            EffectDensity(
                treatment=treatment,
                points=[
                    DensityPoint(effect=effect, density=density)
                    for effect, density in zip(effects, densities, strict=True)
                    if math.isfinite(effect) and math.isfinite(density)
                ],
            )
            for treatment, effects, densities in zip(
                treatments, drawn.values.tolist(), drawn.densities.tolist(), strict=True
            )
        ]

    @classmethod
    def of(cls, result: domain.AnalysisResult, request: AnalysisRequest, variants: Mapping[str, Variant]) -> "Analysis":
        """Build it from the domain's value, what was asked and the experiment's variants by id."""
        experiment = request.experiment
        assert result.computed_at is not None
        assert result.sample_ratio is not None
        return cls(
            metric=Metric.of(experiment.metric(result.metric)),
            plan=AnalysisPlan.of(experiment.analysis),
            computed_at=result.computed_at,
            winner=variants[result.winner] if result.winner is not None else None,
            sample_ratio=SampleRatio.of(result.sample_ratio),
            variant_stats=[VariantStatistics.of(each, variants) for each in result.variant_stats.values()],
            comparisons=[Comparison.of(each, variants) for each in result.comparisons],
            guardrails=[
                GuardrailResult(
                    metric=Metric.of(experiment.metric(each.metric)),
                    treatment=variants[each.treatment_id],
                    margin=each.margin,
                    estimate=each.estimate,
                    bound=each.bound,
                    p_value=each.p_value,
                    state=each.state,
                )
                for each in result.guardrails
            ],
            variance_reduction=result.variance_reduction,
            request=request,
            variants=variants,
            **Conclusion.fields_of(result),
        )


@strawberry.type(description="The units whose exposure carries one value of a dimension.")
class Slice:
    """One value of a dimension."""

    value: str = strawberry.field(
        description="The value; (none) for the units without the attribute, (other) for those with any rarer value."
    )
    units: int = strawberry.field(description="Exposed units.")
    variant_stats: list[VariantStatistics] = strawberry.field(description="Per variant, in the experiment's order.")
    comparisons: list[Comparison] = strawberry.field(description="Each treatment against the control, in this slice.")
    sample_ratio: SampleRatio | None = strawberry.field(
        description="Whether its units arrived in the planned proportions, at a level that allows for the slices."
    )


@strawberry.type(
    description="An experiment by the values of an attribute of its exposures. Adjusted p-values hold for all slices "
    "and treatments together. Slices decide nothing: they show where to look next."
)
class SliceAnalysis:
    """An experiment by the values of an attribute."""

    dimension: str = strawberry.field(description="The attribute.")
    metric: Metric = strawberry.field(description="The metric.")
    test: str = strawberry.field(description="The statistical test.")
    computed_at: datetime = strawberry.field(description="When it was computed.")
    slices: list[Slice] = strawberry.field(description="From the most units to the fewest.")
    notices: list[Notice] = strawberry.field(description="What a reader of the numbers should know.")

    @classmethod
    def of(
        cls, found: domain.SliceAnalysis, experiment: PromptExperiment, variants: Mapping[str, Variant]
    ) -> "SliceAnalysis":
        """Build it from the domain's value, the experiment and its variants by id."""
        assert found.computed_at is not None
        return cls(
            dimension=found.dimension,
            metric=Metric.of(experiment.metric(found.metric)),
            test=found.test,
            computed_at=found.computed_at,
            slices=[
                Slice(
                    value=each.value,
                    units=each.units,
                    variant_stats=[VariantStatistics.of(stats, variants) for stats in each.variant_stats],
                    comparisons=[Comparison.of(comparison, variants) for comparison in each.comparisons],
                    sample_ratio=SampleRatio.of(each.sample_ratio) if each.sample_ratio is not None else None,
                )
                for each in found.slices
            ],
            notices=Notice.all_of(found.notices),
        )
