"""What the numbers say about an experiment: sync and pure, by the statistical tests that are loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from omniforge_graph.domain.analysis import AnalysisResult, SliceAnalysis
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.look import Look, LookedAt
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.monitoring import Standing, standing
from omniforge_graph.domain.plan import AnalysisPlan, Correction, Monitoring, usual_test
from omniforge_graph.domain.power import required_units
from omniforge_graph.errors import Path, ValidationError
from omniforge_graph.plugin.interfaces import ComparisonDesign
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.arms import Arm, arms_of
from omniforge_graph.services.computation import run_density
from omniforge_graph.services.plans import find_test
from omniforge_graph.services.report import Question, Setting, assess
from omniforge_graph.services.samples import as_measured, read_metrics
from omniforge_graph.services.slicing import assess_slices
from omniforge_graph.statistics.density import Density
from omniforge_graph.statistics.sample_ratio import SampleRatio, sample_ratio, sequential_sample_ratio
from omniforge_graph.statistics.samples import SampleStatistics


@dataclass(frozen=True, slots=True)
class Assessment:
    """An analysis, where the experiment stands, and what a look that counts has to remember of it."""

    result: AnalysisResult
    standing: Standing
    seen: tuple[LookedAt, ...]


class ExperimentAnalyzer:
    """Judges experiments. Without a registry it uses the installed plugins, loaded when first needed."""

    def __init__(self, registry: PluginRegistry | None = None) -> None:
        self._given = registry

    @cached_property
    def _registry(self) -> PluginRegistry:
        return self._given if self._given is not None else installed_plugins()

    def analyze(
        self,
        experiment: PromptExperiment,
        metrics: dict[str, Any],
        *,
        metric: str | None = None,
        test: str | None = None,
        confidence_level: float | None = None,
        looks: Sequence[Look] = (),
        asked_at: datetime | None = None,
    ) -> AnalysisResult:
        """Analyse the numbers of one metric: the success metric unless `metric` names another.

        Args:
            experiment: the variants, the metrics and the analysis plan.
            metrics: maps a metric's key to its numbers by variant id or name: a mapping {units, conversions} or
                {units, mean, standard_deviation (or variance)}, or a sequence or array of one value per unit. A
                metric's numbers may also be `MeasuredSamples` or `SampleStatistics`. A mapping keyed by variants
                directly is about the success metric. Variants left out have no units. The numbers of the plan's other
                goals and guardrails are taken into account where they are given.
            metric: the key of the metric to analyse.
            test: a statistical test instead of the plan's.
            confidence_level: instead of the plan's; above 0.5, below 1.
            looks: the looks that count before this one; without any, this is the first.
            asked_at: the present moment, for the rate at which units arrive.

        Raises:
            ValidationError: `metrics` holds something else; `path` leads to it.
            MetricNotFoundError: the experiment does not measure `metric`.
            UnknownPluginError: no such test (or no such allocation strategy as the experiment's) is loaded.
            IncompatibleTestError: the test cannot judge a metric of this kind.
            PluginError: a plugin failed or broke its contract.
        """
        if confidence_level is not None:
            plan = replace(experiment.analysis, confidence_level=confidence_level)
            experiment = replace(experiment, analysis=plan)
        return self.assess(experiment, metrics, metric=metric, test=test, looks=looks, asked_at=asked_at).result

    def assess(
        self,
        experiment: PromptExperiment,
        metrics: Mapping[str, Any],
        *,
        metric: str | None = None,
        test: str | None = None,
        looks: Sequence[Look] = (),
        asked_at: datetime | None = None,
        ending: bool = False,
    ) -> Assessment:
        """Analyse as `analyze` does, and tell what a look that counts has to remember. `ending`: it is the last one."""
        chosen, plan, arms = experiment.metric(metric), experiment.analysis, arms_of(experiment)
        family, correction = family_of(experiment, chosen)
        others = [each for each in family if each.key != chosen.key and each.key in metrics]
        questions = [
            self._question(experiment, each, metrics, test if each is chosen else None) for each in (chosen, *others)
        ]
        places = {each.metric.key: each for each in questions}
        questions = [places[each.key] for each in family if each.key in places]
        decides = chosen.key in experiment.goal_keys
        watched = [experiment.metric(each.metric) for each in plan.guardrails if decides and each.metric in metrics]
        guardrails = {each.key: (each, read_metrics(experiment, metrics, each)) for each in watched}
        own = places[chosen.key]
        # The goals decide together: what is planned, missing and allowed does not depend on which of them is asked for.
        deciding = questions if decides else [own]
        setting = self._setting(experiment, arms, deciding, looks, asked_at, ending)
        results, seen = assess(setting, questions, guardrails, correction=correction, decides=decides)
        result = results[next(at for at, each in enumerate(questions) if each is own)]
        if own is not deciding[0]:
            needed = required_units(own.measured.samples, chosen, plan, setting.control)
            result = replace(result, required_units=needed)
        return Assessment(result, setting.standing, seen)

    def slices(
        self,
        experiment: PromptExperiment,
        dimension: str,
        values: Sequence[str],
        measured: MeasuredSamples,
        *,
        metric: str | None = None,
        test: str | None = None,
        looks: Sequence[Look] = (),
    ) -> SliceAnalysis:
        """Analyse every slice of a dimension in one pass; `measured` has a leading axis over `values`.

        Raises:
            as `analyze`.
        """
        chosen, arms = experiment.metric(metric), arms_of(experiment)
        question = self._question(experiment, chosen, {chosen.key: measured}, test, sliced=True)
        whole = [int(each) for each in measured.exposed.sum(axis=0)]
        monitoring = _monitoring(experiment.analysis, [question])
        place = standing(experiment.analysis, monitoring, looks, whole, None, ended=experiment.is_over)
        shares = list(TrafficAllocator(self._registry).expected_shares(experiment).values())
        return assess_slices(dimension, values, question, arms, place, shares)

    def density(
        self,
        experiment: PromptExperiment,
        metrics: Mapping[str, Any],
        *,
        metric: str | None = None,
        test: str | None = None,
    ) -> Density | None:
        """Return the posterior density of each treatment's effect, to be drawn; None for a test without a posterior.

        Raises:
            as `analyze`.
        """
        chosen = experiment.metric(metric)
        question = self._question(experiment, chosen, metrics, test)
        control = next(place for place, variant in enumerate(experiment.variants) if variant.is_control)
        design = ComparisonDesign(chosen.as_judged, control, experiment.analysis.confidence_level)
        return run_density(question.test, question.measured.samples, design, question.options)

    def judge(
        self,
        arms: Sequence[Arm],
        metric: Metric,
        plan: AnalysisPlan,
        samples: MeasuredSamples | SampleStatistics,
        expected_shares: Sequence[float] | None = None,
    ) -> AnalysisResult:
        """Analyse numbers that live elsewhere, without an experiment.

        Args:
            arms: the variants, one of them the control; `read_variants` makes them and the samples from mappings.
            metric: the kind of the numbers and the better direction.
            plan: the test (None: the usual one for the kind), confidence level, power, minimum effect and monitoring,
                of which this is taken to be the first look.
            samples: the variants' statistics on the last axis, without slices.
            expected_shares: the planned shares, for the sample-ratio check; None leaves it out.

        Raises:
            ValidationError: not exactly one control, or samples and shares that do not fit the arms.
            UnknownPluginError, IncompatibleTestError, PluginError: as in `analyze`.
        """
        if sum(arm.is_control for arm in arms) != 1 or len(arms) < 2:
            raise ValidationError("There must be at least two variants, one of them the control.", path=("variants",))
        if expected_shares is not None and len(expected_shares) != len(arms):
            raise ValidationError("There must be one expected share per variant.", path=("expectedShares",))
        measured = as_measured(samples, len(arms), ("variants",))
        test = find_test(self._registry, plan.test or usual_test(metric.judged_kind), metric, ("test",))
        options = self._registry.parse_options(test, plan.options, ("options",))
        question = Question(metric, measured, test, options)
        setting = _setting(plan, arms, [question], expected_shares, ())
        (result,), _ = assess(setting, [question], {}, correction=plan.correction, decides=True)
        return result

    def _question(
        self,
        experiment: PromptExperiment,
        metric: Metric,
        metrics: Mapping[str, Any],
        test: str | None,
        *,
        sliced: bool = False,
    ) -> Question:
        """Return what to judge. The plan's test and options are for the success metric; others take the usual test."""
        plan = experiment.analysis
        path: Path = ("analysis", "test")
        name, raw = plan.test, plan.options
        if test is not None:
            name, raw, path = test, plan.options if test == plan.test else {}, ("test",)
        elif metric != experiment.success_metric and not (
            name and metric.judged_kind in self._registry.test(name).kinds
        ):
            name, raw = None, {}
        name = name or self._registry.choose_test(experiment, metric)
        found = find_test(self._registry, name, metric, path)
        options = self._registry.parse_options(found, raw, ("analysis", "options"))
        measured = metrics[metric.key] if sliced else read_metrics(experiment, metrics, metric)
        return Question(metric, measured, found, options)

    def _setting(
        self,
        experiment: PromptExperiment,
        arms: Sequence[Arm],
        deciding: Sequence[Question],
        looks: Sequence[Look],
        asked_at: datetime | None,
        ending: bool,
    ) -> Setting:
        shares = list(TrafficAllocator(self._registry).expected_shares(experiment).values())
        setting = _setting(experiment.analysis, arms, deciding, shares, looks, ending=ending, ended=experiment.is_over)
        return replace(setting, asked_at=asked_at, started_at=experiment.start_date)


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


def _setting(
    plan: AnalysisPlan,
    arms: Sequence[Arm],
    deciding: Sequence[Question],
    expected_shares: Sequence[float] | None,
    looks: Sequence[Look],
    *,
    ending: bool = False,
    ended: bool = False,
) -> Setting:
    question = deciding[0]
    exposed = [int(each) for each in question.measured.exposed]
    control = next(place for place, arm in enumerate(arms) if arm.is_control)
    needed = required_units(question.measured.samples, question.metric, plan, control)
    place = standing(plan, _monitoring(plan, deciding), looks, exposed, needed, ending=ending, ended=ended)
    ratio = None if expected_shares is None else watched_ratio([look.units for look in looks], exposed, expected_shares)
    return Setting(arms, place, looks, ratio, needed)


def watched_ratio(
    past: Sequence[Sequence[int]], observed: Sequence[int], expected_shares: Sequence[float]
) -> SampleRatio:
    """Return how units arrived: a mismatch by the test of this moment, or by the one that all looks may watch."""
    now = sample_ratio(observed, expected_shares)
    if min(observed) == 0 and now.p_value is None:
        return now
    path = [each for each in past if len(each) == len(observed)]
    watched = sequential_sample_ratio([*path, observed], expected_shares)
    return replace(now, sequential_p_value=watched.p_value, mismatch=now.mismatch or watched.mismatch)


def _monitoring(plan: AnalysisPlan, deciding: Sequence[Question]) -> Monitoring:
    """Return the plan's monitoring, or FIXED where the answers of a test cannot be made safe for many looks."""
    return plan.looks_allowed if all(each.test.sequential for each in deciding) else Monitoring.FIXED
