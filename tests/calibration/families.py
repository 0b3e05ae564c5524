"""Several comparisons at once, and non-inferiority at its margin."""

from collections.abc import Callable
from functools import partial

import numpy as np

from omniforge_graph.domain.look import Look
from omniforge_graph.domain.monitoring import Arrivals, standing
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring
from omniforge_graph.statistics.multiplicity import benjamini_hochberg, holm
from omniforge_graph.statistics.noninferiority import non_inferiority
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics
from tests.calibration import worlds
from tests.calibration.checking import Check, Generator, around, at_most, check_of, rate_of
from tests.calibration.judging import MEAN, look, p_values

ALPHA = 0.05
GOALS, TREATMENTS = 4, 3
TRUE, FALSE = 15, 5
SIMULATIONS = 20_000
QUICK = 1_000
MARGIN = 0.1


def checks() -> list[Check]:
    """Return the checks of this module."""
    at, held = around(ALPHA, SIMULATIONS), at_most(ALPHA, SIMULATIONS)
    # Of 20 independent comparisons with 15 true nulls, a share of exactly .05 x 15 / 20 is false.
    false = around(ALPHA * TRUE / (TRUE + FALSE), SIMULATIONS)
    holm_of, recorded = (
        "Holm: any false finding, 4 goals x 3 treatments",
        "non-inferiority at the margin, 28 recorded looks",
    )
    always = AnalysisPlan(horizon=5_000, monitoring=Monitoring.ALWAYS_VALID)
    measures = [
        (f"{holm_of}, no effects", held, partial(_any_false, 0.0)),
        (f"{holm_of}, one of them better", held, partial(_any_false, 0.2)),
        ("Benjamini-Hochberg: share of false findings, 15 of 20 null", false, _share_false),
        *(
            (f"non-inferiority at the margin: {name}", at, partial(_at_margin, test))
            for name, test in AT_MARGIN.items()
        ),
        (f"{recorded}, group sequential", held, partial(_guarded, AnalysisPlan(horizon=2 * 28 * 200))),
        (f"{recorded}, always valid", held, partial(_guarded, always)),
    ]
    return [check_of(name, band, measure, SIMULATIONS, QUICK) for name, band, measure in measures]


def _any_false(effect: float, rng: Generator, simulations: int) -> tuple[float, ...]:
    """One control for all treatments; the goals of a unit are independent. The effect is the first treatment's."""
    units, shift = 500, np.zeros((GOALS, 1 + TREATMENTS))
    shift[0, 1] = effect

    def some(count: int) -> tuple[np.ndarray, ...]:
        mean = shift + rng.normal(0.0, units**-0.5, (count, GOALS, 1 + TREATMENTS))
        variance = rng.chisquare(units - 1, mean.shape) / (units - 1)
        found = p_values(MEAN, SampleStatistics(np.full(mean.shape, float(units)), mean, variance))
        adjusted = holm(found.reshape(count, -1))
        null = (shift[:, 1:] == 0).ravel()
        return (np.any(adjusted[:, null] < ALPHA, axis=1),)

    return rate_of(some, simulations)


def _share_false(rng: Generator, simulations: int) -> tuple[float, ...]:
    units, shift = 200, np.zeros((TRUE + FALSE, 2))
    shift[TRUE:, 1] = 0.25

    def some(count: int) -> tuple[np.ndarray, ...]:
        mean = shift + rng.normal(0.0, units**-0.5, (count, TRUE + FALSE, 2))
        variance = rng.chisquare(units - 1, mean.shape) / (units - 1)
        found = p_values(MEAN, SampleStatistics(np.full(mean.shape, float(units)), mean, variance))[..., 0]
        rejected = benjamini_hochberg(found) < ALPHA
        return (rejected[:, :TRUE].sum(axis=1) / np.maximum(rejected.sum(axis=1), 1),)

    return rate_of(some, simulations)


def _rates_absolute(rng: Generator, count: int) -> FloatArray:
    samples = worlds.at(worlds.rates(rng, count, 1, 2_000, 0.3, 0.25), 0)
    return non_inferiority(*samples.split(0), 0.05, rates=True, alpha=ALPHA).p_value


def _rates_relative(rng: Generator, count: int) -> FloatArray:
    samples = worlds.at(worlds.rates(rng, count, 1, 2_000, 0.3, 0.3 * (1 - MARGIN)), 0)
    return non_inferiority(*samples.split(0), MARGIN, relative=True, rates=True, alpha=ALPHA).p_value


def _means_absolute(rng: Generator, count: int) -> FloatArray:
    samples = worlds.at(worlds.normal(rng, count, 1, 500, -MARGIN), 0)
    return non_inferiority(*samples.split(0), MARGIN, alpha=ALPHA).p_value


def _means_relative(rng: Generator, count: int) -> FloatArray:
    """Return those of a metric of which less is better, the treatment's mean a tenth higher."""
    samples = worlds.normal(rng, count, 1, 500)
    shifted = samples.mean + np.array([3.0, 3.0 * (1 + MARGIN)])
    samples = worlds.at(SampleStatistics(samples.units, shifted, samples.variance), 0)
    return non_inferiority(*samples.split(0), MARGIN, relative=True, higher_is_better=False, alpha=ALPHA).p_value


AT_MARGIN: dict[str, Callable[[Generator, int], FloatArray]] = {
    "rates, absolute (Farrington-Manning)": _rates_absolute,
    "rates, relative": _rates_relative,
    "means, absolute": _means_absolute,
    "means, relative, less is better": _means_relative,
}


def _at_margin(test: Callable[[Generator, int], FloatArray], rng: Generator, simulations: int) -> tuple[float, ...]:
    return rate_of(lambda count: (test(rng, count) < ALPHA,), simulations)


def _guarded(plan: AnalysisPlan, rng: Generator, simulations: int) -> tuple[float, ...]:
    """Judge a guardrail at every look as the product does: the smallest valid p-value of all looks counts."""

    def some(count: int) -> tuple[np.ndarray, ...]:
        samples = worlds.rates(rng, count, 28, 200, 0.3, 0.25)
        passed, looks = np.zeros(count, dtype=np.bool_), list[Look]()
        for number in range(28):
            units = samples.units[0, number].astype(int).tolist()
            place = standing(plan, plan.looks_allowed, looks, Arrivals.of(units))
            strict = place.nominal_alpha(ALPHA)
            found = non_inferiority(*worlds.at(samples, number).split(0), 0.05, rates=True, alpha=strict)
            passed |= place.valid_p_values(found.p_value, found.log10_p_value)[:, 0] < ALPHA
            looks.append(look(number + 1, units, place.tuned_units))
        return (passed,)

    return rate_of(some, simulations)
