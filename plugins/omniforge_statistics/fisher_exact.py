"""Fisher's exact test: did the treatment convert more or less often than the control, whatever the counts?"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

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
    fisher_exact,
    hookimpl,
)


class FisherOptions(Options, frozen=True):
    """What Fisher's test is to show, and the interval beside it."""

    alternative: Annotated[
        Alternative,
        msgspec.Meta(description="What to show: a difference, or that the treatment's rate is greater or less."),
    ] = Alternative.TWO_SIDED
    interval: Annotated[
        Literal["newcombe", "miettinen_nurminen", "mee", "agresti_caffo", "wald"],
        msgspec.Meta(description="How the interval is made: the exact test has none of its own for a difference."),
    ] = "newcombe"


class FisherExactTest(StatisticalTest):
    """Fisher's exact test (1935) of each treatment against the control: never more false alarms than promised.

    Two-sided, it adds up the tables that are no likelier than the one seen. The interval is approximate and may
    disagree with the p-value at the edge.
    """

    name = "fisher_exact"
    description = "Fisher's exact test of each treatment against the control, right for any counts and cautious."
    kinds = frozenset({MetricKind.BINARY})
    sequential = True
    options_type = FisherOptions

    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: FisherOptions) -> ComparisonArrays:
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        p_value, log10_p_value = fisher_exact(control, treatments, options.alternative)
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
            flags={Flag.NO_UNITS: (control.units == 0) | (treatments.units == 0)},
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [FisherExactTest()]
