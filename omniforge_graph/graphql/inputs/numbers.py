"""Numbers to analyse, and experiments to plan."""

from dataclasses import asdict

import strawberry
from strawberry.utils.str_converters import to_camel_case

from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AnalysisPlan
from omniforge_graph.errors import ValidationError
from omniforge_graph.graphql.enums import Direction, MetricKind, Monitoring
from omniforge_graph.graphql.inputs.plan import JudgementInput
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.samples import read_variants
from omniforge_graph.statistics.samples import SampleStatistics


@strawberry.input(description="One variant's numbers.")
class AnalyzeVariantInput:
    """One variant's numbers."""

    name: str = strawberry.field(description="Its name.")
    units: int = strawberry.field(description="Its units.")
    is_control: bool = strawberry.field(default=False, description="The first is the control unless one is marked.")
    mean: float | None = strawberry.field(default=None, description="The mean over units.")
    standard_deviation: float | None = strawberry.field(default=None, description="The units' standard deviation.")
    conversions: int | None = strawberry.field(default=None, description="The units that converted, for BINARY.")


@strawberry.input(description="Numbers to analyse. Nothing is stored.")
class AnalyzeInput(JudgementInput):
    """Numbers to analyse."""

    kind: MetricKind = strawberry.field(description="What the values are.")
    variants: list[AnalyzeVariantInput] = strawberry.field(description="Two or more.")
    direction: Direction = strawberry.field(
        default=Direction.HIGHER_IS_BETTER, description="Whether a larger value is good news."
    )
    quantile: float | None = strawberry.field(
        default=None, description="For a QUANTILE: which one. The means are the quantiles then."
    )
    monitoring: Monitoring = strawberry.field(
        default=Monitoring.FIXED, description="How often the numbers are looked at; this is taken for the first look."
    )

    def to_metric(self) -> Metric:
        """Return the metric that the numbers are of; raises `ValidationError`."""
        return Metric("value", self.kind, self.direction, quantile=self.quantile)

    def to_plan(self) -> AnalysisPlan:
        """Return how to judge them; raises `ValidationError`."""
        return AnalysisPlan(**self._shared(), monitoring=self.monitoring)

    def to_samples(self) -> tuple[tuple[Arm, ...], SampleStatistics]:
        """Return the variants and their statistics; raises `ValidationError`."""
        try:
            return read_variants([asdict(variant) for variant in self.variants], self.to_metric())
        except ValidationError as problem:
            path = [to_camel_case(step) if isinstance(step, str) else step for step in problem.path]
            message = problem.message.replace("standard_deviation", "standardDeviation")
            raise ValidationError(message, path=path) from None
