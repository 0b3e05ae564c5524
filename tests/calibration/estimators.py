"""Covariates, ratios and quantiles, from tables of units to decisions: one slice of a table per simulation."""

from dataclasses import replace
from functools import partial

import numpy as np

from omniforge_graph.domain.measurement import MeasuredSamples, UnitTable
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.reduction import reduce_slices, reduce_units
from omniforge_graph.statistics.samples import FloatArray
from tests.calibration.checking import Band, Check, Generator, Row, around, check_of, rate_of, share
from tests.calibration.judging import excludes, once, p_values

ALPHA = 0.05
ADJUSTED = Metric("revenue", MetricKind.CONTINUOUS, covariates=("revenue",))
PLAIN = replace(ADJUSTED, covariates=())
CLICKS = Metric("clicks_per_session", MetricKind.RATIO, numerator="clicks", denominator="sessions")
ADJUSTED_CLICKS = replace(CLICKS, covariates=(CLICKS.key,))
RHO = 0.8
UNITS, BASELINE, DEVIATION = 500, 10.0, 3.0
BLOCK = 250
CONTINUOUS, TIED = share(0.04, 0.06, ALPHA), share(0.0, 0.06, ALPHA)
QUANTILES = (
    ("P50", 0.5, None, "lognormal", CONTINUOUS, ".051"),
    ("P90", 0.9, None, "lognormal", CONTINUOUS, ".052"),
    ("P99", 0.99, None, "lognormal", CONTINUOUS, ".031"),
    ("P50", 0.5, 0.1, "rounded to .1 sd", TIED, "not computable"),
    ("P90", 0.9, 0.1, "rounded to .1 sd", TIED, ".206"),
    ("P90", 0.9, 0.5, "rounded to .5 sd", TIED, ""),
    ("P50", 0.5, 3.0, "three values", TIED, ""),
)
"""Name, quantile, what values are rounded to (None: not at all), the same in words, band, best peer."""


def checks() -> list[Check]:
    """Return the checks of this module."""
    coverage, narrow = share(0.94, 0.96, 0.95), Band(0.0, 0.62)
    found = []
    for lift, peer in ((0.0, ".953"), (0.3, ".955")):
        name = f"CUPED, rho .8, lift {lift:.0%}"
        rows = (
            Row(f"{name}: absolute interval covers", coverage, peer),
            Row(f"{name}: relative interval covers", coverage, peer),
            Row(f"{name}: width beside unadjusted", narrow, ".60"),
        )
        found.append(Check(rows, partial(_cuped, lift), 6_000, 500))
    for units, peer in ((30, ".046"), (100, ".055")):
        found.append(
            check_of(
                f"CUPED, A/A, {units} units", around(ALPHA, 20_000), partial(_few, units), 20_000, 2_000, peer=peer
            )
        )
    false = share(0.045, 0.055, ALPHA)
    found.append(check_of("ratio (delta method), A/A, 500 units", false, _ratio, 20_000, 500, peer=".053"))
    found.append(check_of("ratio with CUPED, A/A, 500 units", false, _adjusted_ratio, 20_000, 500))
    return found + [
        check_of(f"{name}, A/A, 2,000 units, {what}", band, partial(_quantile, at, step), 4_000, 100, peer=peer)
        for name, at, step, what, band, peer in QUANTILES
    ]


def _table(values: FloatArray) -> UnitTable:
    """Return the table of units with values (simulations, 2, units, sources)."""
    simulations, variants, units, sources = values.shape
    rows = simulations * variants * units
    return UnitTable(
        variant=np.tile(np.repeat(np.arange(variants), units), simulations),
        weight=np.ones(rows),
        values=values.reshape(rows, sources),
        observed=np.ones((rows, sources), dtype=np.bool_),
        squares=np.zeros(rows),
        slice_of=np.repeat(np.arange(simulations), variants * units),
        slices=tuple(map(str, range(simulations))),
    )


def _measured(metric: Metric, values: FloatArray) -> MeasuredSamples:
    return reduce_slices(metric, _table(values), 2)


def _paired(rng: Generator, simulations: int, units: int, lift: float) -> FloatArray:
    """Return values and what they were before the experiment, correlated by RHO; the lift scales the values."""
    before = rng.standard_normal((simulations, 2, units))
    after = RHO * before + np.sqrt(1 - RHO**2) * rng.standard_normal(before.shape)
    scale = np.array([1.0, 1.0 + lift])[:, None]
    return np.stack([(BASELINE + DEVIATION * after) * scale, BASELINE + DEVIATION * before], axis=-1)


def _cuped(lift: float, rng: Generator, simulations: int) -> tuple[float, ...]:
    def some(count: int) -> tuple[np.ndarray, ...]:
        values = _paired(rng, count, UNITS, lift)
        adjusted, plain = once(ADJUSTED, _measured(ADJUSTED, values)), once(PLAIN, _measured(PLAIN, values[..., :1]))
        widths = ((each.upper - each.lower)[:, 0] for each in (adjusted, plain))
        return (
            ~excludes(adjusted.lower, adjusted.upper, BASELINE * lift),
            ~excludes(adjusted.relative_lower, adjusted.relative_upper, lift),
            np.divide(*widths),
        )

    return rate_of(some, simulations, BLOCK)


def _few(units: int, rng: Generator, simulations: int) -> tuple[float, ...]:
    def some(count: int) -> tuple[np.ndarray, ...]:
        return (p_values(ADJUSTED, _measured(ADJUSTED, _paired(rng, count, units, 0.0))) < ALPHA,)

    return rate_of(some, simulations)


def _sessions(rng: Generator, people: FloatArray) -> FloatArray:
    """Return clicks and sessions of people who click with a probability of their own: who comes often clicks more."""
    sessions = rng.poisson(8 * people) + 1.0
    clicks = rng.binomial(sessions.astype(np.int_), people)
    return np.stack([clicks, sessions], axis=-1)


def _ratio(rng: Generator, simulations: int) -> tuple[float, ...]:
    def some(count: int) -> tuple[np.ndarray, ...]:
        people = rng.beta(2, 5, (count, 2, UNITS))
        return (p_values(CLICKS, _measured(CLICKS, _sessions(rng, people))) < ALPHA,)

    return rate_of(some, simulations, BLOCK)


def _adjusted_ratio(rng: Generator, simulations: int) -> tuple[float, ...]:
    def some(count: int) -> tuple[np.ndarray, ...]:
        people = rng.beta(2, 5, (count, 2, UNITS))
        values = np.concatenate([_sessions(rng, people), _sessions(rng, people)], axis=-1)
        return (p_values(ADJUSTED_CLICKS, _measured(ADJUSTED_CLICKS, values)) < ALPHA,)

    return rate_of(some, simulations, BLOCK)


def _quantile(quantile: float, step: float | None, rng: Generator, simulations: int) -> tuple[float, ...]:
    """Reduce each simulation on its own: ties are told from all values of an experiment. A refusal finds nothing."""
    metric = Metric("latency", MetricKind.QUANTILE, quantile=quantile)
    units = 2_000

    def one() -> bool:
        values = rng.lognormal(0.0, 0.5, (1, 2, units, 1)) if step is None else rng.normal(5.0, 1.0, (1, 2, units, 1))
        if step is not None:
            values = np.rint(values / step) * step
        return bool(p_values(metric, reduce_units(metric, _table(values), 2))[0] < ALPHA)

    return (float(np.mean([one() for _ in range(simulations)])),)
