"""Many simulated experiments judged as the product judges one: the plan's test, at the strictness of the look."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from omniforge_graph.domain.look import Look
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.monitoring import Arrivals, Standing, standing
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring, usual_test
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.judgement import Judged, judge
from omniforge_graph.statistics.comparison import ComparisonArrays
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from tests.calibration.worlds import at

RATE = Metric("sale")
MEAN = Metric("revenue", MetricKind.CONTINUOUS)
FIXED = AnalysisPlan(monitoring=Monitoring.FIXED)


def judged(metric: Metric, samples: SampleStatistics | MeasuredSamples, place: Standing) -> Judged:
    """Return the comparison of every simulation, samples of shape (simulations, variants)."""
    registry = installed_plugins()
    test = registry.test(usual_test(metric.kind))
    if isinstance(samples, SampleStatistics):
        samples = MeasuredSamples(samples, exposed=samples.units, without_outcome=np.zeros_like(samples.units))
    return judge(metric, samples, 0, test, registry.parse_options(test, {}, ()), place)


def once(metric: Metric, samples: SampleStatistics | MeasuredSamples) -> ComparisonArrays:
    """Return the comparison at one final look, one row per simulation, one column per treatment."""
    return judged(metric, samples, standing(FIXED, Monitoring.FIXED, (), Arrivals.of([2, 2]))).found


def p_values(metric: Metric, samples: SampleStatistics | MeasuredSamples) -> FloatArray:
    """Return the p-values at one final look, shape (simulations, treatments)."""
    found = once(metric, samples).p_value
    assert found is not None
    return found


def watched(metric: Metric, samples: SampleStatistics, plan: AnalysisPlan) -> Iterator[Judged]:
    """Look at growing samples (simulations, looks, 2), recording the looks that count; yield what each look judges."""
    looks: list[Look] = []
    for number in range(samples.units.shape[1]):
        units = samples.units[0, number].astype(int).tolist()
        place = standing(plan, plan.looks_allowed, looks, Arrivals.of(units))
        if not place.judges_now:
            continue
        yield judged(metric, at(samples, number), place)
        if place.counts:
            looks.append(look(len(looks) + 1, units, place.tuned_units))


def look(number: int, units: Sequence[int], tuned_units: int) -> Look:
    """Return the record of a look."""
    return Look("e", number, datetime(2026, 1, 1, tzinfo=UTC), tuple(units), tuned_units, ())


def ever_found(metric: Metric, samples: SampleStatistics, plan: AnalysisPlan) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Return whether any look rejected, and whether any look's absolute or relative interval excluded no effect."""
    rejected, absolute, relative = (np.zeros(len(samples.units), dtype=np.bool_) for _ in range(3))
    for each in watched(metric, samples, plan):
        assert each.p_values is not None
        rejected |= each.p_values[:, 0] < plan.alpha
        absolute |= excludes(each.found.lower, each.found.upper)
        relative |= excludes(each.found.relative_lower, each.found.relative_upper)
    return rejected, absolute, relative


def excludes(lower: np.ndarray | None, upper: np.ndarray | None, truth: float = 0.0) -> BoolArray:
    """Return whether the intervals of the first treatment leave out the truth."""
    assert lower is not None
    assert upper is not None
    return np.asarray((lower[..., 0] > truth) | (upper[..., 0] < truth))
