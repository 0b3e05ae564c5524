"""What the numbers say about an experiment."""

import csv
import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.domain.analysis import Verdict
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Aggregation, Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan, Monitoring
from omniforge_graph.domain.shares import WHOLE, lay_out
from omniforge_graph.errors import (
    IncompatibleTestError,
    MetricNotFoundError,
    PluginError,
    UnknownPluginError,
    ValidationError,
)
from omniforge_graph.plugin import AllocationStrategy, hookimpl
from omniforge_graph.plugin.manager import build_registry
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.notices import _FLAGS
from omniforge_graph.services.samples import Arm, read_variants
from omniforge_graph.statistics.comparison import Flag
from omniforge_graph.statistics.samples import SampleStatistics

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "prompt_variants_gpt35.csv"
SALE = Metric("sale")
ERRORS = Metric("errors", direction=Direction.LOWER_IS_BETTER)
COST = Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER)
RATING = Metric("rating", MetricKind.CONTINUOUS, aggregation=Aggregation.MEAN)
ANALYZER = ExperimentAnalyzer()


def experiment(*metrics, names=("plain", "brief"), control=0, strategy="weighted", **plan):
    share, rest = divmod(WHOLE, len(names))
    variants = tuple(
        Variant(f"id-{name}", name, f"version-{name}", share + (place < rest), is_control=place == control)
        for place, name in enumerate(names)
    )
    phases = (lay_out([(variant.id, variant.basis_points) for variant in variants]),)
    return PromptExperiment(
        id="e",
        prompt_id="p",
        name="trial",
        variants=variants,
        metrics=metrics or (SALE,),
        allocation=AllocationPlan("seedseed", phases, strategy=strategy),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="me",
        analysis=AnalysisPlan(**{"monitoring": Monitoring.FIXED, **plan}),
    )


def rates(**counts):
    return {name: {"units": units, "conversions": conversions} for name, (conversions, units) in counts.items()}


def codes(result):
    return {notice.code for notice in result.notices}


