"""Whole experiments through `ExperimentAnalyzer`, look after look, each look recorded as the service records it."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

import numpy as np

from omniforge_graph.domain.analysis import AnalysisResult, Effect, Verdict
from omniforge_graph.domain.experiment import PromptExperiment, Variant
from omniforge_graph.domain.look import Look
from omniforge_graph.domain.metric import Metric
from omniforge_graph.domain.monitoring import always_valid_inflation
from omniforge_graph.domain.plan import AllocationPlan, AnalysisPlan
from omniforge_graph.domain.shares import WHOLE, lay_out
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.statistics.power import units_for_proportions
from omniforge_graph.statistics.samples import SampleStatistics
from tests.calibration import worlds
from tests.calibration.checking import Band, Check, Generator, Row, around, at_most, check_of, share
from tests.calibration.judging import MEAN, RATE, ever_found

World: TypeAlias = Callable[[Generator, int, int, int], SampleStatistics]
"""Makes (simulations, days, 2) samples from a generator, simulations, days and daily units of each variant."""

ALPHA = 0.05
THROUGH = "through the analyzer"
EVER = ("any finding or winner", "any absolute interval without 0", "any relative interval without 0")
POWER = share(0.77, 1.0, 0.8)
"""At least .80, to the noise of 2,000 simulations."""
DAYS, FORTNIGHT = 28, 14
SIMULATIONS, PLANNED_SIMULATIONS = 2_000, 400
"""Analyses of planned looks solve for their p-values, which takes ten times as long."""
QUICK, PLANNED_QUICK = 40, 10
START = datetime(2026, 1, 1, tzinfo=UTC)
ANALYZER = ExperimentAnalyzer()
DEFAULT = AnalysisPlan()
PLANNED = AnalysisPlan(horizon=2 * FORTNIGHT * 600)
POWER_UNITS = math.ceil(units_for_proportions(0.1, 0.12, ALPHA, 0.8) * always_valid_inflation(AnalysisPlan()))
"""What a plan without a horizon asks for."""


def checks() -> list[Check]:
    """Return the checks of this module."""
    found = []
    for name, metric, world in (("rates of 5%", RATE, _rates), ("revenue", MEAN, _revenue)):
        daily = tuple(
            Row(f"A/A {THROUGH}, default plan, 28 days, {name}: {what}", at_most(ALPHA, SIMULATIONS)) for what in EVER
        )
        found.append(Check(daily, partial(_without_effect, metric, world), SIMULATIONS, QUICK))
        planned = f"A/A {THROUGH}, horizon, 14 days, {name}"
        rows = [Row(f"{planned}: {what}", around(ALPHA, PLANNED_SIMULATIONS)) for what in EVER]
        rows.append(Row(f"{planned}: same findings as simulations judged at once", Band(1.0, 1.0)))
        found.append(Check(tuple(rows), partial(_planned, metric, world), PLANNED_SIMULATIONS, PLANNED_QUICK))
    shipped = f"{THROUGH}, default plan, 10% to 12%: shipped within the units it asks for"
    return [*found, check_of(shipped, POWER, _shipped, SIMULATIONS, QUICK)]


def _rates(rng: Generator, simulations: int, days: int, daily: int) -> SampleStatistics:
    return worlds.rates(rng, simulations, days, daily, 0.05, 0.05)


def _revenue(rng: Generator, simulations: int, days: int, daily: int) -> SampleStatistics:
    return worlds.revenue(rng, simulations, days, daily)


def _experiment(metric: Metric, plan: AnalysisPlan) -> PromptExperiment:
    variants = tuple(Variant(name, name, f"version-{name}", WHOLE // 2, is_control=name == "a") for name in "ab")
    phases = (lay_out([(each.id, each.basis_points) for each in variants]),)
    return PromptExperiment(
        id="e",
        prompt_id="p",
        name="trial",
        variants=variants,
        metrics=(metric,),
        allocation=AllocationPlan("seedseed", phases),
        created_at=START,
        created_by="me",
        analysis=plan,
    )


def _watched(experiment: PromptExperiment, samples: SampleStatistics) -> Iterator[AnalysisResult]:
    """Look every day at one experiment, samples of shape (days, 2), and record the looks that count."""
    looks: list[Look] = []
    key = experiment.success_metric.key
    for day in range(len(samples.units)):
        today = SampleStatistics(samples.units[day], samples.mean[day], samples.variance[day])
        found = ANALYZER.assess(experiment, {key: today}, looks=looks)
        if found.standing.counts:
            units = tuple(int(each) for each in samples.units[day])
            at = START + timedelta(days=day + 1)
            looks.append(Look("e", len(looks) + 1, at, units, found.standing.tuned_units, found.seen))
        yield found.result


def _every(samples: SampleStatistics) -> Iterator[SampleStatistics]:
    for one in zip(samples.units, samples.mean, samples.variance, strict=True):
        yield SampleStatistics(*one)


def _excludes(effect: Effect) -> bool:
    return (effect.lower is not None and effect.lower > 0) or (effect.upper is not None and effect.upper < 0)


def _ever(metric: Metric, plan: AnalysisPlan, world: SampleStatistics) -> np.ndarray:
    """Return for each simulation whether any look found each of EVER, shape (simulations, 3)."""
    experiment = _experiment(metric, plan)
    ever = np.zeros((len(world.units), len(EVER)), dtype=np.bool_)
    for place, samples in enumerate(_every(world)):
        for result in _watched(experiment, samples):
            (compared,) = result.comparisons
            ever[place] |= (
                result.is_significant or result.winner is not None,
                _excludes(compared.absolute_effect),
                _excludes(compared.relative_effect),
            )
    return ever


def _without_effect(metric: Metric, world: World, rng: Generator, simulations: int) -> tuple[float, ...]:
    return tuple(_ever(metric, DEFAULT, world(rng, simulations, DAYS, 300)).mean(axis=0).tolist())


def _planned(metric: Metric, world: World, rng: Generator, simulations: int) -> tuple[float, ...]:
    samples = world(rng, simulations, FORTNIGHT, 600)
    ever, at_once = _ever(metric, PLANNED, samples), ever_found(metric, samples, PLANNED)[0]
    return (*ever.mean(axis=0).tolist(), float(np.mean(ever[:, 0] == at_once)))


def _shipped(rng: Generator, simulations: int) -> tuple[float, ...]:
    steps = np.diff(np.ceil(POWER_UNITS * np.arange(DAYS + 1) / DAYS)).astype(np.int_)
    experiment = _experiment(RATE, DEFAULT)
    shipped = [
        any(result.recommendation.verdict is Verdict.SHIP for result in _watched(experiment, samples))
        for samples in _every(worlds.rates(rng, simulations, DAYS, steps, 0.1, 0.12))
    ]
    return (float(np.mean(shipped)),)
