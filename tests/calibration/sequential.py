"""Looking often: group sequential bounds and always-valid intervals, by the looks the product records."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring
from omniforge_graph.domain.sample_size import plan_sample_size
from omniforge_graph.domain.study import Study
from omniforge_graph.statistics.always_valid import always_valid_log10_p
from omniforge_graph.statistics.group_sequential import boundaries, nominal_alpha
from omniforge_graph.statistics.samples import SampleStatistics
from omniforge_graph.statistics.spending import Spending, SpendingKind
from tests.calibration import worlds
from tests.calibration.checking import Check, Generator, Row, around, at_most, check_of, rate_of, share
from tests.calibration.judging import MEAN, RATE, ever_found, once, p_values

ALPHA = 0.05
OBRIEN_FLEMING = Spending()
POCOCK = Spending(SpendingKind.POCOCK)
KIM_DEMETS = Spending(SpendingKind.KIM_DEMETS, 2)
HWANG_SHIH_DECANI = Spending(SpendingKind.HWANG_SHIH_DECANI, -4)
UNPLANNED = (0.02, 0.03, 0.15, 0.16, 0.45, 0.8, 0.93, 1.12)
"""Information at looks that nobody planned: close together, far apart, and beyond the horizon."""
PLANNED = (
    ("O'Brien-Fleming", OBRIEN_FLEMING, 5, ".0496-.0517"),
    ("O'Brien-Fleming", OBRIEN_FLEMING, 10, ".0496-.0517"),
    ("O'Brien-Fleming", OBRIEN_FLEMING, 30, ".0496-.0517"),
    ("O'Brien-Fleming", OBRIEN_FLEMING, 100, ".0496-.0517"),
    ("Kim-DeMets rho 2", KIM_DEMETS, 100, ".050"),
    ("Pocock", POCOCK, 10, ".049"),
    ("Hwang-Shih-DeCani -4", HWANG_SHIH_DECANI, 30, ""),
)
POWER = (
    ("O'Brien-Fleming", OBRIEN_FLEMING, 10, ""),
    ("Pocock", POCOCK, 5, ""),
    ("Kim-DeMets rho 2", KIM_DEMETS, 30, ""),
)
POWER_OF = "power .80 at the planned units:"
NAIVE = "A/A, 100 peeks with p-values of one look, which nobody should: rates of 5%"
FEWEST, MOST = 100, 2_000


def checks() -> list[Check]:
    """Return the checks of this module."""
    level, power = share(0.046, 0.054, ALPHA), share(0.79, 0.81, 0.8)
    found = [
        _always_valid("rates of 5%, to 20,000 units", RATE, _rates, (".016", ".062"), (".024", ".053"), 2_000),
        _always_valid("revenue, to 10,000 units", MEAN, _revenue, (".009", ".182"), (".016", ".136"), 200),
        check_of(NAIVE, None, _naive, 20_000, 1_000, peer=".377"),
        *(_every_unit(*each) for each in EVERY_UNIT),
    ]
    for name, spending, looks, peer in PLANNED:
        measure = partial(_planned, spending, looks)
        found.append(check_of(f"group sequential, {name}, {looks} looks", level, measure, 40_000, 2_000, peer=peer))
    found.append(
        check_of("group sequential, O'Brien-Fleming, 8 unplanned looks to 112%", level, _unplanned, 40_000, 2_000)
    )
    recorded = "group sequential, 28 recorded looks, revenue"
    rows = tuple(Row(f"{recorded}: {what}", around(ALPHA, 20_000)) for what in ("finding", "absolute", "relative"))
    found.append(Check(rows, _recorded, 20_000, 200))
    for name, spending, looks, peer in POWER:
        named = f"{POWER_OF} 5% to 6%, {name}, {looks} looks"
        found.append(check_of(named, power, partial(_power, spending, looks), 20_000, 2_000, peer=peer))
    named = f"{POWER_OF} 10% to 12%, always valid, 50 looks"
    found.append(check_of(named, power, _always_valid_power, 20_000, 500))
    return found


def _rates(rng: Generator, simulations: int) -> SampleStatistics:
    return worlds.rates(rng, simulations, 100, 200, 0.05, 0.05)


def _revenue(rng: Generator, simulations: int) -> SampleStatistics:
    return worlds.revenue(rng, simulations, 100, 100)


def _always_valid(what: str, metric: Metric, world, few: tuple[str, str], many: tuple[str, str], quick: int) -> Check:
    """Return the check of 100 peeks without an effect, for intervals tuned to 500, 5,000 and 40,000 units."""
    valid = share(0.0, 0.055, ALPHA)
    rows = [
        Row(f"A/A, 100 peeks, tuned to {tuned:,}: {what}, {scale}", valid, peer)
        for tuned, peers in ((500, few), (5_000, many), (40_000, ("", "")))
        for scale, peer in zip(("absolute", "relative"), peers, strict=True)
    ]
    plans = [AnalysisPlan(monitoring=Monitoring.ALWAYS_VALID, horizon=tuned) for tuned in (500, 5_000, 40_000)]

    def measure(rng: Generator, simulations: int) -> tuple[float, ...]:
        def some(count: int) -> tuple[np.ndarray, ...]:
            samples = world(rng, count)
            found = [ever_found(metric, samples, plan) for plan in plans]
            return tuple(each for rejected, _, relative in found for each in (rejected, relative))

        return rate_of(some, simulations)

    return Check(tuple(rows), measure, 20_000, quick)


def _naive(rng: Generator, simulations: int) -> tuple[float, ...]:
    return rate_of(lambda count: (_crosses(_rates(rng, count), np.full(100, ALPHA)),), simulations)


EVERY_UNIT = (
    ("normal", MEAN, lambda rng, n: worlds.normal(rng, n, MOST, 1)),
    ("lognormal(0, 1.5)", MEAN, lambda rng, n: worlds.skewed(rng, n, MOST, 1, 1.5)),
    ("rates of 50%", RATE, lambda rng, n: worlds.rates(rng, n, MOST, 1, 0.5, 0.5)),
    ("rates of 5%", RATE, lambda rng, n: worlds.rates(rng, n, MOST, 1, 0.05, 0.05)),
)


def _every_unit(name: str, metric: Metric, world) -> Check:
    """Return the check of looking after every pair of units, from 100 to 2,000 in each variant."""

    def measure(rng: Generator, simulations: int) -> tuple[float, ...]:
        def some(count: int) -> tuple[np.ndarray, ...]:
            whole = world(rng, count)
            samples = SampleStatistics(*(each[:, FEWEST - 1 :] for each in (whole.units, whole.mean, whole.variance)))
            ordinary = once(metric, samples).log10_p_value
            assert ordinary is not None
            valid = always_valid_log10_p(ordinary[..., 0], 2 * samples.units[..., 0], MOST, ALPHA)
            return (valid.min(axis=1) < math.log10(ALPHA),)

        return rate_of(some, simulations, block=100)

    row = Row(f"A/A, always valid, a look after every unit from 100 to 2,000: {name}", at_most(ALPHA, 4_000), "≤ .047")
    return Check((row,), measure, 4_000, 60)


def _crosses(samples: SampleStatistics, levels: np.ndarray) -> np.ndarray:
    """Return whether any look's p-value reaches the level of that look."""
    return np.any(p_values(RATE, samples)[..., 0] < levels, axis=1)