def assert_plain(value):
    """Only plain Python values, and no number that is not finite."""
    if isinstance(value, float | int | bool | str | None):
        assert type(value).__module__ != "numpy"
        assert not isinstance(value, float) or math.isfinite(value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            assert_plain(key)
            assert_plain(each)
    elif isinstance(value, tuple):
        for each in value:
            assert_plain(each)
    else:
        for name in value.__struct_fields__ if isinstance(value, msgspec.Struct) else [f.name for f in fields(value)]:
            assert_plain(getattr(value, name))


# ---------------------------------------------------------------- verdicts


def test_a_better_treatment_wins():
    result = ANALYZER.analyze(experiment(), rates(plain=(1000, 10_000), brief=(1250, 10_050)))
    assert result.winner == "id-brief"
    assert result.is_significant
    assert result.sample_size_sufficient
    assert result.required_units == 3841
    assert (result.test, result.metric, result.confidence_level) == ("z_test", "sale", 0.95)
    assert result.recommendation.verdict is Verdict.SHIP
    assert not result.sample_ratio.mismatch
    assert list(result.variant_stats) == ["id-plain", "id-brief"]
    assert result.variant_stats["id-brief"].conversions == 1250
    assert_plain(result)


def test_the_direction_decides_who_wins():
    result = ANALYZER.analyze(experiment(ERRORS), rates(plain=(1000, 10_000), brief=(1250, 10_050)))
    assert result.winner == "id-plain"
    assert result.recommendation.verdict is Verdict.KEEP_CONTROL


def test_the_control_may_stand_anywhere():
    result = ANALYZER.analyze(experiment(control=1), rates(plain=(1000, 10_000), brief=(1250, 10_050)))
    (each,) = result.comparisons
    assert (each.treatment_id, each.control_id, result.winner) == ("id-plain", "id-brief", "id-brief")
    assert each.absolute_effect.estimate < 0


def test_too_few_units_name_no_winner_however_significant():
    result = ANALYZER.analyze(experiment(), rates(plain=(10, 100), brief=(40, 100)))
    assert result.is_significant
    assert not result.sample_size_sufficient
    assert result.winner is None
    assert result.recommendation.verdict is Verdict.CONTINUE


def test_a_mismatched_sample_names_no_winner():
    result = ANALYZER.analyze(experiment(), rates(plain=(1000, 10_000), brief=(1350, 11_000)))
    assert result.is_significant
    assert result.sample_size_sufficient
    assert result.sample_ratio.mismatch
    assert result.winner is None
    assert result.recommendation.verdict is Verdict.INVALID
    assert "SAMPLE_RATIO_MISMATCH" in codes(result)


def test_enough_units_and_no_difference_are_inconclusive():
    result = ANALYZER.analyze(experiment(), rates(plain=(1000, 10_000), brief=(1010, 10_000)))
    assert result.recommendation.verdict is Verdict.INCONCLUSIVE
    assert (result.winner, result.is_significant) == (None, False)


def test_several_treatments_are_adjusted_together():
    result = ANALYZER.analyze(
        experiment(names=("plain", "brief", "bold")),
        rates(plain=(1000, 10_000), brief=(1085, 10_000), bold=(1070, 10_000)),
    )
    first, second = result.comparisons
    assert first.p_value < 0.05
    assert first.adjusted_p_value == 2 * first.p_value
    assert second.adjusted_p_value == max(first.adjusted_p_value, second.p_value)
    assert not result.is_significant


def test_the_omnibus_test_must_agree():
    # One of five treatments stands out a little: its pair does, all together do not.
    counts = {
        "plain": (1000, 10_000),
        "a": (1130, 10_000),
        "b": (1060, 10_000),
        "c": (1060, 10_000),
        "d": (1060, 10_000),
    }
    plain = experiment(names=tuple(counts))
    chi_square, z = (ANALYZER.analyze(plain, rates(**counts), test=test) for test in ("chi_square", "z_test"))
    assert z.comparisons[0].is_significant
    assert chi_square.omnibus_p_value > 0.05
    assert chi_square.comparisons[0].adjusted_p_value == pytest.approx(z.comparisons[0].adjusted_p_value)
    assert not chi_square.is_significant


@pytest.mark.parametrize(("conversions", "significant"), [(1075, False), (1090, True), (910, True), (925, False)])
def test_a_probability_must_leave_less_than_half_of_alpha(conversions, significant):
    result = ANALYZER.analyze(experiment(), rates(plain=(1000, 10_000), brief=(conversions, 10_000)), test="bayesian")
    (each,) = result.comparisons
    assert each.p_value is None
    assert each.is_significant is significant
    assert (0.025 < each.probability_better < 0.975) is not significant


def test_the_confidence_level_can_be_chosen():
    numbers = rates(plain=(1000, 10_000), brief=(1090, 10_000))
    wide, narrow = (ANALYZER.analyze(experiment(), numbers, confidence_level=level) for level in (0.99, 0.9))
    assert (wide.is_significant, narrow.is_significant) == (False, True)
    assert wide.comparisons[0].absolute_effect.lower < narrow.comparisons[0].absolute_effect.lower
    assert wide.required_units > narrow.required_units
    with pytest.raises(ValidationError) as caught:
        ANALYZER.analyze(experiment(), numbers, confidence_level=1.5)
    assert caught.value.field == "confidenceLevel"


def test_the_plan_decides_what_suffices():
    numbers = rates(plain=(1000, 10_000), brief=(1250, 10_050))
    result = ANALYZER.analyze(experiment(minimum_effect=0.01, relative=False, power=0.9), numbers)
    assert result.required_units == 19_747  # from 10 % to 11 %
    assert not result.sample_size_sufficient


def test_relative_effects_are_there_for_every_test():
    numbers = rates(plain=(1000, 10_000), brief=(1250, 10_050))
    for test in ("z_test", "chi_square", "bayesian", "welch_t"):
        (each,) = ANALYZER.analyze(experiment(), numbers, test=test).comparisons
        effect = each.relative_effect
        assert effect.lower < effect.estimate < effect.upper
        assert effect.estimate == pytest.approx(0.2438, abs=0.001)


# ---------------------------------------------------------------- choices and their errors


def test_the_kind_chooses_the_test_and_the_caller_may_override():
    numbers = {"cost": {"plain": [1, 2, 3], "brief": [2, 3, 4]}}
    both = experiment(SALE, COST)
    assert ANALYZER.analyze(both, numbers, metric="cost").test == "welch_t"
    assert ANALYZER.analyze(both, numbers, metric="cost", test="bayesian").test == "bayesian"
    assert ANALYZER.analyze(experiment(test="chi_square"), rates(plain=(1, 9))).test == "chi_square"


def test_the_plans_options_are_for_the_plans_test():
    plan = {"test": "bayesian", "options": {"prior_alpha": 500.0, "prior_beta": 500.0}}
    numbers = rates(plain=(10, 100), brief=(20, 100))
    result = ANALYZER.analyze(experiment(**plan), numbers)
    assert result.comparisons[0].absolute_effect.estimate == pytest.approx(10 / 1100)
    assert ANALYZER.analyze(experiment(**plan), numbers, test="bayesian") == result
    assert ANALYZER.analyze(experiment(**plan), numbers, test="z_test").test == "z_test"


def test_a_test_that_cannot_judge_the_kind_is_refused_with_those_that_can():
    with pytest.raises(IncompatibleTestError, match="bayesian, permutation, welch_t") as caught:
        ANALYZER.analyze(experiment(COST), {}, test="chi_square")
    assert caught.value.path == ("test",)


def test_what_is_unknown_is_named():
    with pytest.raises(UnknownPluginError, match="z_tset") as caught:
        ANALYZER.analyze(experiment(), {}, test="z_tset")
    assert caught.value.path == ("test",)
    with pytest.raises(MetricNotFoundError, match="sales"):
        ANALYZER.analyze(experiment(), {}, metric="sales")
    with pytest.raises(ValidationError) as refused:
        ANALYZER.analyze(experiment(test="bayesian", options={"prior_alpha": -1}), {})
    assert refused.value.path == ("analysis", "options", "prior_alpha")


def test_a_strategy_that_fails_is_named():
    class Broken(AllocationStrategy):
        name, description = "broken", "Cannot tell its shares."

        def choose(self, variants, phase, point, options):
            return variants[0].id

        def expected_shares(self, variants, phase, options):
            return {}

    class Plugin:
        @hookimpl
        def omniforge_register_allocation_strategies(self):
            return [Broken()]

        @hookimpl
        def omniforge_register_statistical_tests(self):
            return [ANALYZER._registry.test("z_test")]

        @hookimpl
        def omniforge_choose_statistical_test(self):
            return "z_test"

    with pytest.raises(PluginError, match="broken") as caught:
        ExperimentAnalyzer(build_registry(Plugin())).analyze(experiment(strategy="broken"), {})
    assert caught.value.plugin == "Plugin"


# ---------------------------------------------------------------- notices


def measured(samples, exposed, missing):
    return MeasuredSamples(samples, np.array(exposed, dtype=float), np.array(missing, dtype=float))


def test_missing_outcomes_are_told_and_the_ratio_is_of_the_exposed():
    samples = SampleStatistics.of([900, 500], [5, 5], [1, 1])
    result = ANALYZER.analyze(experiment(RATING), {"rating": measured(samples, [1000, 1000], [100, 500])})
    assert codes(result) == {"UNITS_LEFT_OUT"}
    assert "600 of 2,000" in result.notices[0].message
    assert result.sample_ratio.observed == (1000, 1000)
    assert not result.sample_ratio.mismatch
    samples = SampleStatistics.of([1000, 1000], [5, 5], [1, 1])
    result = ANALYZER.analyze(experiment(COST), {"cost": measured(samples, [1000, 1000], [100, 500])})
    assert codes(result) == {"UNITS_COUNT_AS_ZERO"}
    rate = SampleStatistics.of_rates([300, 300], [1000, 1000])
    assert codes(ANALYZER.analyze(experiment(), {"sale": measured(rate, [1000, 1000], [100, 500])})) == set()


@pytest.mark.parametrize(
    ("metric", "numbers", "code"),
    [
        (SALE, {}, "NO_UNITS"),
        (SALE, rates(plain=(0, 1000), brief=(0, 1000)), "NO_VARIANCE"),
        (SALE, rates(plain=(1, 1), brief=(0, 1)), "SMALL_COUNTS"),
        (SALE, rates(plain=(3, 1000), brief=(17, 1000)), "RELATIVE_UNBOUNDED"),
        (COST, {"plain": [1.0], "brief": [2.0]}, "TOO_FEW_UNITS"),
        (COST, {"plain": [2, 2, 2], "brief": [3, 3, 3]}, "NO_VARIANCE"),
        (COST, {"plain": [-1, 1, 0], "brief": [3, 4, 5]}, "NO_BASELINE"),
    ],
)
def test_poor_data_is_an_answer_with_a_notice(metric, numbers, code):
    result = ANALYZER.analyze(experiment(metric), numbers)
    assert code in codes(result)
    assert result.winner is None
    assert_plain(result)


def test_every_flag_has_words():
    assert set(_FLAGS) == set(Flag)


COUNTS = st.integers(0, 10**9) | st.integers(0, 3)
ROWS = st.lists(
    st.tuples(COUNTS, COUNTS).map(lambda pair: {"units": sum(pair), "conversions": pair[0]}), min_size=2, max_size=4
)
NUMBERS = st.floats(-1e15, 1e15) | st.sampled_from([0.0, 1.0, 1e-300, 5e-324, 1e15])
MEANS = st.lists(
    st.builds(
        lambda units, mean, variance: {"units": units, "mean": mean, "variance": variance},
        COUNTS,
        NUMBERS,
        NUMBERS.map(abs) | st.just(1e30),
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    test=st.sampled_from(["z_test", "chi_square", "bayesian", "welch_t"]),
    metric=st.sampled_from([SALE, ERRORS]),
)
def test_no_counts_whatever_give_nan_or_an_exception(rows, test, metric):
    arms, samples = read_variants([{"name": f"v{n}", **row} for n, row in enumerate(rows)], metric)
    shares = [1.0] * len(arms)
    assert_plain(ANALYZER.judge(arms, metric, AnalysisPlan(test=test), samples, shares))


@settings(max_examples=200, deadline=None)
@given(rows=MEANS, test=st.sampled_from(["welch_t", "bayesian"]), prior=st.sampled_from([None, 0.1]))
def test_no_means_whatever_give_nan_or_an_exception(rows, test, prior):
    arms, samples = read_variants([{"name": f"v{n}", **row} for n, row in enumerate(rows)], COST)
    options = {"lift_standard_deviation": prior} if prior and test == "bayesian" else {}
    assert_plain(ANALYZER.judge(arms, COST, AnalysisPlan(test=test, options=options), samples))


# ---------------------------------------------------------------- numbers that live elsewhere


def test_numbers_need_no_experiment():
    rows = [{"name": "x", "units": 10_000, "conversions": 1000}, {"name": "y", "units": 10_000, "conversions": 1250}]
    arms, samples = read_variants(rows, SALE)
    result = ANALYZER.judge(arms, SALE, AnalysisPlan(), samples)
    assert (result.test, result.winner, result.sample_ratio) == ("z_test", "y", None)
    assert ANALYZER.judge(arms, SALE, AnalysisPlan(), samples, [0.9, 0.1]).sample_ratio.mismatch


def test_arms_and_shares_must_fit():
    samples = SampleStatistics.of_rates([1, 2], [10, 10])
    two = (Arm("a", "a", is_control=True), Arm("b", "b"))
    for arms, shares, field in (
        (two[1:] * 2, None, "variants"),
        (two[:1] * 2, None, "variants"),
        (two[:1], None, "variants"),
        ((*two, Arm("c", "c")), None, "variants"),
        (two, [1], "expectedShares"),
    ):
        with pytest.raises(ValidationError) as caught:
            ANALYZER.judge(arms, SALE, AnalysisPlan(), samples, shares)
        assert caught.value.field == field


# ---------------------------------------------------------------- real data


@pytest.mark.oracle
@pytest.mark.skipif(not DATA.is_file(), reason="the data is not part of the project")
def test_the_published_win_rates_are_reproduced():
    preferences = {}
    with DATA.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            preferences.setdefault(row["variant"], []).append(float(row["judge_preference"]))
    metric = Metric("judge_preference", MetricKind.CONTINUOUS)
    names = ("default", "concise", "verbose")
    result = ANALYZER.analyze(experiment(metric, names=names), {"judge_preference": preferences})
    stats = {each.name: each for each in result.variant_stats.values()}
    assert {name: (each.units, round(each.mean * 100, 2)) for name, each in stats.items()} == {
        "default": (805, 9.18),
        "concise": (805, 7.42),
        "verbose": (805, 12.76),
    }
    concise, verbose = result.comparisons
    assert verbose.is_significant
    assert not concise.is_significant
    assert result.winner is None  # significant, but a fifth of 9.18 % needs thousands of units
    assert result.recommendation.verdict is Verdict.CONTINUE
    lower = ANALYZER.analyze(experiment(metric, names=names, minimum_effect=0.5), {"judge_preference": preferences})
    assert (lower.sample_size_sufficient, lower.winner) == (True, "id-verbose")
    assert_plain(result)
