"""How often an interval of a difference between two rates covers the truth: exact, by enumerating every outcome."""

import itertools

import numpy as np
from scipy import stats

from omniforge_graph.statistics.difference_intervals import DIFFERENCE_INTERVALS
from omniforge_graph.statistics.samples import SampleStatistics

UNITS = ((100, 100), (200, 200), (500, 500), (1000, 1000), (100, 1000))
RATES = (0.005, 0.02, 0.05, 0.1, 0.3)
_IGNORED = 1e-9  # probability of outcomes that are left out; they count as not covered


def coverage_of(interval, n1, n2, p1, p2, confidence_level=0.95):
    """Return the probability that the interval of a name in DIFFERENCE_INTERVALS covers p2 - p1.

    n1 and p1 are the control's units and rate, n2 and p2 the treatment's.
    """
    counts = [
        np.arange(stats.binom.ppf(_IGNORED / 4, n, p), stats.binom.isf(_IGNORED / 4, n, p) + 1)
        for n, p in ((n1, p1), (n2, p2))
    ]
    weights = [stats.binom.pmf(x, n, p) for x, n, p in zip(counts, (n1, n2), (p1, p2), strict=True)]
    control, treatment = (
        SampleStatistics.of_rates(x, np.full(x.shape, n))
        for x, n in zip(np.meshgrid(*counts, indexing="ij"), (n1, n2), strict=True)
    )
    lower, upper = DIFFERENCE_INTERVALS[interval](control, treatment, confidence_level)
    truth, rounding = p2 - p1, 1e-12
    covered = (lower <= truth + rounding) & (truth <= upper + rounding)
    return float(np.sum(np.outer(*weights) * covered))


def coverage_on_grid(interval, units=UNITS, rates=RATES, confidence_level=0.95):
    """Return the coverage in each cell of the grid: every pair of rates with every pair of sample sizes."""
    return {
        (n1, n2, p1, p2): coverage_of(interval, n1, n2, p1, p2, confidence_level)
        for (n1, n2), p1, p2 in itertools.product(units, rates, rates)
    }
