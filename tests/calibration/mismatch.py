"""Sample-ratio checks every day for a month: how often is a sound experiment accused?"""

import numpy as np

from omniforge_graph.statistics.sample_ratio import (
    SAMPLE_RATIO_ALARM,
    sample_ratio_p_values,
    sequential_sample_ratio_log10_p,
)
from tests.calibration.checking import Check, Generator, Row, rate_of, share

DAYS, DAILY = 30, 1_000


def checks() -> list[Check]:
    """Return the checks of this module."""
    return [
        Check(
            (
                Row(f"sample ratio at .001, 30 daily checks, {name}: chi-square", share(0.0, 0.012, 0.0101), ".0101"),
                Row(f"sample ratio at .001, 30 daily checks, {name}: sequential", share(0.0, 0.001, 0.001)),
            ),
            lambda rng, n, shares=shares: _alarms(np.array(shares), rng, n), 20_000, 2_000,
        )
        for name, shares in (("50:50", (0.5, 0.5)), ("90:10", (0.9, 0.1)), ("50:30:20", (0.5, 0.3, 0.2)))
    ]  # fmt: skip


def _alarms(shares: np.ndarray, rng: Generator, simulations: int) -> tuple[float, ...]:
    def some(count: int) -> tuple[np.ndarray, ...]:
        arrived = rng.multinomial(DAILY, shares, (count, DAYS)).cumsum(axis=1)
        daily, _ = sample_ratio_p_values(arrived, shares)
        sequential = sequential_sample_ratio_log10_p(arrived, shares)
        limit = np.log10(SAMPLE_RATIO_ALARM)
        return np.any(daily < SAMPLE_RATIO_ALARM, axis=1), np.any(sequential < limit, axis=1)

    return rate_of(some, simulations)
