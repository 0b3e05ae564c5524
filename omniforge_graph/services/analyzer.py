"""What the numbers say about an experiment: sync and pure, by the statistical tests that are loaded."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from omniforge_graph.domain.analysis import AnalysisResult
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import AnalysisPlan, usual_test
from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.plugin.registry import PluginRegistry
from omniforge_graph.services.allocator import TrafficAllocator
from omniforge_graph.services.judgement import judge
from omniforge_graph.services.plans import find_test
from omniforge_graph.services.samples import Arm, arms_of, as_measured, read_metrics
from omniforge_graph.statistics.samples import SampleStatistics


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
    ) -> AnalysisResult:
        """Analyse the numbers of one metric: the success metric unless `metric` names another.

        Args:
            experiment: the variants, the metrics and the analysis plan.
            metrics: maps a metric's key to its numbers by variant id or name: a mapping {units, conversions} or
                {units, mean, standard_deviation (or variance)}, or a sequence or array of one value per unit. A
                metric's numbers may also be `MeasuredSamples` or `SampleStatistics`. A mapping keyed by variants
                directly is about the success metric. Variants left out have no units.
            metric: the key of the metric to analyse.
            test: a statistical test instead of the plan's.
            confidence_level: instead of the plan's; above 0.5, below 1.

        Raises:
            ValidationError: `metrics` holds something else; `path` leads to it.
            MetricNotFoundError: the experiment does not measure `metric`.
            UnknownPluginError: no such test (or no such allocation strategy as the experiment's) is loaded.
            IncompatibleTestError: the test cannot judge a metric of this kind.
            PluginError: a plugin failed or broke its contract.
        """
        chosen, plan = experiment.metric(metric), experiment.analysis
        if confidence_level is not None:
            plan = replace(plan, confidence_level=confidence_level)
        if test is not None and test != plan.test:
            plan = replace(plan, test=test, options={})  # the plan's options are for the plan's test
        name = plan.test or self._registry.choose_test(experiment, chosen)
        path = ("test",) if test is not None else ("analysis", "test")
        statistical_test = find_test(self._registry, name, chosen, path)
        options = self._registry.parse_options(statistical_test, plan.options, ("analysis", "options"))
        measured = read_metrics(experiment, metrics, chosen)
        shares = list(TrafficAllocator(self._registry).expected_shares(experiment).values())
        return judge(arms_of(experiment), chosen, measured, plan, statistical_test, options, shares)

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
            plan: the test (None: the usual one for the kind), confidence level, power and minimum effect.
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
        test = find_test(self._registry, plan.test or usual_test(metric.kind), metric, ("test",))
        options = self._registry.parse_options(test, plan.options, ("options",))
        return judge(arms, metric, measured, plan, test, options, expected_shares)
