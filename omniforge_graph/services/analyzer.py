"""What the numbers say about an experiment: sync and pure, by the statistical tests that are loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from omniforge_graph.domain.analysis import AnalysisResult, SliceAnalysis
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.findings import listed
from omniforge_graph.domain.look import Look, LookedAt, without_intervals
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.monitoring import Arrivals, Standing, standing
from omniforge_graph.domain.plan import AnalysisPlan, usual_test
from omniforge_graph.domain.power import required_units
from omniforge_graph.errors import UnknownPluginError, ValidationError
from omniforge_graph.plugin.interfaces import ComparisonDesign
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.arms import Arm, arms_of
from omniforge_graph.services.computation import run_density
from omniforge_graph.services.plans import find_test
from omniforge_graph.services.report import Question, Setting, assess
from omniforge_graph.services.samples import as_measured, read_metrics
from omniforge_graph.services.setting import family_of, monitoring_of, setting_of
from omniforge_graph.services.slicing import assess_slices
from omniforge_graph.statistics.density import Density
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
        if confidence_level is not None and confidence_level != experiment.analysis.confidence_level:
            plan = replace(experiment.analysis, confidence_level=confidence_level)
            experiment, looks = replace(experiment, analysis=plan), without_intervals(looks)
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
        test = self._other_test(experiment, chosen, test)
        family, correction = family_of(experiment, chosen)
        others = [each for each in family if each.key != chosen.key and each.key in metrics]
        questions = [
            self._question(experiment, each, metrics, test if each is chosen else None) for each in (chosen, *others)
        ]
        places = {each.metric.key: each for each in questions}
        questions = [places[each.key] for each in family if each.key in places]
        exploring = _exploring(experiment, chosen, test)
        decides = exploring is None
        watched = [experiment.metric(each.metric) for each in plan.guardrails if decides and each.metric in metrics]
        guardrails = {each.key: (each, read_metrics(experiment, metrics, each)) for each in watched}
        own = places[chosen.key]
        # The goals decide together: what is planned, missing and allowed does not depend on which of them is asked for.
        deciding = questions if decides else [own]
        setting = self._setting(experiment, arms, deciding, looks, asked_at, ending)
        if not decides:  # what is not recorded is no look
            setting = replace(setting, standing=replace(setting.standing, counts=False))
        results, seen = assess(setting, questions, guardrails, correction=correction, exploring=exploring)
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
        test = self._other_test(experiment, chosen, test)
        question = self._question(experiment, chosen, {chosen.key: measured}, test, sliced=True)
        shares = list(TrafficAllocator(self._registry).expected_shares(experiment).values())
        arrivals = Arrivals.of([int(each) for each in measured.exposed.sum(axis=0)], shares=shares)
        monitoring = monitoring_of(experiment.analysis, [question])
        place = replace(standing(experiment.analysis, monitoring, looks, arrivals), counts=False)
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
        question = self._question(experiment, chosen, metrics, self._other_test(experiment, chosen, test))
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
        setting = setting_of(plan, arms, [question], expected_shares, ())
        (result,), _ = assess(setting, [question], {}, correction=plan.correction)
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
        """Return what to judge, by another test than the plan's if one is named."""
        if test is None:
            name, raw = self._planned_test(experiment, metric)
        else:
            name, raw = test, {}  # the plan's options are for the plan's test
        found = find_test(self._registry, name, metric, ("analysis", "test") if test is None else ("test",))
        options = self._registry.parse_options(found, raw, ("analysis", "options"))
        measured = metrics[metric.key] if sliced else read_metrics(experiment, metrics, metric)
        return Question(metric, measured, found, options)

    def _planned_test(self, experiment: PromptExperiment, metric: Metric) -> tuple[str, Mapping[str, Any]]:
        """Return the name and the options of the test that the plan has for a metric.

        The plan's test is for the success metric, and for others that it can judge; the rest take the usual one.
        """
        name = experiment.analysis.test
        suits = name is not None and metric.judged_kind in self._registry.test(name).kinds
        if name is not None and (suits or metric == experiment.success_metric):
            return name, experiment.analysis.options
        options = experiment.analysis.options if name is None and metric == experiment.success_metric else {}
        return self._registry.choose_test(experiment, metric), options

    def _other_test(self, experiment: PromptExperiment, metric: Metric, test: str | None) -> str | None:
        """Return the test that is asked for, None if it is the plan's own."""
        if test is None:
            return None
        try:
            planned, _ = self._planned_test(experiment, metric)
        except UnknownPluginError:  # nobody chooses one
            return test
        return None if test == planned else test

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
        setting = setting_of(
            experiment.analysis, arms, deciding, shares, looks, ending=ending, ended=experiment.is_over
        )
        return replace(setting, asked_at=asked_at, started_at=experiment.start_date)


def _exploring(experiment: PromptExperiment, metric: Metric, test: str | None) -> str | None:
    """Return why an analysis is not the plan's, None if it is."""
    if metric.key not in experiment.goal_keys:
        return f"{metric.key} is no goal of the plan, whose goals decide: {listed(experiment.goal_keys)}"
    return None if test is None else f"the plan decides by another test than {test}"
