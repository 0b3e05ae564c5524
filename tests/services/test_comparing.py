"""Two variants or thousands at once: the same numbers as the plugins, and no number where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.errors import IncompatibleTestError, UnknownPluginError, ValidationError
from omniforge_graph.services.comparing import compare_many, compare_means, compare_rates, compare_values
from omniforge_graph.statistics.comparison import Flag
from omniforge_graph.statistics.covariates import adjust
from omniforge_graph.statistics.moments import Moments
from omniforge_graph.statistics.samples import SampleStatistics

AMOUNT = Metric("amount", MetricKind.CONTINUOUS)
CLICKED = Metric("clicked", MetricKind.BINARY)

UNITS = st.integers(2, 10**9)
SAMPLE = st.tuples(UNITS, st.floats(-1e6, 1e6), st.floats(0, 1e9))
RATE = st.tuples(st.floats(0, 1), st.integers(1, 10**9)).map(lambda pair: (round(pair[0] * pair[1]), pair[1]))
LEVEL = st.floats(0.55, 0.999)


def agree(one, other):
    """Hold two differences equal up to rounding; the scale of an interval's ends is the interval."""
    for mine, theirs in (
        (one.absolute_effect, other.absolute_effect),
        (one.relative_effect, other.relative_effect),
    ):
        ends = [mine.estimate, mine.lower, mine.upper], [theirs.estimate, theirs.lower, theirs.upper]
        scale = max((abs(each) for each in ends[1] if each is not None), default=0.0)
        assert ends[0] == [None if each is None else pytest.approx(each, rel=0, abs=1e-12 * scale) for each in ends[1]]
    for name in ("p_value", "log10_p_value"):
        expected = getattr(other, name)
        assert getattr(one, name) == (None if expected is None else pytest.approx(expected, rel=1e-12, abs=1e-15))
    assert one.flags == other.flags


@settings(deadline=None)  # the first call loads the plugins
@given(SAMPLE, SAMPLE, LEVEL)
def test_two_means_get_the_numbers_of_the_plugin(control, treatment, level):
    samples = SampleStatistics.of(*zip(control, treatment, strict=True))
    agree(compare_means(control, treatment, level), compare_many(samples, AMOUNT, confidence_level=level)[0])


@settings(deadline=None)  # the first call loads the plugins
@given(RATE, RATE, LEVEL)
def test_two_rates_get_the_numbers_of_the_plugin(control, treatment, level):
    samples = SampleStatistics.of_rates(*zip(control, treatment, strict=True))
    agree(compare_rates(control, treatment, level), compare_many(samples, CLICKED, confidence_level=level)[0])


def test_one_pass_equals_many():
    generator = np.random.default_rng(5)
    units = generator.integers(50, 900, size=(3, 2, 4))
    means, variances = generator.normal(10, 1, units.shape), generator.uniform(1, 4, units.shape)
    rows = compare_many(SampleStatistics.of(units, means, variances), AMOUNT, control=1)
    assert len(rows) == 3 * 2 * 3
    single = [
        compare_means(*((units[at], means[at], variances[at]) for at in ((*place, 1), (*place, treatment))))
        for place in np.ndindex(3, 2)
        for treatment in (0, 2, 3)
    ]
    for mine, theirs in zip(rows, single, strict=True):
        agree(mine, theirs)
    assert all(type(row.absolute_effect.estimate) is float for row in (*rows, *single))


def test_poor_data_have_no_number_but_a_reason():
    units, rates = np.array([[0, 60], [60, 60], [50, 50]]), [[0, 6], [0, 0], [4, 5]]
    empty, constant, small = compare_many(SampleStatistics.of_rates(rates, units), CLICKED)
    assert (empty.absolute_effect.estimate, empty.p_value, empty.flags) == (None, None, (Flag.NO_UNITS,))
    assert (constant.absolute_effect.estimate, constant.p_value) == (0.0, None)
    assert Flag.NO_VARIANCE in constant.flags
    assert constant.relative_effect.estimate is None
    assert small.flags == (Flag.SMALL_COUNTS,)
    assert small == compare_rates((4, 50), (5, 50))
    lonely = compare_means((1, 5.0, 0.0), (90, 6.0, 1.0))
    assert (lonely.p_value, lonely.flags) == (None, (Flag.TOO_FEW_UNITS,))


def test_an_unbounded_relative_effect_has_no_ends():
    found = compare_means((50, 0.01, 1.0), (50, 0.5, 1.0))
    assert found.relative_effect.estimate == pytest.approx(49)
    assert (found.relative_effect.lower, found.relative_effect.upper) == (None, None)
    assert found.p_value is not None


