"""The choice of a test when nobody else has one: the z-test for conversions, Welch's t-test for everything else."""

from omniforge_graph.plugin import Metric, hookimpl, usual_test


@hookimpl(trylast=True)
def omniforge_choose_statistical_test(metric: Metric) -> str | None:
    """Name the test that suits the metric's kind. Other plugins are asked first."""
    return usual_test(metric.judged_kind)
