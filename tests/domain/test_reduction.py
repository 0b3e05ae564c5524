"""From a table of units to what a test judges; every number here is worked out a second way."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from omniforge_graph.domain import reduction
from omniforge_graph.domain.measurement import MeasuredSamples, UnitTable, sources_of
from omniforge_graph.domain.metric import Aggregation, Cap, Metric, MetricKind
from omniforge_graph.domain.reduction import reduce_slices, reduce_units
from omniforge_graph.statistics.samples import SampleStatistics

WON = Metric("won")
REVENUE = Metric("revenue", MetricKind.CONTINUOUS)
RATING = Metric("rating", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN)
CALLS = Metric("calls", MetricKind.COUNT, aggregation=Aggregation.NUMBER)
LATENCY = Metric("latency", MetricKind.RATIO)
COST_PER_CALL = Metric("cost_per_call", MetricKind.RATIO, numerator="cost", denominator="calls")
MEDIAN = Metric("median", MetricKind.QUANTILE, quantile=0.5)
ADJUSTED = replace(REVENUE, covariates=("revenue",))
TWO_COVARIATES = replace(REVENUE, covariates=("revenue", "visits"))
ADJUSTED_RATIO = replace(COST_PER_CALL, covariates=("cost_per_call",))
MIXED_RATIO = replace(LATENCY, covariates=("visits", "latency"))
CAPPED = replace(REVENUE, cap=Cap(lower=-1, upper=4))
TRIMMED = replace(REVENUE, cap=Cap(percentile=0.9))
EVERY = (
    WON, REVENUE, RATING, CALLS, LATENCY, COST_PER_CALL, MEDIAN, ADJUSTED, TWO_COVARIATES, ADJUSTED_RATIO, MIXED_RATIO,
    CAPPED, TRIMMED, replace(LATENCY, cap=Cap(upper=3)), replace(WON, covariates=("won",)),
    replace(RATING, covariates=("rating",), cap=Cap(percentile=0.8)),
)  # fmt: skip


def table(variant, *columns, weight=None, observed=None, squares=None, slice_of=None, slices=("",)) -> UnitTable:
    """A table of units: a row each unless `weight` says otherwise, all with outcomes unless `observed` says not."""
    place = np.asarray(variant, dtype=np.intp)
    values = np.stack([np.asarray(each, dtype=float) for each in columns], axis=1)
    first = values[:, 0] if len(place) else np.empty(0)
    seen = np.ones(len(place), dtype=bool) if observed is None else np.asarray(observed)
    return UnitTable(
        variant=place,
        weight=np.ones(len(place)) if weight is None else np.asarray(weight, dtype=float),
        values=values,
        observed=np.tile(seen[:, None], (1, values.shape[1])),
        squares=first**2 if squares is None else np.asarray(squares, dtype=float),
        slice_of=np.zeros(len(place), dtype=np.intp) if slice_of is None else np.asarray(slice_of, dtype=np.intp),
        slices=slices,
    )


def draw(metric, seed=0, units=400, variants=2) -> UnitTable:
    """Random units with as many columns as the metric reads, whose covariates tell something of the value."""
    chance = np.random.default_rng(seed)
    base = chance.gamma(2, 1, units)
    columns = [base * chance.uniform(0.5, 1.5, units) for _ in sources_of(metric)]
    if metric.kind is MetricKind.BINARY:
        columns = [(each > 1.5).astype(float) for each in columns]
    return table(chance.integers(variants, size=units), *columns, squares=columns[0] ** 2 * 1.7)


def rows_of(whole: UnitTable, chosen) -> UnitTable:
    """Some rows of a table, in the order given, of one slice."""
    names = ("variant", "weight", "values", "observed", "squares")
    picked = {name: getattr(whole, name)[chosen] for name in names}
    return UnitTable(**picked, slice_of=np.zeros(len(picked["variant"]), dtype=np.intp))


def assert_same(one, other, *, rtol=1e-9, atol=0.0) -> None:
    """Two measurements agree in everything but the unit values that may be kept beside them."""
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if field.name == "values":
            continue
        if isinstance(left, SampleStatistics):
            assert_same(left, right, rtol=rtol, atol=atol)
        elif left is None or right is None:
            assert left is right, field.name
        else:
            np.testing.assert_allclose(left, right, rtol=rtol, atol=atol, err_msg=field.name)


# ---------------------------------------------------------------- kinds


def test_a_rate_is_the_share_of_exposed_units() -> None:
    found = reduce_units(WON, table([0] * 5 + [1] * 4, [1, 0, 0, 1, 0, 1, 1, 1, 0], observed=[True] * 8 + [False]), 2)
    expected = SampleStatistics.of_rates([2, 3], [5, 4])
    assert found.samples.units.tolist() == found.exposed.tolist() == [5, 4]
    assert found.without_outcome.tolist() == [0, 1]
    np.testing.assert_allclose(found.samples.mean, expected.mean, rtol=1e-15)
    np.testing.assert_allclose(found.samples.variance, expected.variance, rtol=1e-15)
    for name in ("observed", "variance_reduction", "design_effect", "effective_units", "capped", "short", "lumped"):
        assert getattr(found, name) is None


@pytest.mark.parametrize("metric", [REVENUE, CALLS, Metric("tokens", MetricKind.COUNT)])
def test_a_mean_is_over_all_exposed_units(metric) -> None:
    values = [[3.0, 0.0, 4.0], [10.0, 0.0]]
    found = reduce_units(metric, table([0, 0, 0, 1, 1], [*values[0], *values[1]]), 2).samples
    assert found.units.tolist() == [3, 2]
    np.testing.assert_allclose(found.mean, [np.mean(each) for each in values], rtol=1e-15)
    np.testing.assert_allclose(found.variance, [np.var(each, ddof=1) for each in values], rtol=1e-14)
    assert [each.tolist() for each in found.values] == values


def test_a_unit_without_a_rating_is_exposed_and_left_out() -> None:
    values = [4.0, np.nan, 2.0, 5.0, np.nan]
    found = reduce_units(RATING, table([0, 0, 0, 1, 1], values, observed=~np.isnan(values)), 2)
    assert found.exposed.tolist() == [3, 2]
    assert found.without_outcome.tolist() == [1, 1]
    assert found.samples.units.tolist() == [2, 1]
    assert found.samples.mean.tolist() == [3, 5]
    assert np.isnan(found.samples.variance[1])


@pytest.mark.parametrize("metric", [LATENCY, COST_PER_CALL])
def test_a_ratio_is_that_of_the_totals_with_the_variance_of_linearised_units(metric) -> None:
    whole = draw(metric, units=60)
    found = reduce_units(metric, whole, 2)
    for place in (0, 1):
        above, below = whole.values[whole.variant == place].T
        ratio = above.sum() / below.sum()
        linear = (above - ratio * below) / below.mean()
        assert found.samples.mean[place] == pytest.approx(ratio, rel=1e-12)
        assert found.samples.variance[place] == pytest.approx(linear.var(ddof=1), rel=1e-12)
    assert (found.design_effect is None) == (metric is COST_PER_CALL)


def test_the_design_effect_compares_with_outcomes_as_if_nobody_sent_two() -> None:
    # Three users of the control sent 2, 1 and 3 requests; no two requests of a user of the treatment are alike.
    requests = [[[1.0, 2.0], [4.0], [2.0, 2.0, 5.0]], [[1.0, 9.0], [9.0, 1.0], [5.0, 5.0, 2.0, 8.0]]]
    flat = [unit for variant in requests for unit in variant]
    sums, counts, squares = ([told(unit) for unit in flat] for told in (sum, len, lambda unit: np.square(unit).sum()))
    found = reduce_units(LATENCY, table([0, 0, 0, 1, 1, 1], sums, counts, squares=squares), 2)
    for place, units in enumerate(requests):
        every = np.concatenate(units)
        linear = np.array([sum(u) - every.mean() * len(u) for u in units]) / (len(every) / len(units))
        clustered = linear.var(ddof=1) / len(units)
        effect = clustered / (every.var(ddof=1) / len(every))
        assert found.design_effect[place] == pytest.approx(effect, rel=1e-12)
        worth = len(every) / effect if effect else np.nan
        assert found.effective_units[place] == pytest.approx(worth, rel=1e-12, nan_ok=True)
    # A capped unit's own outcomes are not known, so neither is how much they resemble each other.
    assert reduce_units(replace(LATENCY, cap=Cap(upper=5)), draw(LATENCY), 2).design_effect is None
    assert found.design_effect[1] == 0  # every user of the treatment has the same mean


def test_one_outcome_for_each_unit_has_no_design_effect() -> None:
    values = np.random.default_rng(3).normal(5, 2, 200)
    found = reduce_units(LATENCY, table(np.arange(200) % 2, values, np.ones(200)), 2)
    np.testing.assert_allclose(found.design_effect, 1, rtol=1e-12)
    np.testing.assert_allclose(found.effective_units, 100, rtol=1e-12)


def test_a_quantile_is_numpys_and_tells_where_it_cannot_be_judged() -> None:
    whole = draw(MEDIAN, units=300)
    found = reduce_units(MEDIAN, whole, 2)
    medians = [np.median(whole.values[whole.variant == place, 0]) for place in (0, 1)]
    np.testing.assert_allclose(found.samples.mean, medians, rtol=1e-14)
    assert not found.short.any()
    assert not found.lumped.any()
    assert np.all(found.samples.variance > 0)
    few = reduce_units(replace(MEDIAN, quantile=0.99), whole, 2)
    assert few.short.all()
    assert np.all(np.isfinite(few.samples.mean) & np.isnan(few.samples.variance))
    tied = reduce_units(MEDIAN, replace(whole, values=np.round(whole.values / 9)), 2)
    assert tied.lumped.all()
    assert np.all(np.isnan(tied.samples.variance))


# ---------------------------------------------------------------- weights, slices


@pytest.mark.parametrize("metric", EVERY, ids=lambda each: f"{each.key}-{each.kind}")
@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_as_many_rows(metric, seed) -> None:
    whole = draw(metric, seed, units=60, variants=3)
    weights = np.random.default_rng(seed).integers(1, 6, 60)
    once = reduce_units(metric, replace(whole, weight=weights.astype(float)), 3)
    often = reduce_units(metric, rows_of(whole, np.repeat(np.arange(60), weights)), 3)
    # Rounding of a sum of 200 terms in another order.
    assert_same(once, often, rtol=1e-9, atol=1e-12)
    if once.samples.values is not None:
        for one, many in zip(once.samples.values, often.samples.values, strict=True):
            np.testing.assert_allclose(np.sort(one), np.sort(many), rtol=1e-12)


SLICED = [each for each in EVERY if each.cap is None or each.cap.percentile is None]


@pytest.mark.parametrize("metric", SLICED, ids=lambda each: f"{each.key}-{each.kind}")
def test_every_slice_is_what_its_rows_are_alone(metric) -> None:
    whole = draw(metric, 7, units=500, variants=3)
    place = np.random.default_rng(7).choice(4, 500, p=[0.5, 0.3, 0.19, 0.01])
    sliced = replace(whole, slice_of=place, slices=("a", "b", "c", "d"))
    found = reduce_slices(metric, sliced, 3)
    assert found.samples.units.shape == (4, 3)
    for number in range(4):
        alone = reduce_units(metric, rows_of(whole, place == number), 3)
        of_slice = _slice(found, number)
        assert_same(replace(of_slice, variance_reduction=None), replace(alone, variance_reduction=None), atol=1e-12)


def _slice(found: MeasuredSamples, number: int) -> MeasuredSamples:
    def take(value):
        if isinstance(value, SampleStatistics):
            return SampleStatistics(*(take(getattr(value, field.name)) for field in fields(value)))
        return value[number] if isinstance(value, np.ndarray) else value

    return MeasuredSamples(**{field.name: take(getattr(found, field.name)) for field in fields(found)})


@pytest.mark.parametrize("metric", EVERY, ids=lambda each: f"{each.key}-{each.kind}")
def test_nobody_is_no_error_and_so_is_a_variant_without_units(metric) -> None:
    nothing = reduce_units(metric, table([], *([] for _ in sources_of(metric))), 3)
    assert nothing.exposed.tolist() == nothing.without_outcome.tolist() == nothing.samples.units.tolist() == [0, 0, 0]
    assert np.isnan(nothing.samples.mean).all()
    assert np.isnan(nothing.samples.variance).all()
    whole = draw(metric, units=200)
    alone, among = reduce_units(metric, whole, 2), reduce_units(metric, replace(whole, variant=whole.variant * 2), 3)
    assert among.samples.units[1] == among.exposed[1] == 0
    assert np.isnan(among.samples.mean[1])
    np.testing.assert_allclose(among.samples.mean[::2], alone.samples.mean, rtol=1e-12)
    np.testing.assert_allclose(among.samples.variance[::2], alone.samples.variance, rtol=1e-9)


@pytest.mark.parametrize("metric", [REVENUE, RATING, MEDIAN, ADJUSTED, TWO_COVARIATES])
def test_an_offset_of_a_billion_costs_no_digits(metric) -> None:
    whole = draw(metric, units=400)
    # In steps of 2^-20, which are exact at 1e9 too.
    exact = np.round(whole.values * 2**20) / 2**20
    near = reduce_units(metric, replace(whole, values=exact), 2)
    far = reduce_units(metric, replace(whole, values=exact + 1e9), 2)
    np.testing.assert_allclose(far.samples.mean - 1e9, near.samples.mean, atol=1e-6)
    np.testing.assert_allclose(far.samples.variance, near.samples.variance, rtol=1e-6)
    if near.variance_reduction is not None:
        assert far.variance_reduction == pytest.approx(near.variance_reduction, abs=1e-6)


# ---------------------------------------------------------------- caps


def test_a_cap_of_bounds_cuts_values_and_counts_the_units() -> None:
    values = [-5.0, 0.0, 4.0, 9.0, 9.0, -1.0]
    found = reduce_units(CAPPED, table([0, 0, 0, 1, 1, 1], values, weight=[1, 1, 1, 7, 1, 2]), 2)
    assert found.capped.tolist() == [1, 8]
    assert found.samples.units.tolist() == [3, 10]
    np.testing.assert_allclose(found.samples.mean, [1.0, 3.0], rtol=1e-15)
    np.testing.assert_allclose(found.samples.variance, [7.0, 40 / 9], rtol=1e-14)


def test_a_cap_at_a_percentile_is_one_bound_for_all_variants() -> None:
    values = np.random.default_rng(2).lognormal(0, 2, 1000)
    variant = (values > np.median(values)).astype(int)  # all extremes in one variant
    found = reduce_units(TRIMMED, table(variant, values), 2)
    bound = np.sort(values)[899]
    np.testing.assert_allclose(found.samples.mean[1], np.minimum(values[variant == 1], bound).mean(), rtol=1e-13)
    assert found.capped.tolist() == [0, 100]


def test_a_cap_on_a_ratio_cuts_the_numerator() -> None:
    capped = replace(COST_PER_CALL, cap=Cap(upper=3))
    found = reduce_units(capped, table([0, 0, 1, 1], [1, 9, 3, 2], [2, 2, 4, 1]), 2)
    np.testing.assert_allclose(found.samples.mean, [1.0, 1.0], rtol=1e-15)
    assert found.capped.tolist() == [1, 0]


def test_units_without_a_value_are_not_capped() -> None:
    capped = replace(RATING, cap=Cap(upper=3))
    found = reduce_units(capped, table([0, 0, 1], [5, np.nan, 1], observed=[True, False, True]), 2)
    assert found.capped.tolist() == [1, 0]
    assert found.exposed.tolist() == [2, 1]


# ---------------------------------------------------------------- covariates


@pytest.mark.parametrize("metric", [ADJUSTED, TWO_COVARIATES, replace(WON, covariates=("won", "visits", "age"))])
def test_adjusted_means_are_those_of_the_residuals_of_one_regression(metric) -> None:
    whole = draw(metric, 5)
    found = reduce_units(metric, whole, 2)
    value, covariates = whole.values[:, 0], whole.values[:, 1:]
    centred = covariates - covariates.mean(axis=0)
    slope, *_ = np.linalg.lstsq(centred, value - value.mean(), rcond=None)
    adjusted = value - centred @ slope
    for place in (0, 1):
        rows = whole.variant == place
        assert found.samples.mean[place] == pytest.approx(adjusted[rows].mean(), rel=1e-10)
        assert found.samples.variance[place] == pytest.approx(adjusted[rows].var(ddof=1), rel=1e-10)
        assert found.observed.mean[place] == pytest.approx(value[rows].mean(), rel=1e-12)
        np.testing.assert_allclose(found.samples.values[place], adjusted[rows], rtol=1e-10, atol=1e-12)
    before, after = (each.squared_standard_error.sum() for each in (found.observed, found.samples))
    assert found.variance_reduction == pytest.approx(1 - after / before, rel=1e-12)
    assert 0 < found.variance_reduction < 1


@pytest.mark.parametrize("constant", [0.0, 7.0, 1e9 / 3])
@pytest.mark.parametrize("metric", [ADJUSTED, TWO_COVARIATES, ADJUSTED_RATIO, MIXED_RATIO])
def test_a_constant_covariate_gives_exactly_the_unadjusted_numbers(metric, constant) -> None:
    whole = draw(metric)
    own = 2 if metric.kind is MetricKind.RATIO else 1
    flat = np.concatenate([whole.values[:, :own], np.full((400, len(sources_of(metric)) - own), constant)], axis=1)
    found = reduce_units(metric, replace(whole, values=flat), 2)
    plain = reduce_units(replace(metric, covariates=()), replace(whole, values=whole.values[:, :own]), 2)
    assert found.samples.mean.tolist() == found.observed.mean.tolist() == plain.samples.mean.tolist()
    assert found.samples.variance.tolist() == plain.samples.variance.tolist()
    assert found.variance_reduction == 0.0


def test_a_missing_covariate_counts_as_the_mean_of_the_known_ones() -> None:
    metric = replace(RATING, covariates=("rating",))
    whole = draw(metric)
    missing = np.random.default_rng(1).random(400) < 0.3
    gaps, filled = whole.values.copy(), whole.values.copy()
    gaps[missing, 1], filled[missing, 1] = np.nan, whole.values[~missing, 1].mean()
    found = reduce_units(metric, replace(whole, values=gaps), 2)
    assert_same(found, reduce_units(metric, replace(whole, values=filled), 2))
    assert found.samples.units.sum() == 400
    unknown = np.full_like(gaps, np.nan)
    unknown[:, 0] = gaps[:, 0]
    nothing = reduce_units(metric, replace(whole, values=unknown), 2)
    assert (
        nothing.samples.mean.tolist()
        == reduce_units(RATING, replace(whole, values=gaps[:, :1]), 2).samples.mean.tolist()
    )
    assert nothing.variance_reduction == 0.0


def test_a_ratio_is_adjusted_by_its_own_ratio_before() -> None:
    chance = np.random.default_rng(4)
    price, calls, calls_before = chance.gamma(4, 1, 600), chance.poisson(5, 600), chance.poisson(3, 600)
    noise = [chance.uniform(0.5, 1.5, 600) for _ in range(2)]
    now, before = price * calls * noise[0], price * calls_before * noise[1]
    whole = table(chance.integers(2, size=600), now, calls, before, calls_before)
    found = reduce_units(ADJUSTED_RATIO, whole, 2)
    ratios, covariances = [], []
    for place in (0, 1):
        above, below, above_before, below_before = whole.values[whole.variant == place].T
        now, then = above.mean() / below.mean(), above_before.mean() / below_before.mean()
        linear = (above - now * below) / below.mean(), (above_before - then * below_before) / below_before.mean()
        ratios.append((now, then))
        covariances.append(np.cov(*linear))
    theta = sum(each[0, 1] for each in covariances) / sum(each[1, 1] for each in covariances)
    assert theta > 0.1
    for place, ((now, _), each) in enumerate(zip(ratios, covariances, strict=True)):
        assert found.observed.mean[place] == pytest.approx(now, rel=1e-12)
        variance = each[0, 0] - 2 * theta * each[0, 1] + theta**2 * each[1, 1]
        assert found.samples.variance[place] == pytest.approx(variance, rel=1e-9)
    difference = ratios[1][0] - ratios[0][0] - theta * (ratios[1][1] - ratios[0][1])
    assert found.samples.mean[1] - found.samples.mean[0] == pytest.approx(difference, rel=1e-9)
    assert found.samples.values is None


def test_unit_values_are_kept_for_a_few_units_only(monkeypatch) -> None:
    whole = draw(REVENUE, units=50)
    monkeypatch.setattr(reduction, "MOST_KEPT", 50)
    assert sum(map(len, reduce_units(REVENUE, whole, 2).samples.values)) == 50
    assert reduce_units(REVENUE, replace(whole, weight=whole.weight + (np.arange(50) == 0)), 2).samples.values is None


# ---------------------------------------------------------------- laws

NUMBERS = st.floats(-1e15, 1e15) | st.sampled_from([0.0, 1.0, -1.0, 1e-300, 5e-324, -5e-324, 1e15, 1e15 - 0.125])


@st.composite
def tables(draw):
    """A metric of any kind and a small table for it of whatever its outcomes allow."""
    metric = draw(st.sampled_from(EVERY))
    rows, count = draw(st.integers(0, 9)), len(sources_of(metric))
    numbers = st.sampled_from([0.0, 1.0]) if metric.kind is MetricKind.BINARY else NUMBERS
    values = draw(npst.arrays(float, (rows, count), elements=numbers))
    for place, source in enumerate(sources_of(metric)):
        if source.aggregation is Aggregation.NUMBER:
            values[:, place] = draw(npst.arrays(float, rows, elements=st.integers(0, 5).map(float)))
    if metric.aggregation is Aggregation.MEAN:
        values = np.where(draw(npst.arrays(bool, (rows, count))), np.nan, values)
    weight = draw(npst.arrays(float, rows, elements=st.sampled_from([1.0, 1.0, 2.0, 1e6])))
    return metric, UnitTable(
        variant=draw(npst.arrays(np.intp, rows, elements=st.integers(0, 2))),
        weight=np.minimum(weight, 3.0) if metric.kind is MetricKind.QUANTILE else weight,
        values=values,
        observed=draw(npst.arrays(bool, (rows, count))),
        squares=np.nan_to_num(values[:, 0]) ** 2,
        slice_of=draw(npst.arrays(np.intp, rows, elements=st.integers(0, 1))),
        slices=("a", "b"),
    )


@settings(max_examples=400, deadline=None)
@given(tables())
@example((COST_PER_CALL, table([0, 0, 1, 1], [1e15, 1e15, 1, 2], [5e-324, 0, 1, 1], slices=("a", "b"))))
def test_no_table_whatever_is_an_error_or_infinite(case) -> None:
    metric, whole = case
    for found in (reduce_units(metric, whole, 3), reduce_slices(metric, whole, 3)):
        for each in (found.samples, found.observed):
            if each is None:
                continue
            assert not np.isinf([each.units, each.mean, each.variance]).any()
            assert not (each.variance < 0).any()
            assert not np.isnan(each.mean[each.units > 0]).any() or metric.kind is MetricKind.RATIO
            # Kept values are of the units there are.
            for values, units in zip(each.values or (), each.units, strict=False):
                assert len(values) == units
        assert found.exposed.sum() == whole.weight.sum()
        assert np.all(found.samples.units <= found.exposed)
        assert np.all((found.without_outcome <= found.exposed) & (found.without_outcome >= 0))
        assert found.variance_reduction is None or np.isfinite(found.variance_reduction)
        for extra in (found.design_effect, found.effective_units, found.capped):
            assert extra is None or not (np.isinf(extra).any() or (extra < 0).any())


@settings(max_examples=100, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(case, chance) -> None:
    metric, whole = case
    # Small numbers: sums of others depend on their order in all digits.
    whole = replace(whole, values=np.clip(whole.values, -8, 8).round(), squares=np.clip(whole.squares, 0, 64))
    order = list(range(len(whole.weight)))
    chance.shuffle(order)
    shuffled = rows_of(whole, np.array(order, dtype=np.intp))
    assert_same(reduce_units(metric, whole, 3), reduce_units(metric, shuffled, 3), rtol=1e-6, atol=1e-6)
