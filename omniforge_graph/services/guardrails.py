"""Guardrails: is a treatment shown not to be worse by the margin or more?"""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.domain.analysis import GuardrailResult, GuardrailState
from omniforge_graph.domain.look import Look, best_before
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.monitoring import Standing
from omniforge_graph.domain.plan import Guardrail
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.columns import plain_float
from omniforge_graph.statistics.noninferiority import non_inferiority
from omniforge_graph.statistics.tails import one_sided_p_value


def judge_guardrail(
    guardrail: Guardrail,
    metric: Metric | None,
    measured: MeasuredSamples | None,
    arms: Sequence[Arm],
    standing: Standing,
    looks: Sequence[Look],
) -> list[GuardrailResult]:
    """Return for each treatment whether it passes, one-sided at the plan's error rate, at any look.

    Guardrails are not adjusted for their number: all of them have to pass, so that more of them make shipping harder,
    not easier (Schultzberg et al. 2024).
    """
    treatments = [arm.id for arm in arms if not arm.is_control]
    if metric is None or measured is None:
        return [_unknown(guardrail, each) for each in treatments]
    control = next(place for place, arm in enumerate(arms) if arm.is_control)
    alone, others = measured.samples.split(control)
    alpha = standing.plan.alpha
    found = non_inferiority(
        alone,
        others,
        guardrail.margin,
        relative=guardrail.relative,
        higher_is_better=metric.higher_is_better,
        rates=metric.judged_kind is MetricKind.BINARY,
        alpha=standing.nominal_alpha(alpha),
    )
    passing, failing = (best_before(looks, guardrail.metric, treatments, harm=each) for each in (False, True))
    if standing.judges_now:
        harm, log10_harm = one_sided_p_value(-found.statistic)
        passing = np.fmin(passing, standing.valid_p_values(found.p_value, found.log10_p_value))
        failing = np.fmin(failing, standing.valid_p_values(harm, log10_harm))
    margin = guardrail.margin * abs(float(alone.mean[0])) if guardrail.relative else guardrail.margin
    return [
        GuardrailResult(
            guardrail.metric,
            treatment,
            plain_float(margin),
            plain_float(found.estimate[place]),
            plain_float(found.bound[place]),
            plain_float(passing[place]),
            _state(passing[place], failing[place], alpha),
            plain_float(failing[place]),
        )
        for place, treatment in enumerate(treatments)
    ]


def _state(passing: np.float64, failing: np.float64, alpha: float) -> GuardrailState:
    if failing < alpha:
        return GuardrailState.FAILED
    return GuardrailState.PASSED if passing < alpha else GuardrailState.UNDECIDED


def _unknown(guardrail: Guardrail, treatment_id: str) -> GuardrailResult:
    return GuardrailResult(guardrail.metric, treatment_id, None, None, None, None, GuardrailState.UNDECIDED)
