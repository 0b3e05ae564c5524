"""How results shall be judged."""

from typing import Any

import strawberry
from strawberry.scalars import JSON

from omniforge_graph.domain.plan import DEFAULT_MINIMUM_EFFECT, AnalysisPlan, Guardrail
from omniforge_graph.graphql.enums import Correction, Monitoring, SpendingFunction
from omniforge_graph.graphql.inputs.nesting import read_object, under


@strawberry.input(description="A metric that must not get worse by its margin or more.")
class GuardrailInput:
    """A metric that must not get worse."""

    metric: str = strawberry.field(description="The key of one of the experiment's metrics.")
    margin: float = strawberry.field(description="How much worse is too much, above 0; 0.1 is 10 % if relative.")
    relative: bool = strawberry.field(
        default=True, description="Whether the margin is a share of the control's mean; else in the metric's unit."
    )


@strawberry.input(description="How a test shall judge.")
class JudgementInput:
    """What the plan of an experiment and the analysis of numbers that live elsewhere share."""

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
    horizon: int | None = strawberry.field(
        default=None, description="The units of all variants at which to end, 1 to 2,147,483,647."
    )
    spending: SpendingFunction = strawberry.field(
        default=SpendingFunction.OBRIEN_FLEMING,
        description="How the looks of a GROUP_SEQUENTIAL plan spend the error rate.",
    )
    spending_parameter: float | None = strawberry.field(
        default=None,
        description="rho of KIM_DEMETS (above 0, up to 50; 2 unless given) or gamma of HWANG_SHIH_DECANI (-40 to 40; "
        "-4 unless given).",
    )
    correction: Correction = strawberry.field(
        default=Correction.HOLM, description="How p-values are adjusted for the number of comparisons."
    )

    def _shared(self) -> dict[str, Any]:
        """Return these fields for the domain's value; raises `ValidationError`."""
        return {
            "test": self.test,
            "options": read_object(self.options, "options"),
            "confidence_level": self.confidence_level,
            "power": self.power,
            "minimum_effect": self.minimum_effect,
            "relative": self.relative,
            "horizon": self.horizon,
            "spending": self.spending,
            "spending_parameter": self.spending_parameter,
            "correction": self.correction,
        }


@strawberry.input(description="How the results shall be judged. The default plan is safe to look at every day.")
class AnalysisInput(JudgementInput):
    """How the results shall be judged."""

    monitoring: Monitoring | None = strawberry.field(
        default=None,
        description="How often the results may be looked at; unless given GROUP_SEQUENTIAL with a horizon, else "
        "ALWAYS_VALID.",
    )
    goals: list[str] | None = strawberry.field(
        default=None, description="Keys of up to 10 further metrics that decide together with the success metric."
    )
    guardrails: list[GuardrailInput] | None = strawberry.field(
        default=None, description="Up to 20 metrics that must not get worse for a treatment to ship."
    )

    def to_plan(self) -> AnalysisPlan:
        """Return the domain's value; raises `ValidationError` with the way to the field at fault."""
        guardrails = []
        for index, each in enumerate(self.guardrails or ()):
            with under("guardrails", index):
                guardrails.append(Guardrail(each.metric, each.margin, each.relative))
        return AnalysisPlan(
            **self._shared(),
            monitoring=self.monitoring,
            goals=tuple(self.goals or ()),
            guardrails=tuple(guardrails),
        )
