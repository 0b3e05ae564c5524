"""What all metrics of an analysis share: which of them are judged together, and where the experiment stands."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.monitoring import Arrivals, standing
from omniforge_graph.domain.plan import AnalysisPlan, Correction, Monitoring
from omniforge_graph.domain.power import required_units
from omniforge_graph.services.arms import Arm
from omniforge_graph.services.report import Question, Setting
from omniforge_graph.statistics.sample_ratio import SampleRatio, sample_ratio, sequential_sample_ratio


def family_of(experiment: PromptExperiment, metric: Metric) -> tuple[tuple[Metric, ...], Correction]:
    """Return the metrics whose p-values are adjusted together with those of `metric`, and how.

    The goals are one family, by the plan's correction; the secondary metrics another, by Benjamini and Hochberg's. A
    guardrail stands alone.
    """
    goals, guards = experiment.goal_keys, {each.metric for each in experiment.analysis.guardrails}
    if metric.key in goals:
        return tuple(experiment.metric(key) for key in goals), experiment.analysis.correction
    if metric.key in guards:
        return (metric,), experiment.analysis.correction
    secondary = tuple(each for each in experiment.metrics if each.key not in goals and each.key not in guards)
    return secondary, Correction.BENJAMINI_HOCHBERG


def metrics_needed(experiment: PromptExperiment, metric: Metric) -> tuple[Metric, ...]:
    """Return the metrics to measure for an analysis of `metric`: its family and, for a goal, the guardrails."""
    family, _ = family_of(experiment, metric)
    guards = experiment.analysis.guardrails if metric.key in experiment.goal_keys else ()
    return *family, *(experiment.metric(each.metric) for each in guards)


def setting_of(
    plan: AnalysisPlan,
    arms: Sequence[Arm],
    deciding: Sequence[Question],
    expected_shares: Sequence[float] | None,
    looks: Sequence[Look],
    *,
    ending: bool = False,
    ended: bool = False,
) -> Setting:
    """Return what the analysis of the metrics that decide, the first one before all, starts from."""
    question = deciding[0]
    exposed = [int(each) for each in question.measured.exposed]
    control = next(place for place, arm in enumerate(arms) if arm.is_control)
    samples = question.measured.samples
    needed = required_units(samples, question.metric, plan, control)
    arrivals = Arrivals.of(
        exposed,
        needed,
        measured=[int(each) for each in samples.units],
        shares=expected_shares,
        vary=_vary(question),
    )
    place = standing(plan, monitoring_of(plan, deciding), looks, arrivals, ending=ending, ended=ended)
    ratio = None if expected_shares is None else watched_ratio([look.units for look in looks], exposed, expected_shares)
    return Setting(arms, place, looks, ratio, needed, arrivals.shares)


def _vary(question: Question) -> bool:
    """Return whether the success metric can be judged: units differ within variants, or rates between them."""
    samples = question.measured.samples
    if not np.all(np.isfinite(samples.variance)):
        return False
    between = question.metric.judged_kind is MetricKind.BINARY and np.ptp(samples.mean) > 0
    return bool(np.any(samples.variance > 0) or between)


def watched_ratio(
    past: Sequence[Sequence[int]], observed: Sequence[int], expected_shares: Sequence[float]
) -> SampleRatio:
    """Return how units arrived: a mismatch by the test of this moment, or by the one that all looks may watch."""
    now = sample_ratio(observed, expected_shares)
    path = [each for each in past if len(each) == len(observed)]
    watched = sequential_sample_ratio([*path, observed], expected_shares)
    return replace(now, sequential_p_value=watched.p_value, mismatch=now.mismatch or watched.mismatch)


def monitoring_of(plan: AnalysisPlan, deciding: Sequence[Question]) -> Monitoring:
    """Return the plan's monitoring, or FIXED where the answers of a test cannot be made safe for many looks."""
    return plan.looks_allowed if all(each.test.sequential for each in deciding) else Monitoring.FIXED