def test_the_direction_and_the_options_reach_the_test():
    samples = SampleStatistics.of_rates([200, 260], [1000, 1000])
    worse = Metric("complained", MetricKind.BINARY, Direction.LOWER_IS_BETTER)
    (good,) = compare_many(samples, CLICKED, test="bayesian")
    (bad,) = compare_many(samples, worse, test="bayesian")
    assert good.probability_better == pytest.approx(1 - bad.probability_better)
    assert good.p_value is None
    (firm,) = compare_many(samples, CLICKED, test="bayesian", options={"prior_alpha": 5000.0, "prior_beta": 5000.0})
    assert abs(firm.absolute_effect.estimate) < abs(good.absolute_effect.estimate)


def test_values_give_the_numbers_of_their_statistics():
    generator = np.random.default_rng(7)
    variant = generator.integers(0, 3, 500)
    values = generator.normal(20, 2, 500) + variant
    groups = [values[variant == each] for each in range(3)]
    rows = compare_values(values, variant, variants=3)
    for row, group in zip(rows, groups[1:], strict=True):
        agree(row, compare_means(*((len(each), each.mean(), each.var(ddof=1)) for each in (groups[0], group))))


def test_many_values_are_summarised_in_parts_as_they_are_together():
    generator = np.random.default_rng(9)
    variant, before = generator.integers(0, 2, 150_000), generator.normal(1e6, 1, 150_000)
    values = before + generator.normal(0, 1, 150_000)
    samples = adjust(Moments.of_values(np.column_stack([values, before]), variant, 2)).samples
    (row,), (whole,) = compare_values(values, variant, covariates=before), compare_many(samples, AMOUNT)
    for mine, theirs in zip(
        (row.absolute_effect.estimate, row.absolute_effect.lower, row.absolute_effect.upper),
        (whole.absolute_effect.estimate, whole.absolute_effect.lower, whole.absolute_effect.upper),
        strict=True,
    ):
        assert mine == pytest.approx(theirs, abs=1e-9)  # means of 1e6 keep ten digits after the point


def test_nobody_has_no_effect():
    (row,) = compare_values([], np.array([], dtype=int))
    assert (row.absolute_effect.estimate, row.flags) == (None, (Flag.NO_UNITS,))


def test_covariates_narrow_the_interval_and_a_constant_one_changes_nothing():
    generator = np.random.default_rng(8)
    variant, before = generator.integers(0, 2, 2_000), generator.normal(50, 5, 2_000)
    values = before + generator.normal(0, 1, 2_000) + 0.5 * variant
    (plain,), (constant,) = compare_values(values, variant), compare_values(values, variant, covariates=before * 0)
    assert constant == plain
    (adjusted,) = compare_values(values, variant, covariates=before)
    least_squares = np.linalg.lstsq(np.column_stack([np.ones(2_000), variant, before]), values)[0]
    assert adjusted.absolute_effect.estimate == pytest.approx(least_squares[1], abs=0.01)
    widths = [each.absolute_effect.upper - each.absolute_effect.lower for each in (plain, adjusted)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(1 / 26), rel=0.1)  # the residual's share of the variance
    (two,) = compare_values(values, variant, covariates=np.column_stack([before, generator.normal(size=2_000)]))
    assert two.absolute_effect.estimate == pytest.approx(adjusted.absolute_effect.estimate, abs=0.02)


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda: compare_means((50.5, 1.0, 1.0), (50, 1.0, 1.0)), ("units",)),
        (lambda: compare_means((50, float("inf"), 1.0), (50, 1.0, 1.0)), ("mean",)),
        (lambda: compare_means((50, 1.0, -1.0), (50, 1.0, 1.0)), ("variance",)),
        (lambda: compare_rates((60, 50), (10, 50)), ("conversions",)),
        (lambda: compare_rates((10, 50), (10, 50), confidence_level=1.0), ("confidenceLevel",)),
        (lambda: compare_values([1.0, 2.0], [0, 2]), ("group",)),
        (lambda: compare_values([1.0, float("nan")], [0, 1]), ("values",)),
        (lambda: compare_values([1.0, 2.0], [0, 1, 1]), ("variant",)),
        (lambda: compare_values([1.0, 2.0], [0, 1], covariates=[1.0]), ("covariates",)),
        (lambda: compare_many(SampleStatistics.of([5], [1], [1]), AMOUNT), ("samples",)),
        (lambda: compare_many(SampleStatistics.of([5, 5], [1, 1], [1, 1]), AMOUNT, control=2), ("control",)),
    ],
)
def test_what_is_no_number_is_refused_by_its_name(call, path):
    with pytest.raises(ValidationError) as refusal:
        call()
    assert refusal.value.path == path


def test_the_test_must_exist_and_suit():
    samples = SampleStatistics.of([5, 5], [1, 1], [1, 1])
    with pytest.raises(UnknownPluginError):
        compare_many(samples, AMOUNT, test="tea_leaves")
    with pytest.raises(IncompatibleTestError):
        compare_many(samples, AMOUNT, test="z_test")
