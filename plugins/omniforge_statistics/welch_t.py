"""Welch's t-test: is the treatment's mean different, whatever the variances?"""

from collections.abc import Sequence

import numpy as np

from omniforge_graph.plugin import (
    ComparisonArrays,
    ComparisonDesign,
    Flag,
    Options,
    SampleStatistics,
    StatisticalTest,
    fieller_interval,
    hookimpl,
    student_p_value,
    student_quantile,
)


class WelchTTest(StatisticalTest):
    """Unequal-variances t-test (Welch 1947) with Satterthwaite's degrees of freedom.

    The relative interval is Fieller's with the same critical value, so that it excludes 0 exactly when p < alpha.
    """

    name = "welch_t"
    description = "Welch's t-test of means with unequal variances."

    sequential = True

    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: Options) -> ComparisonArrays:  # noqa: ARG002
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        empty = (control.units == 0) | (treatments.units == 0)
        alone = ~empty & ((control.units < 2) | (treatments.units < 2))
        estimate = treatments.mean - control.mean
        square = control.squared_standard_error + treatments.squared_standard_error
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            error = np.sqrt(np.where(square > 0, square, np.nan))
            share = control.squared_standard_error / square
            degrees = 1 / (share**2 / (control.units - 1) + (1 - share) ** 2 / (treatments.units - 1))
            p_value, log10_p_value = student_p_value(estimate / error, degrees)
        critical = student_quantile(degrees, design.confidence_level)
        relative, relative_lower, relative_upper = fieller_interval(control, treatments, critical)
        return ComparisonArrays(
            estimate=estimate,
            lower=estimate - critical * error,
            upper=estimate + critical * error,
            relative_estimate=relative,
            relative_lower=relative_lower,
            relative_upper=relative_upper,
            p_value=p_value,
            log10_p_value=log10_p_value,
            flags={Flag.NO_UNITS: empty, Flag.TOO_FEW_UNITS: alone, Flag.NO_VARIANCE: square == 0},
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [WelchTTest()]
