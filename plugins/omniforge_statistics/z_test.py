"""The two-proportion z-test: did the treatment convert more or less often than the control?"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np

from omniforge_graph.plugin import (
    DIFFERENCE_INTERVALS,
    Alternative,
    ComparisonArrays,
    ComparisonDesign,
    Flag,
    MetricKind,
    Options,
    SampleStatistics,
    StatisticalTest,
    exact_where,
    hookimpl,
    pairs_with_control,
    small_expected_counts,
    two_proportion_z,
)


class ZTestOptions(Options, frozen=True):
    """Which z-test, and which interval beside it. The defaults suit almost everybody."""

    variance: Annotated[
        Literal["pooled", "unpooled"],
        msgspec.Meta(description="pooled: the standard error if both rates are one; unpooled: each rate's own."),
    ] = "pooled"
    interval: Annotated[
        Literal["newcombe", "miettinen_nurminen", "mee", "agresti_caffo", "wald"],
        msgspec.Meta(
            description="How the interval is made. miettinen_nurminen agrees best with the test; wald is the textbook "
            "interval that belongs to the unpooled test and covers too seldom."
        ),
    ] = "newcombe"
    alternative: Annotated[
        Alternative,
        msgspec.Meta(description="What to show: a difference, or that the treatment's rate is greater or less."),
    ] = Alternative.TWO_SIDED
    continuity_correction: Annotated[
        bool, msgspec.Meta(description="Yates's correction: cautious, it finds less than the test promises.")
    ] = False
    small_counts: Annotated[
        Literal["fisher_exact", "normal"],
        msgspec.Meta(
            description="Where a cell expects fewer than five units: fisher_exact takes Fisher's exact p-value, "
            "normal keeps the rough one."
        ),
    ] = "fisher_exact"


class TwoProportionZTest(StatisticalTest):
    """Pooled z-test of each treatment against the control, with Newcombe's interval (1998, method 10).

    Where some cell of the 2 x 2 table expects fewer than five units, the p-value is that of Fisher's exact test.
    A one-sided alternative gives an interval with one infinite end.
    """

    name = "z_test"
    description = "Two-proportion z-test, pooled, with Newcombe's interval; Fisher's exact test for small counts."
    kinds = frozenset({MetricKind.BINARY})
    sequential = True
    options_type = ZTestOptions

    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: ZTestOptions) -> ComparisonArrays:
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        empty = (control.units == 0) | (treatments.units == 0)
        z = two_proportion_z(
            control, treatments, pooled=options.variance == "pooled", correction=options.continuity_correction
        )
        small = ~np.isnan(z) & small_expected_counts(pairs_with_control(samples, design.control))
        exact = small & (options.small_counts == "fisher_exact")
        p_value, log10_p_value = exact_where(
            exact, options.alternative.normal_p_value(z), control, treatments, options.alternative
        )
        interval = DIFFERENCE_INTERVALS[options.interval]
        lower, upper = options.alternative.bounds(
            *interval(control, treatments, options.alternative.level(design.confidence_level))
        )
        return ComparisonArrays(
            estimate=treatments.mean - control.mean,
            lower=lower,
            upper=upper,
            p_value=p_value,
            log10_p_value=log10_p_value,
            flags={
                Flag.NO_UNITS: empty,
                Flag.NO_VARIANCE: ~empty & np.isnan(z),
                Flag.SMALL_COUNTS: exact,
                Flag.APPROXIMATE: small & ~exact,
            },
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [TwoProportionZTest()]
