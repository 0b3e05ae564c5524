"""Pearson's chi-square test: do the variants convert equally often, all together and each against the control?"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
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
    exact_where,
    hookimpl,
    newcombe_interval,
    normal_p_value,
    pairs_with_control,
    pearson_chi_square,
    small_expected_counts,
)


class ChiSquareOptions(Options, frozen=True):
    """How the chi-square test treats small tables."""

    yates: Annotated[
        bool,
        msgspec.Meta(
            description="Yates's continuity correction of 2 x 2 tables: cautious, it finds less than the test promises."
        ),
    ] = False
    small_counts: Annotated[
        Literal["fisher_exact", "chi_square"],
        msgspec.Meta(
            description="Where a pair's table expects fewer than five units in a cell: fisher_exact takes Fisher's "
            "exact p-value instead, chi_square keeps the rough one."
        ),
    ] = "fisher_exact"


class ChiSquareTest(StatisticalTest):
    """Pearson's chi-square over all variants, and 2 x 2 against the control with Fisher's test for small counts."""

    name = "chi_square"
    description = "Pearson's chi-square over all variants at once, then each against the control."
    kinds = frozenset({MetricKind.BINARY})
    sequential = True
    options_type = ChiSquareOptions

    def compare(
        self, samples: SampleStatistics, design: ComparisonDesign, options: ChiSquareOptions
    ) -> ComparisonArrays:
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        empty = (control.units == 0) | (treatments.units == 0)
        pairs = pairs_with_control(samples, design.control)
        statistic = np.where(empty, np.nan, pearson_chi_square(pairs, correction=options.yates)[0])
        small = ~np.isnan(statistic) & small_expected_counts(pairs)
        exact = small & (options.small_counts == "fisher_exact")
        # With one degree of freedom the statistic is the square of a standard normal.
        p_value, log10_p_value = exact_where(exact, normal_p_value(np.sqrt(statistic)), control, treatments)
        lower, upper = newcombe_interval(control, treatments, design.confidence_level)
        return ComparisonArrays(
            estimate=treatments.mean - control.mean,
            lower=lower,
            upper=upper,
            p_value=p_value,
            log10_p_value=log10_p_value,
            omnibus_p_value=chi_square_p_value(*pearson_chi_square(samples, correction=options.yates)),
            flags={
                Flag.NO_UNITS: empty,
                Flag.NO_VARIANCE: ~empty & np.isnan(statistic),
                Flag.SMALL_COUNTS: exact,
                Flag.APPROXIMATE: small & ~exact,
            },
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [ChiSquareTest()]
