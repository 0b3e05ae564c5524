"""How the statistical tests are called in their tests."""

import numpy as np
import pytest

from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.plugin.interfaces import ComparisonDesign
from omniforge_graph.statistics.samples import SampleStatistics


def rates(*counts):
    return SampleStatistics.of_rates([x for x, _ in counts], [n for _, n in counts])


def means(*variants):
    return SampleStatistics.of(*zip(*variants, strict=True))


def values(*variants):
    return means(*((len(v), np.mean(v), np.var(v, ddof=1) if len(v) > 1 else np.nan) for v in variants))


@pytest.fixture
def compare():
    def run(test, samples, *, kind=MetricKind.BINARY, lower_is_better=False, level=0.95, control=0, **options):
        direction = Direction.LOWER_IS_BETTER if lower_is_better else Direction.HIGHER_IS_BETTER
        design = ComparisonDesign(Metric("metric", kind, direction), control, level)
        return test.compare(samples, design, test.options_type(**options))

    run.rates, run.means, run.values = rates, means, values
    return run
