"""Pearson's chi-square test: do the variants convert equally often, all together and each against the control?"""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.plugin import (
    ComparisonArrays,
    ComparisonDesign,
    Flag,
    MetricKind,
    Options,
    SampleStatistics,
    StatisticalTest,
    chi_square_p_value,
    hookimpl,
    newcombe_interval,
    normal_p_value,
    pairs_with_control,
    pearson_chi_square,
    small_expected_counts,
)


class ChiSquareTest(StatisticalTest):
    """Pearson's chi-square over all variants, and 2 x 2 against the control; no continuity correction."""

    name = "chi_square"
    description = "Pearson's chi-square over all variants at once, then each against the control."
    kinds = frozenset({MetricKind.BINARY})

    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: Options) -> ComparisonArrays:  # noqa: ARG002
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        empty = (control.units == 0) | (treatments.units == 0)
        pairs = pairs_with_control(samples, design.control)
        statistic = np.where(empty, np.nan, pearson_chi_square(pairs)[0])
        # With one degree of freedom the statistic is the square of a standard normal.
        p_value, log10_p_value = normal_p_value(np.sqrt(statistic))
        lower, upper = newcombe_interval(control, treatments, design.confidence_level)
        return ComparisonArrays(
            estimate=treatments.mean - control.mean,
            lower=lower,
            upper=upper,
            p_value=p_value,
            log10_p_value=log10_p_value,
            omnibus_p_value=chi_square_p_value(*pearson_chi_square(samples)),
            flags={
                Flag.NO_UNITS: empty,
                Flag.NO_VARIANCE: ~empty & np.isnan(statistic),
                Flag.SMALL_COUNTS: ~empty & small_expected_counts(pairs),
            },
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [ChiSquareTest()]
