"""The choice of a test when nobody else has one."""

import pytest

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.plugin import hookimpl
from omniforge_graph.plugin.manager import build_registry, load_plugins
from omniforge_statistics import default_test, z_test


@pytest.mark.parametrize(
    ("kind", "name"),
    [(MetricKind.BINARY, "z_test"), (MetricKind.CONTINUOUS, "welch_t"), (MetricKind.COUNT, "welch_t")],
)
def test_the_kind_decides(kind, name):
    assert load_plugins().choose_test(None, Metric("metric", kind)) == name


def test_others_are_asked_first():
    class Chooser:
        @hookimpl
        def omniforge_choose_statistical_test(self, metric):
            return "chosen" if metric.key == "mine" else None

        @hookimpl
        def omniforge_register_statistical_tests(self):
            test = z_test.TwoProportionZTest()
            type(self).test = type("Chosen", (z_test.TwoProportionZTest,), {"name": "chosen"})()
            return [test, self.test]

    registry = build_registry(default_test, Chooser())
    assert registry.choose_test(None, Metric("mine")) == "chosen"
    assert registry.choose_test(None, Metric("other")) == "z_test"
