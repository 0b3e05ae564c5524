"""The two-proportion z-test: did the treatment convert more or less often than the control?"""

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
    hookimpl,
    newcombe_interval,
    normal_p_value,
    pairs_with_control,
    small_expected_counts,
)


class TwoProportionZTest(StatisticalTest):
    """Pooled z-test of each treatment against the control, with Newcombe's interval (1998, method 10)."""

    name = "z_test"
    description = "Two-proportion z-test, pooled, with Newcombe's interval."
    kinds = frozenset({MetricKind.BINARY})

    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: Options) -> ComparisonArrays:  # noqa: ARG002
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        empty = (control.units == 0) | (treatments.units == 0)
        units = control.units + treatments.units
        estimate = treatments.mean - control.mean
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = (control.conversions + treatments.conversions) / units
            variance = pooled * (1 - pooled) * (1 / control.units + 1 / treatments.units)
            z = np.where(variance > 0, estimate / np.sqrt(variance), np.nan)
        p_value, log10_p_value = normal_p_value(z)
        lower, upper = newcombe_interval(control, treatments, design.confidence_level)
        return ComparisonArrays(
            estimate=estimate,
            lower=lower,
            upper=upper,
            p_value=p_value,
            log10_p_value=log10_p_value,
            flags={
                Flag.NO_UNITS: empty,
                Flag.NO_VARIANCE: ~empty & np.isnan(z),
                Flag.SMALL_COUNTS: ~empty & small_expected_counts(pairs_with_control(samples, design.control)),
            },
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [TwoProportionZTest()]
