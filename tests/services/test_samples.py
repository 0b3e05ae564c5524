"""Reading the numbers callers bring."""

from datetime import UTC, datetime

import numpy as np
import pytest

from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Aggregation, Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.errors import ValidationError
from omniforge_graph.services.samples import read_metrics, read_variants
from omniforge_graph.statistics.samples import SampleStatistics

SALE = Metric("sale")
COST = Metric("cost", MetricKind.CONTINUOUS)
CALLS = Metric("calls", MetricKind.COUNT)
RATING = Metric("rating", MetricKind.COUNT, aggregation=Aggregation.MEAN)
VARIANTS = (Variant("a", "plain", "p1", 5000, is_control=True), Variant("b", "brief", "p2", 5000))
EXPERIMENT = PromptExperiment(
    id="e",
    prompt_id="p",
    name="trial",
    variants=VARIANTS,
    metrics=(SALE, COST, CALLS, RATING),
    allocation=AllocationPlan("seedseed", (lay_out([("a", 5000), ("b", 5000)]),)),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_by="me",
)


def read(metrics, metric=SALE):
    samples = read_metrics(EXPERIMENT, metrics, metric).samples
    return samples.units.tolist(), samples.mean.tolist(), samples.variance.tolist()


def refused(metrics, metric=SALE):
    with pytest.raises(ValidationError) as caught:
        read(metrics, metric)
    return caught.value.path


# ---------------------------------------------------------------- what is understood

HALF = ([10, 10], [0.5, 0.2], [pytest.approx(25 / 90), pytest.approx(16 / 90)])


@pytest.mark.parametrize(
    "numbers",
    [
        {"plain": {"units": 10, "conversions": 5}, "brief": {"units": 10, "conversions": 2}},
        {"a": {"units": 10, "conversions": 5}, "b": {"units": 10.0, "conversions": np.int64(2)}},
        {"brief": {"units": 10, "mean": 0.2}, "a": {"units": 10, "mean": 0.4999}},
        {"plain": [1, 0] * 5, "brief": (True,) * 2 + (False,) * 8},
        {"plain": np.array([1, 0] * 5, dtype=np.int8), "brief": np.array([1.0] * 2 + [0.0] * 8)},
    ],
)
def test_rates_in_every_form(numbers):
    assert read({"sale": numbers}) == HALF
    assert read(numbers) == HALF


@pytest.mark.parametrize(
    "row",
    [
        {"units": 4, "mean": 2.5, "variance": 5 / 3},
        {"units": 4, "mean": 2.5, "standard_deviation": np.sqrt(5 / 3)},
        {"units": 4, "mean": 2.5, "standardDeviation": np.sqrt(5 / 3), "variance": None},
        [1, 2, 3, 4],
        np.array([1.0, 2.0, 3.0, 4.0], dtype=np.float32),
    ],
)
def test_means_in_every_form(row):
    units, mean, variance = read({"cost": {"plain": row}}, COST)
    assert (units, mean[0], variance[0]) == ([4, 0], 2.5, pytest.approx(5 / 3))
    assert np.isnan([mean[1], variance[1]]).all()


def test_values_at_an_offset_of_a_billion_keep_their_variance():
    _, _, variance = read({"cost": {"plain": [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]}}, COST)
    assert variance[0] == 30


@pytest.mark.parametrize(("row", "units"), [({"units": 0}, 0), ([], 0), ([3.5], 1), ({"units": 1, "mean": 3.5}, 1)])
def test_few_units_need_no_variance(row, units):
    assert read({"cost": {"plain": row}}, COST)[0] == [units, 0]


def test_nothing_is_zero_units():
    assert read({})[0] == [0, 0]


def test_stored_samples_are_taken_as_they_are():
    samples = SampleStatistics.of_rates([1, 2], [10, 10])
    measured = MeasuredSamples(samples, np.array([12.0, 11.0]), np.array([2.0, 1.0]))
    assert read_metrics(EXPERIMENT, {"sale": measured}, SALE) is measured
    assert read_metrics(EXPERIMENT, {"sale": samples}, SALE).exposed.tolist() == [10, 10]


def test_means_of_counts_need_not_be_whole():
    assert read({"rating": {"plain": [3.5, 4.25]}}, RATING)[1][0] == 3.875


# ---------------------------------------------------------------- what is refused, and where


