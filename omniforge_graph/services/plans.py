"""Before an experiment is created or started: do the plugins it names exist, and do they accept its options?"""

from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.errors import IncompatibleTestError
from omniforge_graph.plugin.registry import PluginRegistry


def check_plans(registry: PluginRegistry, experiment: PromptExperiment) -> None:
    """Refuse an experiment whose strategy or test is unknown, misconfigured, or cannot judge its success metric.

    Raises:
        UnknownPluginError, ValidationError, IncompatibleTestError, PluginError
    """
    allocation, analysis, metric = experiment.allocation, experiment.analysis, experiment.success_metric
    registry.parse_options(registry.strategy(allocation.strategy), allocation.options, ("allocation", "options"))
    test = registry.test(analysis.test or registry.choose_test(experiment, metric))
    registry.parse_options(test, analysis.options, ("analysis", "options"))
    if metric.kind not in test.kinds:
        suitable = sorted(name for name, each in registry.tests.items() if metric.kind in each.kinds)
        raise IncompatibleTestError(
            f"{test.name} cannot judge {metric.key!r}, which is {metric.kind}; these can: {', '.join(suitable)}.",
            path=("analysis", "test"),
        )
