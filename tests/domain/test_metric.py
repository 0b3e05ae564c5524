"""Metrics and the values they take."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan
from omniforge_graph.errors import TextError, ValidationError


def test_a_bare_key_is_binary_and_higher_is_better() -> None:
    metric = Metric("won")
    assert (metric.kind, metric.direction, metric.aggregation) == (
        MetricKind.BINARY,
        Direction.HIGHER_IS_BETTER,
        Aggregation.ANY,
    )
    assert metric.higher_is_better
    assert not Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER).higher_is_better


def test_every_exposed_unit_counts_unless_the_mean_is_asked_for() -> None:
    assert Metric("cost", MetricKind.CONTINUOUS).aggregation is Aggregation.SUM
    assert Metric("calls", MetricKind.COUNT).aggregation is Aggregation.SUM
    assert Metric("rating", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN).aggregation is Aggregation.MEAN


@pytest.mark.parametrize(
    ("kind", "aggregation"),
    [
        (MetricKind.BINARY, Aggregation.SUM),
        (MetricKind.CONTINUOUS, Aggregation.ANY),
        (MetricKind.COUNT, Aggregation.ANY),
    ],
)
def test_an_aggregation_that_does_not_suit_is_refused(kind: MetricKind, aggregation: Aggregation) -> None:
    with pytest.raises(ValidationError) as refusal:
        Metric("m", kind, aggregation=aggregation)
    assert refusal.value.path == ("aggregation",)


def test_a_key_must_be_a_key() -> None:
    with pytest.raises(TextError):
        Metric("not a key")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (MetricKind.BINARY, [0, 1, 0.0, 1.0], [0.5, -1, 2, math.nan]),
        (MetricKind.COUNT, [0, 1, 5_000_000], [-1, 0.5, math.inf, 1e16]),
        (MetricKind.CONTINUOUS, [0, -1.5, 1e15], [math.nan, math.inf, -math.inf, 1.1e15]),
    ],
)
def test_values(kind: MetricKind, good: list[float], bad: list[float]) -> None:
    metric = Metric("m", kind)
    assert [metric.value_problem(value) for value in good] == [None] * len(good)
    assert all(metric.value_problem(value) for value in bad)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"confidence_level": 1.0}, "confidenceLevel"),
        ({"confidence_level": 0.5}, "confidenceLevel"),
        ({"power": 0.0}, "power"),
        ({"minimum_effect": 0.0}, "minimumEffect"),
        ({"minimum_effect": math.inf}, "minimumEffect"),
        ({"confidence_level": math.nan}, "confidenceLevel"),
    ],
)
def test_a_plan_out_of_range_is_refused(field: dict[str, float], path: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        AnalysisPlan(**field)
    assert refusal.value.path == (path,)


@pytest.mark.parametrize("seed", ["", "a:b", "x" * 65, "é"])
def test_a_seed_holds_no_separator(seed: str) -> None:
    with pytest.raises(ValidationError):
        AllocationPlan(seed=seed, phases=())


@given(
    st.sampled_from(
        [
            Metric("m", MetricKind.BINARY),
            Metric("m", MetricKind.COUNT),
            Metric("m", MetricKind.CONTINUOUS),
            Metric("m", MetricKind.RATIO, numerator="n", denominator="d"),
        ]
    ),
    st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 1e15, -1e15]) | st.floats(), max_size=4),
)
def test_values_are_taken_together_if_each_of_them_is(metric, values) -> None:
    assert metric.takes(values) == all(metric.value_problem(value) is None for value in values)
