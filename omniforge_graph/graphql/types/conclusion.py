"""What an analysis concludes: how far the experiment is, what to do, and why."""

from typing import Any

import strawberry

from omniforge_graph.domain import analysis as domain
from omniforge_graph.graphql.enums import Monitoring, Verdict
from omniforge_graph.graphql.types.comparison import Notice


@strawberry.type(description="Why a verdict was not given.")
class WhyNot:
    """Why a verdict was not given."""

    verdict: Verdict = strawberry.field(description="The verdict.")
    reason: str = strawberry.field(description="One sentence for people.")


@strawberry.type(description="What to do, in one sentence, and why.")
class Recommendation:
    """What to do."""

    verdict: Verdict = strawberry.field(description="The verdict.")
    summary: str = strawberry.field(description="One sentence for people.")
    reasons: list[str] = strawberry.field(description="What the verdict rests on.")
    why_not: list[WhyNot] = strawberry.field(description="Why it is none of the other verdicts.")

    @classmethod
    def of(cls, recommendation: domain.Recommendation) -> "Recommendation":
        """Build it from the domain's value."""
        return cls(
            verdict=recommendation.verdict,
            summary=recommendation.summary,
            reasons=list(recommendation.reasons),
            why_not=[WhyNot(verdict=each.verdict, reason=each.reason) for each in recommendation.why_not],
        )


@strawberry.type(
    description="How far an experiment is. Totals over all variants are whole numbers, given as Float because they may "
    "exceed the largest Int."
)
class Progress:
    """How far an experiment is."""

    monitoring: Monitoring = strawberry.field(
        description="The monitoring in force: FIXED also for a test that cannot be made safe for many looks."
    )
    looks: int = strawberry.field(description="Looks that counted so far, this one included if it does.")
    units: float = strawberry.field(description="Exposed units of all variants.")
    planned_units: float | None = strawberry.field(
        description="Units of all variants at which it is planned to end; null while that cannot be told."
    )
    missing_units: float | None = strawberry.field(description="Units still to come; null while that cannot be told.")
    information: float | None = strawberry.field(
        description="The share of the horizon that has arrived; null without a horizon."
    )
    nominal_alpha: float = strawberry.field(description="The two-sided error rate at which this look is judged.")
    spent_alpha: float | None = strawberry.field(
        description="How much of the error rate the looks have used up; null where they cost nothing."
    )
    complete: bool = strawberry.field(description="Whether the planned units have arrived.")
    units_per_day: float | None = strawberry.field(description="Units per day since the start.")
    days_left: float | None = strawberry.field(description="Days until the planned units have arrived, at that rate.")

    @classmethod
    def of(cls, progress: domain.Progress) -> "Progress":
        """Build it from the domain's value."""
        return cls(
            monitoring=progress.monitoring,
            looks=progress.looks,
            units=progress.units,
            planned_units=progress.planned_units,
            missing_units=progress.missing_units,
            information=progress.information,
            nominal_alpha=progress.nominal_alpha,
            spent_alpha=progress.spent_alpha,
            complete=progress.complete,
            units_per_day=progress.units_per_day,
            days_left=progress.days_left,
        )


@strawberry.interface(description="What an analysis concludes.")
class Conclusion:
    """What an analysis concludes."""

    test: str = strawberry.field(description="The statistical test.")
    confidence_level: float = strawberry.field(description="How sure the intervals and the verdict are, 0 to 1.")
    is_significant: bool = strawberry.field(description="Whether any comparison is significant.")
    sample_size_sufficient: bool = strawberry.field(
        description="Whether the plan allows a decision: the planned units have arrived, or a boundary was crossed."
    )
    required_units: int | None = strawberry.field(
        description="Units per variant the plan requires at one final look, if it can be told."
    )
    recommendation: Recommendation = strawberry.field(description="What to do.")
    omnibus_p_value: float | None = strawberry.field(description="Over all variants at once, where the test has it.")
    notices: list[Notice] = strawberry.field(description="What a reader of the numbers should know.")
    progress: Progress = strawberry.field(description="How far the experiment is.")

    @staticmethod
    def fields_of(result: domain.AnalysisResult) -> dict[str, Any]:
        """Return these fields of the domain's value."""
        assert result.progress is not None
        return {
            "test": result.test,
            "confidence_level": result.confidence_level,
            "is_significant": result.is_significant,
            "sample_size_sufficient": result.sample_size_sufficient,
            "required_units": result.required_units,
            "recommendation": Recommendation.of(result.recommendation),
            "omnibus_p_value": result.omnibus_p_value,
            "notices": Notice.all_of(result.notices),
            "progress": Progress.of(result.progress),
        }
