"""Welch's t-test: is the treatment's mean different, whatever the variances?"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np

from omniforge_graph.plugin import (
    RELATIVE_INTERVALS,
    Alternative,
    ComparisonArrays,
    ComparisonDesign,
    Flag,
    Options,
    SampleStatistics,
    StatisticalTest,
    hookimpl,
    poor_data_flags,
    too_skewed,
    welch_t,
)


class WelchOptions(Options, frozen=True):
    """What Welch's test is to show, and how the relative interval is made."""

    alternative: Annotated[
        Alternative,
        msgspec.Meta(description="What to show: a difference, or that the treatment's mean is greater or less."),
    ] = Alternative.TWO_SIDED
    relative: Annotated[
        Literal["fieller", "delta", "log_ratio"],
        msgspec.Meta(
            description="How the relative interval is made. fieller excludes 0 exactly when the test rejects; delta is "
            "symmetric and lopsided in its errors; log_ratio needs positive means."
        ),
    ] = "fieller"


class WelchTTest(StatisticalTest):
    """Unequal-variances t-test (Welch 1947) with Satterthwaite's degrees of freedom.

    The relative interval has the same critical value. Where the values are known to be so skewed that the units are
    too few for the mean to be normal (Kohavi et al. 2014), a flag says so. A one-sided alternative gives intervals
    with one infinite end.
    """

    name = "welch_t"
    description = "Welch's t-test of means with unequal variances."
    options_type = WelchOptions
    sequential = True

    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: WelchOptions) -> ComparisonArrays:
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        found = welch_t(control, treatments, design.confidence_level, options.alternative)
        relative, lower, upper = RELATIVE_INTERVALS[options.relative](control, treatments, found.critical)
        if options.alternative is not Alternative.TWO_SIDED:
            lower, upper = options.alternative.bounds(lower, upper)
        poor = np.isnan(found.p_value)
        flags = poor_data_flags(control, treatments) if poor.any() else {}
        if samples.skewness is not None:
            flags[Flag.SKEWED] = ~poor & (too_skewed(control) | too_skewed(treatments))
        return ComparisonArrays(
            estimate=found.estimate,
            lower=found.lower,
            upper=found.upper,
            relative_estimate=relative,
            relative_lower=lower,
            relative_upper=upper,
            p_value=found.p_value,
            log10_p_value=found.log10_p_value,
            flags=flags,
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [WelchTTest()]
