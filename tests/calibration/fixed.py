"""One final look: false positives, uniform p-values, power at the planned size, relative intervals."""

from functools import partial

import numpy as np
import scipy

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.sample_size import plan_sample_size
from omniforge_graph.domain.study import Study
from omniforge_graph.statistics.samples import SampleStatistics
from tests.calibration import worlds
from tests.calibration.checking import Band, Check, Generator, Row, check_of, rate_of, share
from tests.calibration.judging import MEAN, RATE, excludes, once, p_values

ALPHA = 0.05
UNIFORM_LIMIT = float(scipy.special.kolmogi(0.001))
"""The Kolmogorov-Smirnov distance, times the root of the simulations, that uniform p-values exceed once in 1,000."""


def checks() -> list[Check]:
    """Return the checks of this module."""
    false_positives, power = share(0.045, 0.055, ALPHA), share(0.79, 0.81, 0.8)
    uniform, planned = Band(0.0, UNIFORM_LIMIT), "power .80 at the planned units"
    revenue = "A/A, one look: revenue, 10,000 units"
    return [
        check_of("A/A, one look: rates of 5%, 20,000 units", false_positives, _false, 20_000, 10_000, peer=".047"),
        Check(
            (
                Row(f"{revenue}, absolute", false_positives, ".053"),
                Row(f"{revenue}, relative", false_positives, ".058"),
            ),
            _revenue,
            20_000,
            1_000,
        ),
        check_of("p uniform, KS: Welch, normal, 12 and 12 units", uniform, _uniform_normal, 20_000, 5_000),
        check_of("p uniform, KS: Welch, lognormal, 2,000 units", uniform, _uniform_skewed, 4_000, 500),
        check_of("p uniform, KS: z, rates of 30%, 1e8 units", uniform, _uniform_rates, 20_000, 5_000),
        check_of(f"{planned}: 5% to 6%", power, _power_of_rates, 20_000, 10_000, peer=".798"),
        check_of(f"{planned}: mean + .2 sd", power, partial(_power_of_means, 0.2), 20_000, 10_000, peer=".798"),
        check_of(f"{planned}: mean + .5 sd", power, partial(_power_of_means, 0.5), 20_000, 10_000, peer=".798"),
        *(_relative(*scenario) for scenario in SCENARIOS),
    ]


def _rates(rng: Generator, simulations: int, units: int, control: float, treatment: float) -> SampleStatistics:
    return worlds.at(worlds.rates(rng, simulations, 1, units, control, treatment), 0)


def _false(rng: Generator, simulations: int) -> tuple[float, ...]:
    return rate_of(lambda count: (_found(RATE, _rates(rng, count, 20_000, 0.05, 0.05)),), simulations)


def _found(metric: Metric, samples: SampleStatistics) -> np.ndarray:
    return p_values(metric, samples)[:, 0] < ALPHA


def _revenue(rng: Generator, simulations: int) -> tuple[float, ...]:
    def some(count: int) -> tuple[np.ndarray, ...]:
        found = once(MEAN, worlds.at(worlds.revenue(rng, count, 1, 10_000), 0))
        return excludes(found.lower, found.upper), excludes(found.relative_lower, found.relative_upper)

    return rate_of(some, simulations)


def _distance(values: np.ndarray) -> tuple[float]:
    """Return the Kolmogorov-Smirnov distance from uniform, times the root of the number."""
    count = values.size
    return (float(scipy.stats.kstest(values.ravel(), "uniform").statistic * np.sqrt(count)),)


def _uniform_normal(rng: Generator, simulations: int) -> tuple[float]:
    return _distance(p_values(MEAN, worlds.at(worlds.normal(rng, simulations, 1, 12), 0)))


def _uniform_skewed(rng: Generator, simulations: int) -> tuple[float]:
    parts = [p_values(MEAN, worlds.at(worlds.skewed(rng, 100, 1, 2_000, 1.0), 0)) for _ in range(simulations // 100)]
    return _distance(np.concatenate(parts))


def _uniform_rates(rng: Generator, simulations: int) -> tuple[float]:
    return _distance(p_values(RATE, _rates(rng, simulations, 10**8, 0.3, 0.3)))


def _power_of_rates(rng: Generator, simulations: int) -> tuple[float, ...]:
    units = plan_sample_size(Study(kind=MetricKind.BINARY, baseline=0.05), 0.01).units_per_variant
    return rate_of(lambda k: (_found(RATE, _rates(rng, k, units, 0.05, 0.06)),), simulations)


def _power_of_means(effect: float, rng: Generator, simulations: int) -> tuple[float, ...]:
    study = Study(kind=MetricKind.CONTINUOUS, baseline=0.0, standard_deviation=1.0)
    units = plan_sample_size(study, effect).units_per_variant
    return rate_of(lambda k: (_found(MEAN, worlds.at(worlds.normal(rng, k, 1, units, effect), 0)),), simulations)


SCENARIOS = (
    (0.01, 2_000, 0.0, ".953"),
    (0.01, 2_000, 0.5, ".954"),
    (0.05, 500, 1.0, ".948"),
    (0.05, 10_000, 0.1, ".951"),
    (0.2, 300, -0.3, ""),
    (None, 10_000, 0.1, ""),
)
"""Control's rate (None: revenue), units per variant, true lift, and Fieller's coverage where a peer has it measured."""


def _relative(rate: float | None, units: int, lift: float, peer: str) -> Check:
    name = f"{'revenue' if rate is None else f'{rate:.0%}'}, {units:,} units, lift {lift:+.0%}"

    def some(rng: Generator, count: int) -> tuple[np.ndarray, ...]:
        if rate is None:
            found = once(MEAN, worlds.at(worlds.revenue(rng, count, 1, units, lift), 0))
        else:
            found = once(RATE, _rates(rng, count, units, rate, rate * (1 + lift)))
        assert found.relative_lower is not None
        assert found.relative_upper is not None
        above, below = found.relative_lower[:, 0] > lift, found.relative_upper[:, 0] < lift
        return ~(above | below), above, below

    def measure(rng: Generator, simulations: int) -> tuple[float, ...]:
        covered, above, below = rate_of(lambda k: some(rng, k), simulations)
        return covered, max(above, below)

    return Check(
        (
            Row(f"relative interval covers: {name}", share(0.945, 1.0, 0.95), peer),
            Row(f"relative interval, worse tail: {name}", share(0.0, 0.035, 0.025), ".033"),
        ),
        measure,
        40_000,
        5_000 if rate is not None else 500,
    )
