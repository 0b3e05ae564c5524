"""Do the plugins an experiment names exist, do they accept its options, and can they judge its metric?"""

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.errors import IncompatibleTestError, Path, UnknownPluginError, ValidationError
from omniforge_graph.plugin.interfaces import StatisticalTest
from omniforge_graph.plugin.registry import PluginRegistry


def find_test(
    registry: PluginRegistry, name: str, metric: Metric, path: Path = ("analysis", "test")
) -> StatisticalTest:
    """Return the test of that name if it can judge the metric; `path` leads to where it is named.

    Raises:
        UnknownPluginError, IncompatibleTestError
    """
    try:
        test = registry.test(name)
    except UnknownPluginError as problem:
        raise UnknownPluginError(problem.message, path=path) from None
    if metric.judged_kind not in test.kinds:
        suitable = sorted(each for each, other in registry.tests.items() if metric.judged_kind in other.kinds)
        raise IncompatibleTestError(
            f"{name} cannot judge {metric.key!r}, which is {_described(metric)}; these can: {', '.join(suitable)}.",
            path=path,
        )
    return test


def _described(metric: Metric) -> str:
    return f"{metric.kind} adjusted by covariates" if metric.judged_kind is not metric.kind else metric.kind


def check_plans(registry: PluginRegistry, experiment: PromptExperiment) -> None:
    """Refuse an experiment whose strategy or test is unknown, misconfigured, or cannot judge its success metric.

    Raises:
        UnknownPluginError, ValidationError, IncompatibleTestError, PluginError
    """
    allocation, analysis, metric = experiment.allocation, experiment.analysis, experiment.success_metric
    registry.parse_options(registry.strategy(allocation.strategy), allocation.options, ("allocation", "options"))
    test = find_test(registry, analysis.test or registry.choose_test(experiment, metric), metric)
    registry.parse_options(test, analysis.options, ("analysis", "options"))
    if not test.sequential and analysis.monitoring not in (None, Monitoring.FIXED):
        raise ValidationError(
            f"{test.name} cannot be made safe for many looks: choose the monitoring FIXED, or another test.",
            path=("analysis", "monitoring"),
        )
    _check_roles(experiment)


def _check_roles(experiment: PromptExperiment) -> None:
    """Refuse a plan that gives a role to a metric the experiment does not measure, or the success metric another."""
    measured = {each.key: each for each in experiment.metrics}
    roles: list[tuple[Path, str]] = [
        (("analysis", "goals", place), key) for place, key in enumerate(experiment.analysis.goals)
    ]
    guardrails = enumerate(experiment.analysis.guardrails)
    roles += [(("analysis", "guardrails", place, "metric"), each.metric) for place, each in guardrails]
    for path, key in roles:
        if key not in measured:
            raise ValidationError(
                f"The experiment does not measure {key!r}; it measures {', '.join(measured)}. Add it to metrics.",
                path=path,
            )
        if key == experiment.success_metric.key:
            raise ValidationError(f"{key!r} is the success metric already: it decides by itself.", path=path)
