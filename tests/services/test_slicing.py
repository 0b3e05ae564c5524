"""Slices: every value of a dimension judged in one pass, and together."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan, Monitoring
from omniforge_graph.domain.shares import lay_out
from omniforge_graph.errors import IncompatibleTestError
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.statistics.samples import SampleStatistics

ANALYZER = ExperimentAnalyzer()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WON, COST = Metric("won"), Metric("cost", MetricKind.CONTINUOUS)
LANGUAGES = ("en", "de", "fr", "(none)")
UNITS = np.array([[4000, 4000, 4000], [1000, 1040, 1000], [500, 520, 480], [10, 9, 0]])
CONVERSIONS = np.array([[800, 810, 900], [200, 290, 200], [100, 130, 96], [1, 2, 0]])


def trial(metric=WON, shares=(3334, 3333, 3333), **plan) -> PromptExperiment:
    variants = tuple(
        Variant(f"id-{name}", name, f"version-{name}", points, is_control=name == "b")
        for name, points in zip("abc", shares, strict=False)
    )
    allocation = AllocationPlan("seedseed", (lay_out([(each.id, each.basis_points) for each in variants]),))
    analysis = AnalysisPlan(**{"monitoring": Monitoring.FIXED, **plan})
    return PromptExperiment(
        "e", "p", "n", variants, (metric, replace(COST, key="other")), allocation, NOW, "me", analysis
    )


def measured(samples: SampleStatistics) -> MeasuredSamples:
    return MeasuredSamples(samples, samples.units, np.zeros_like(samples.units))


def of_slice(numbers: MeasuredSamples, place: int) -> MeasuredSamples:
    samples = numbers.samples
    return measured(SampleStatistics(samples.units[place], samples.mean[place], samples.variance[place]))


RATES = measured(SampleStatistics.of_rates(CONVERSIONS, UNITS))
MEANS = measured(SampleStatistics.of(UNITS, CONVERSIONS / np.maximum(UNITS, 1) * 10, np.full(UNITS.shape, 3.0)))


def slices(experiment, numbers=RATES, values=LANGUAGES, **more):
    return ANALYZER.slices(experiment, "language", values, numbers, metric=experiment.success_metric.key, **more)


def near(one: float | None, other: float | None) -> bool:
    return one is other if one is None else one == pytest.approx(other, rel=1e-9)


ASKED = [(WON, RATES, each) for each in (None, "chi_square", "bayesian")]
ASKED += [(COST, MEANS, each) for each in (None, "bayesian")]


@pytest.mark.parametrize(("metric", "numbers", "test"), ASKED)
def test_a_slice_is_what_an_analysis_of_its_units_alone_says(metric, numbers, test) -> None:
    experiment = trial(metric)
    found = slices(experiment, numbers, test=test)
    assert [each.value for each in found.slices] == list(LANGUAGES)
    assert (found.dimension, found.metric) == ("language", metric.key)
    for place, each in enumerate(found.slices):
        alone = ANALYZER.analyze(experiment, {metric.key: of_slice(numbers, place)}, metric=metric.key, test=test)
        assert each.units == UNITS[place].sum()
        for one, other in zip(each.variant_stats, alone.variant_stats.values(), strict=True):
            assert (one.variant_id, one.units) == (other.variant_id, other.units)
            assert near(one.mean, other.mean)
            assert near(one.standard_error, other.standard_error)
        for one, other in zip(each.comparisons, alone.comparisons, strict=True):
            assert (one.treatment_id, one.control_id) == (other.treatment_id, "id-b")
            for name in ("estimate", "lower", "upper"):
                assert near(getattr(one.absolute_effect, name), getattr(other.absolute_effect, name))
                assert near(getattr(one.relative_effect, name), getattr(other.relative_effect, name))
            for name in ("p_value", "log10_p_value", "probability_better", "expected_loss"):
                assert near(getattr(one, name), getattr(other, name))
        assert each.sample_ratio.observed == tuple(UNITS[place])
        assert each.sample_ratio.p_value == alone.sample_ratio.p_value


def test_all_slices_and_treatments_are_adjusted_together() -> None:
    found = slices(trial())
    every = [each for one in found.slices for each in one.comparisons]
    known = sorted(each.p_value for each in every if each.p_value is not None)
    assert len(known) == 7  # nobody of the last slice met the last variant
    for each in every:
        if each.p_value is None:
            assert each.adjusted_p_value is None
            continue
        expected = min(p * len(known) / (rank + 1) for rank, p in enumerate(known) if p >= each.p_value)
        assert each.adjusted_p_value == pytest.approx(min(expected, 1), rel=1e-12)
        assert each.is_significant is (each.adjusted_p_value < 0.05)
    significant = [each.is_significant for each in every]
    assert any(significant)
    assert not all(significant)


def test_slices_are_judged_at_the_strictness_of_the_present_look() -> None:
    whole = [int(each) for each in UNITS.sum(axis=0)]
    early = trial(horizon=4 * sum(whole), monitoring=None)
    found, fixed = slices(early), slices(trial())
    for one, other in zip(found.slices[0].comparisons, fixed.slices[0].comparisons, strict=True):
        assert one.p_value == other.p_value
        assert one.valid_p_value > other.valid_p_value
        assert one.absolute_effect.lower < other.absolute_effect.lower
    looks = [Look("e", 1, NOW, tuple(each // 2 for each in whole), 5000, ())]
    assert slices(early, looks=looks).slices[0].comparisons[0].valid_p_value != one.valid_p_value


def test_each_slice_has_its_own_sample_ratio_at_a_level_shared_by_all() -> None:
    experiment = trial(shares=(5000, 5000))
    units = np.array([[5000, 5000], [5000, 5340], [300, 300], [200, 200]])
    numbers = measured(SampleStatistics.of_rates(units // 5, units))
    found = slices(experiment, numbers)
    ratios = [each.sample_ratio for each in found.slices]
    assert 0.001 / 4 < ratios[1].p_value < 0.001
    assert [each.mismatch for each in ratios] == [False] * 4
    units[1, 1] = 5400
    found = slices(experiment, measured(SampleStatistics.of_rates(units // 5, units)))
    assert [each.sample_ratio.mismatch for each in found.slices] == [False, True, False, False]
    assert [each.code for each in found.notices] == ["SAMPLE_RATIO_MISMATCH", "SLICES_DECIDE_NOTHING"]
    assert "In de the units" in found.notices[0].message


def test_a_unit_of_a_variant_without_traffic_is_a_mismatch_of_its_slice() -> None:
    experiment = trial(shares=(5000, 5000, 0))
    units = np.array([[500, 500, 0], [500, 500, 1], [100, 100, 0], [0, 0, 0]])
    found = slices(experiment, measured(SampleStatistics.of_rates(units // 5, units)))
    assert [each.sample_ratio.mismatch for each in found.slices] == [False, True, False, False]


def test_an_attribute_that_no_unit_carries_is_told() -> None:
    every = measured(SampleStatistics.of_rates(CONVERSIONS.sum(axis=0)[None], UNITS.sum(axis=0)[None]))
    found = slices(trial(), every, ("(none)",))
    assert [each.code for each in found.notices] == ["NO_ATTRIBUTE", "SLICES_DECIDE_NOTHING"]
    assert "No unit carries the attribute language" in found.notices[0].message
    assert [each.code for each in slices(trial()).notices] == ["SLICES_DECIDE_NOTHING"]
    nobody = measured(SampleStatistics.of_rates(np.zeros((1, 3)), np.zeros((1, 3))))
    assert [each.code for each in slices(trial(), nobody, ("(none)",)).notices] == ["SLICES_DECIDE_NOTHING"]


def test_a_test_that_cannot_judge_the_metric_is_refused() -> None:
    with pytest.raises(IncompatibleTestError):
        slices(trial(COST), MEANS, test="z_test")
