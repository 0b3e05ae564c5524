"""An experiment judged by its plan: goals together, guardrails beside them, one verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np

from omniforge_graph.domain.analysis import (
    AnalysisResult,
    Comparison,
    Effect,
    GuardrailResult,
    Notice,
    Progress,
)
from omniforge_graph.domain.look import Look, LookedAt
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.monitoring import Standing, fewest_units
from omniforge_graph.domain.plan import AnalysisPlan, Correction, Guardrail, Monitoring
from omniforge_graph.domain.verdict import Evidence, decide, waiting_of
from omniforge_graph.plugin.interfaces import Options, StatisticalTest
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.columns import plain_float
from omniforge_graph.services.guardrails import judge_guardrail
from omniforge_graph.services.judgement import Judged, comparisons_of, describe, judge, with_history
from omniforge_graph.services.notices import notices_of
from omniforge_graph.statistics.multiplicity import benjamini_hochberg, holm
from omniforge_graph.statistics.sample_ratio import SampleRatio
from omniforge_graph.statistics.samples import FloatArray


@dataclass(frozen=True, slots=True)
class Question:
    """A metric to judge: its numbers and the test, with its options."""

    metric: Metric
    measured: MeasuredSamples
    test: StatisticalTest
    options: Options


@dataclass(frozen=True, slots=True)
class Setting:
    """What all metrics of an analysis share. `asked_at` and `started_at` tell how fast units arrive."""

    arms: Sequence[Arm]
    standing: Standing
    looks: Sequence[Look]
    sample_ratio: SampleRatio | None
    required_units: int | None
    shares: Sequence[float]
    asked_at: datetime | None = None
    started_at: datetime | None = None

    @property
    def plan(self) -> AnalysisPlan:
        """The analysis plan."""
        return self.standing.plan

    @property
    def control(self) -> int:
        """The control's place among the variants."""
        return next(place for place, arm in enumerate(self.arms) if arm.is_control)


def assess(
    setting: Setting,
    family: Sequence[Question],
    guardrails: Mapping[str, tuple[Metric, MeasuredSamples]],
    *,
    correction: Correction,
    exploring: str | None = None,
) -> tuple[list[AnalysisResult], tuple[LookedAt, ...]]:
    """Judge a family of metrics together and return each one's analysis, and what a look would have to remember.

    Args:
        setting: the variants and where the experiment stands.
        family: the metrics whose p-values are adjusted together, the deciding one first.
        guardrails: the numbers of the plan's guardrails by metric; one without numbers is undecided.
        correction: how to adjust.
        exploring: why these analyses are not the plan's; None if the family is its goals, judged by its tests.

    Raises:
        PluginError: a test failed or broke its contract.
    """
    decides = exploring is None
    remembered = decides and not setting.standing.judges_now
    judged = [
        judge(
            each.metric,
            each.measured,
            setting.control,
            each.test,
            each.options,
            setting.standing,
            remembered=remembered,
        )
        for each in family
    ]
    if decides:  # looks remember the goals; of other metrics they know nothing
        judged = [with_history(each, setting.arms, setting.standing, setting.looks) for each in judged]
    adjusted = _adjusted(judged, correction)
    progress = _progress(setting)
    waiting = [_waiting(setting, each, progress) for each in judged]
    count = 1 if correction is Correction.NONE else sum(each.found.estimate.size for each in judged)
    compared = [comparisons_of(each, setting.arms, p, count)[0] for each, p in zip(judged, adjusted, strict=True)]
    if setting.standing.monitoring is not Monitoring.FIXED:  # nothing is significant that may not be judged yet
        compared = [found if why is None else _undecided(found) for found, why in zip(compared, waiting, strict=True)]
    passed = [
        result
        for guardrail in (setting.plan.guardrails if decides else ())
        for result in _guarded(guardrail, guardrails, setting)
    ]
    results = []
    for place, (each, comparisons) in enumerate(zip(judged, compared, strict=True)):
        goals = (
            [(other.metric, found) for other, found in zip(judged, compared, strict=True)]
            if decides
            else [(each.metric, comparisons)]
        )
        why = waiting[0 if decides else place]
        results.append(_result(setting, each, comparisons, goals, passed, progress, why, exploring))
    seen = [_looked_at(each, one) for each, found in zip(judged, compared, strict=True) for one in found]
    seen += [_guard_seen(each) for each in passed]
    return results, tuple(seen)


def _adjusted(judged: Sequence[Judged], correction: Correction) -> list[FloatArray | None]:
    """Adjust the p-values of all metrics and treatments as one family."""
    present = [each.p_values for each in judged if each.p_values is not None]
    if not present or correction is Correction.NONE:
        return [each.p_values for each in judged]
    adjust = holm if correction is Correction.HOLM else benjamini_hochberg
    flat = adjust(np.concatenate([each.ravel() for each in present]))
    parts = iter(np.split(flat, np.cumsum([each.size for each in present])[:-1]))
    return [None if each.p_values is None else next(parts).reshape(each.p_values.shape) for each in judged]