@pytest.mark.parametrize(
    ("row", "rest"),
    [
        ({"units": -1, "conversions": 0}, ("units",)),
        ({"units": 1.5, "conversions": 0}, ("units",)),
        ({"units": float("nan"), "conversions": 0}, ("units",)),
        ({"units": 10**400, "conversions": 0}, ("units",)),
        ({"units": True, "conversions": 0}, ("units",)),
        ({"units": "10", "conversions": 0}, ("units",)),
        ({"conversions": 1}, ("units",)),
        ({"units": 10, "conversions": 11}, ("conversions",)),
        ({"units": 10, "conversions": 0.5}, ("conversions",)),
        ({"units": 10, "mean": 1.1}, ("mean",)),
        ({"units": 10}, ("mean",)),
        ({"units": 10, "clicks": 3}, ("clicks",)),
        ([0, 1, 2], (2,)),
        ([0, 1, float("nan")], (2,)),
        (["1", "0"], ()),
        ([[1, 0]], ()),
        ([[1], [0, 1]], ()),
        ([None], ()),
        ("1010", ()),
        (7, ()),
        (None, ()),
    ],
)
def test_bad_rates_are_named(row, rest):
    assert refused({"sale": {"plain": row}}) == ("metrics", "sale", "plain", *rest)
    assert refused({"plain": row}) == ("metrics", "plain", *rest)


@pytest.mark.parametrize(
    ("row", "rest"),
    [
        ({"units": 10, "conversions": 1}, ("conversions",)),
        ({"units": 10, "mean": 1}, ("standard_deviation",)),
        ({"units": 10, "mean": 1, "standard_deviation": -1}, ("standard_deviation",)),
        ({"units": 10, "mean": 1, "variance": -1}, ("variance",)),
        ({"units": 10, "mean": 1, "variance": float("inf")}, ("variance",)),
        ({"units": 10, "mean": 1e16, "variance": 1}, ("mean",)),
        ({"units": 10, "variance": 1}, ("mean",)),
        ([1.0, float("inf")], (1,)),
    ],
)
def test_bad_means_are_named(row, rest):
    assert refused({"cost": {"b": row}}, COST) == ("metrics", "cost", "b", *rest)


def test_counts_are_whole_and_not_negative():
    assert refused({"calls": {"b": [1, 2.5]}}, CALLS) == ("metrics", "calls", "b", 1)
    assert refused({"calls": {"b": [-1]}}, CALLS) == ("metrics", "calls", "b", 0)


@pytest.mark.parametrize(
    ("metrics", "metric", "path"),
    [
        ([1, 2], SALE, ("metrics",)),
        ({"sail": {}}, SALE, ("metrics", "sail")),
        ({"cost": {}}, SALE, ("metrics", "sale")),
        ({"plain": {"units": 1}}, COST, ("metrics", "plain")),
        ({"sale": [1, 2]}, SALE, ("metrics", "sale")),
        ({"sale": {"c": {"units": 1}}}, SALE, ("metrics", "sale", "c")),
        ({"sale": {"a": {"units": 0}, "plain": {"units": 0}}}, SALE, ("metrics", "sale", "plain")),
        ({"sale": SampleStatistics.of_rates([1], [2])}, SALE, ("metrics", "sale")),
        ({"sale": SampleStatistics.of_rates([[1, 1]], [[2, 2]])}, SALE, ("metrics", "sale")),
    ],
)
def test_what_is_neither_metric_nor_variant_is_named(metrics, metric, path):
    assert refused(metrics, metric) == path


# ---------------------------------------------------------------- variants without an experiment


def test_the_first_is_the_control_unless_one_is_marked():
    rows = [{"name": "x", "units": 1, "conversions": 0}, {"name": "y", "units": 2, "conversions": 1}]
    arms, samples = read_variants(rows, SALE)
    assert [(arm.name, arm.is_control) for arm in arms] == [("x", True), ("y", False)]
    assert samples.units.tolist() == [1, 2]
    arms, _ = read_variants([rows[0], {**rows[1], "isControl": True, "mean": None}], SALE)
    assert [arm.is_control for arm in arms] == [False, True]


ROW = {"units": 1, "conversions": 0}


@pytest.mark.parametrize(
    ("rows", "path"),
    [
        ([], ("variants",)),
        ([{"name": "x", **ROW}], ("variants",)),
        ([{"name": str(n), **ROW} for n in range(101)], ("variants",)),
        ([{"name": "x", **ROW}, {"name": "x", **ROW}], ("variants", 1, "name")),
        ([{"name": "x", **ROW}, ROW], ("variants", 1, "name")),
        ([{"name": "x", **ROW}, {"name": " ", **ROW}], ("variants", 1, "name")),
        ([{"name": n, "is_control": True, **ROW} for n in "xy"], ("variants", 1, "isControl")),
        ([{"name": "x", **ROW}, {"name": "y", "units": 1, "conversions": 2}], ("variants", 1, "conversions")),
    ],
)
def test_bad_variants_are_named(rows, path):
    with pytest.raises(ValidationError) as caught:
        read_variants(rows, SALE)
    assert caught.value.path == path
