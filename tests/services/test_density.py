"""Posterior densities to be drawn: they agree with what the test says in figures."""

from datetime import UTC, datetime

import numpy as np
import pytest

from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.metric import Direction, Metric, MetricKind
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan
from omniforge_graph.domain.shares import WHOLE, lay_out
from omniforge_graph.errors import IncompatibleTestError, PluginError
from omniforge_graph.plugin import ComparisonDesign, Density, Options, SampleStatistics, StatisticalTest
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.computation import run_density

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANALYZER = ExperimentAnalyzer()
SALE, COST = Metric("sale"), Metric("cost", MetricKind.CONTINUOUS, Direction.LOWER_IS_BETTER)
RATES = {"a": {"units": 900, "conversions": 180}, "b": {"units": 1000, "conversions": 240}}
MEANS = {
    "a": {"units": 400, "mean": 5.0, "standard_deviation": 2.0},
    "b": {"units": 380, "mean": 5.3, "standard_deviation": 2.2},
}


def experiment(metric: Metric, control: int = 0, **plan) -> PromptExperiment:
    variants = tuple(
        Variant(f"id-{name}", name, f"version-{name}", WHOLE // 2, is_control=place == control)
        for place, name in enumerate("ab")
    )
    phases = (lay_out([(variant.id, variant.basis_points) for variant in variants]),)
    allocation = AllocationPlan("seedseed", phases)
    return PromptExperiment("e", "p", "n", variants, (metric,), allocation, NOW, "me", AnalysisPlan(**plan))


@pytest.mark.parametrize("control", [0, 1])
@pytest.mark.parametrize(("metric", "numbers"), [(SALE, RATES), (COST, MEANS)])
@pytest.mark.parametrize("options", [{}, {"prior_alpha": 20, "prior_beta": 80, "lift_standard_deviation": 0.02}])
def test_a_density_has_the_mean_and_the_probability_the_test_tells(metric, numbers, control, options) -> None:
    trial = experiment(metric, control, test="bayesian", options=options)
    drawn = ANALYZER.density(trial, {metric.key: numbers})
    (told,) = ANALYZER.analyze(trial, {metric.key: numbers}).comparisons
    values, densities = drawn.values[0], drawn.densities[0]
    step = values[1] - values[0]
    assert np.allclose(np.diff(values), step)
    assert densities.sum() * step == pytest.approx(0.9998, abs=2e-4)
    assert (values * densities).sum() * step == pytest.approx(told.absolute_effect.estimate, abs=step)
    better = values < 0 if metric is COST else values > 0
    assert densities[better].sum() * step == pytest.approx(told.probability_better, abs=densities.max() * step)


def test_a_test_without_a_posterior_draws_none() -> None:
    assert ANALYZER.density(experiment(SALE), {"sale": RATES}) is None
    assert ANALYZER.density(experiment(SALE), {"sale": RATES}, test="bayesian") is not None
    with pytest.raises(IncompatibleTestError):
        ANALYZER.density(experiment(COST), {"cost": MEANS}, test="z_test")


@pytest.mark.parametrize(("metric", "numbers"), [(SALE, {}), (SALE, {"a": RATES["a"]}), (COST, {}), (COST, {"b": [1]})])
def test_poor_data_have_no_curve(metric, numbers) -> None:
    drawn = ANALYZER.density(experiment(metric), {metric.key: numbers}, test="bayesian")
    assert np.isnan(drawn.densities).all()


@pytest.mark.parametrize("answer", [3, Density([[1.0]], [[np.inf]]), Density([[1.0, 2.0]], [[1.0]]), RuntimeError("x")])
def test_a_plugin_that_draws_badly_is_named(answer) -> None:
    class Odd(StatisticalTest):
        name = "odd"
        description = "Draws what it is told."

        def compare(self, samples, design, options):
            raise NotImplementedError

        def posterior_density(self, samples, design, options):
            if isinstance(answer, Exception):
                raise answer
            return answer

    with pytest.raises(PluginError, match="odd"):
        run_density(Odd(), SampleStatistics.of_rates([1, 2], [10, 10]), ComparisonDesign(SALE), Options())