def _guarded(
    guardrail: Guardrail, measured: Mapping[str, tuple[Metric, MeasuredSamples]], setting: Setting
) -> list[GuardrailResult]:
    metric, numbers = measured.get(guardrail.metric, (None, None))
    return judge_guardrail(guardrail, metric, numbers, setting.arms, setting.standing, setting.looks)


def _result(
    setting: Setting,
    judged: Judged,
    comparisons: Sequence[Comparison],
    goals: Sequence[tuple[Metric, Sequence[Comparison]]],
    guardrails: Sequence[GuardrailResult],
    progress: Progress,
    waiting: str | None,
    exploring: str | None,
) -> AnalysisResult:
    standing, arms = setting.standing, setting.arms
    variants = describe(judged, arms)[0]
    decision = decide(
        Evidence(
            names={arm.id: arm.name for arm in arms},
            control_id=arms[setting.control].id,
            goals=goals,
            guardrails=guardrails,
            sample_ratio=setting.sample_ratio,
            progress=progress,
            waiting=waiting,
            confidence_level=standing.plan.confidence_level,
            exploring=exploring,
        )
    )
    notices = notices_of(arms, judged.metric, judged.measured, comparisons, judged.found.flags, setting.sample_ratio)
    significant = any(each.is_significant for each in comparisons)
    return AnalysisResult(
        variant_stats={each.variant_id: each for each in variants},
        winner=decision.winner,
        is_significant=significant,
        confidence_level=standing.plan.confidence_level,
        sample_size_sufficient=waiting is None and (progress.complete or significant),
        metric=judged.metric.key,
        test=judged.test.name,
        comparisons=tuple(comparisons),
        recommendation=decision.recommendation,
        sample_ratio=setting.sample_ratio,
        required_units=setting.required_units,
        omnibus_p_value=plain_float(judged.found.omnibus_p_value),
        notices=(*notices, *_on_monitoring(judged, standing)),
        progress=progress,
        guardrails=tuple(guardrails),
        variance_reduction=judged.measured.variance_reduction,
    )


def _waiting(setting: Setting, judged: Judged, progress: Progress) -> str | None:
    standing = setting.standing
    return waiting_of(
        standing.monitoring,
        {arm.name: int(units) for arm, units in zip(setting.arms, judged.measured.samples.units, strict=True)},
        fewest_units(standing.plan, standing.monitoring, setting.shares),
        progress,
        judged.metric.key,
    )


def _undecided(comparisons: Sequence[Comparison]) -> list[Comparison]:
    return [msgspec.structs.replace(each, is_significant=False) for each in comparisons]


def _on_monitoring(judged: Judged, standing: Standing) -> list[Notice]:
    if judged.p_values is None and standing.plan.looks_allowed is not Monitoring.FIXED:
        return [
            Notice(
                "NOT_SAFE_TO_PEEK",
                f"{judged.test.name} gives no p-values that could be made safe for many looks: "
                "decide by it once, when the planned units have arrived.",
            )
        ]
    return []


def _progress(setting: Setting) -> Progress:
    standing = setting.standing
    per_day = None
    if setting.asked_at is not None and setting.started_at is not None:
        elapsed = (setting.asked_at - setting.started_at) / timedelta(days=1)
        per_day = standing.total / elapsed if elapsed > 0 and standing.total else None
    missing = standing.missing_units
    return Progress(
        monitoring=standing.monitoring,
        looks=len(setting.looks) + standing.counts,
        units=standing.total,
        planned_units=standing.planned_units,
        missing_units=missing,
        information=standing.information,
        nominal_alpha=standing.nominal_alpha(standing.plan.alpha),
        spent_alpha=standing.spent_alpha(),
        complete=standing.complete,
        units_per_day=per_day,
        days_left=missing / per_day if missing is not None and per_day is not None else None,
    )


def _looked_at(judged: Judged, each: Comparison) -> LookedAt:
    return LookedAt(
        judged.metric.key,
        each.treatment_id,
        each.absolute_effect,
        each.relative_effect,
        each.valid_p_value,
        omnibus_p_value=plain_float(judged.omnibus_p_value),
        probability_better=each.probability_better if judged.p_values is None else None,
    )


def _guard_seen(each: GuardrailResult) -> LookedAt:
    return LookedAt(
        each.metric,
        each.treatment_id,
        Effect(each.estimate, None, None),
        Effect(None, None, None),
        each.p_value,
        each.harm_p_value,
    )