def _planned(spending: Spending, looks: int, rng: Generator, simulations: int) -> tuple[float, ...]:
    levels = boundaries(np.arange(1, looks + 1) / looks, ALPHA, spending).nominal_p
    step = 30_000 // looks

    def some(count: int) -> tuple[np.ndarray, ...]:
        return (_crosses(worlds.rates(rng, count, looks, step, 0.3, 0.3), levels),)

    return rate_of(some, simulations)


def _unplanned(rng: Generator, simulations: int) -> tuple[float, ...]:
    levels = [nominal_alpha(UNPLANNED[:place], now, ALPHA, OBRIEN_FLEMING)[0] for place, now in enumerate(UNPLANNED)]
    steps = np.rint(np.diff(UNPLANNED, prepend=0) * 30_000).astype(np.int_)

    def some(count: int) -> tuple[np.ndarray, ...]:
        return (_crosses(worlds.rates(rng, count, len(steps), steps, 0.3, 0.3), np.array(levels)),)

    return rate_of(some, simulations)


def _recorded(rng: Generator, simulations: int) -> tuple[float, ...]:
    plan = AnalysisPlan(horizon=2 * 28 * 400)
    return rate_of(lambda count: ever_found(MEAN, worlds.revenue(rng, count, 28, 400), plan), simulations)


def _power(spending: Spending, looks: int, rng: Generator, simulations: int) -> tuple[float, ...]:
    study = Study(
        kind=MetricKind.BINARY,
        baseline=0.05,
        monitoring=Monitoring.GROUP_SEQUENTIAL,
        looks=looks,
        spending=spending.kind,
        spending_parameter=spending.parameter,
    )
    units = plan_sample_size(study, 0.01).units_per_variant
    steps = np.diff(np.ceil(units * np.arange(looks + 1) / looks)).astype(np.int_)
    levels = boundaries(np.arange(1, looks + 1) / looks, ALPHA, spending).nominal_p

    def some(count: int) -> tuple[np.ndarray, ...]:
        return (_crosses(worlds.rates(rng, count, looks, steps, 0.05, 0.06), levels),)

    return rate_of(some, simulations)


def _always_valid_power(rng: Generator, simulations: int) -> tuple[float, ...]:
    """Watch the units that a plan asks for, with intervals tuned to what a single look would need."""
    study = Study(kind=MetricKind.BINARY, baseline=0.1)
    units = plan_sample_size(replace(study, monitoring=Monitoring.ALWAYS_VALID, looks=50), 0.02).units_per_variant
    single = plan_sample_size(study, 0.02).total_units
    plan = AnalysisPlan(monitoring=Monitoring.ALWAYS_VALID, horizon=single)
    steps = np.diff(np.ceil(units * np.arange(51) / 50)).astype(np.int_)

    def some(count: int) -> tuple[np.ndarray, ...]:
        return ever_found(RATE, worlds.rates(rng, count, 50, steps, 0.1, 0.12), plan)[:1]

    return rate_of(some, simulations)
