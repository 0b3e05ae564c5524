"""The permutation test: is the treatment's mean different, with few units and values of any shape?"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from omniforge_graph.plugin import (
    Alternative,
    ComparisonArrays,
    ComparisonDesign,
    Flag,
    Options,
    SampleStatistics,
    StatisticalTest,
    fieller_interval,
    hookimpl,
    permutation_test,
    poor_data_flags,
    welch_t,
)

_MOST_UNITS = 10_000
"""Both sides together. With more the test takes seconds and tells what Welch's does."""


class PermutationOptions(Options, frozen=True):
    """What the permutation test is to show, and how many splits it tries."""

    alternative: Annotated[
        Alternative,
        msgspec.Meta(description="What to show: a difference, or that the treatment's mean is greater or less."),
    ] = Alternative.TWO_SIDED
    resamples: Annotated[
        int,
        msgspec.Meta(
            ge=99, le=99_999, description="Random splits to try; if there are no more than these, all of them."
        ),
    ] = 9_999
    seed: Annotated[
        int, msgspec.Meta(ge=0, description="Where the random splits begin: the same, the same answer.")
    ] = 0


class PermutationTest(StatisticalTest):
    """Permutation test of the studentised difference of means (Janssen 1997; Chung & Romano 2013).

    It needs the unit values. Where they are not known, or more than 10,000, Welch's t-test answers, with a flag. The
    interval is that of Welch's test with the critical value of the permutations, so it excludes 0 exactly when
    p < alpha, and is unbounded where so few splits cannot be that sure.
    """

    name = "permutation"
    description = "Permutation test of means, for a few units and values of any shape."
    options_type = PermutationOptions
    sequential = True

    def compare(
        self, samples: SampleStatistics, design: ComparisonDesign, options: PermutationOptions
    ) -> ComparisonArrays:
        """Compare the treatments with the control; see `StatisticalTest.compare`."""
        control, treatments = samples.split(design.control)
        found = welch_t(control, treatments, design.confidence_level, options.alternative)
        critical, p_value = found.critical.copy(), found.p_value.copy()
        permuted = np.zeros(p_value.shape, dtype=np.bool_)
        if samples.values is not None:
            before = samples.values[design.control]
            others = [each for place, each in enumerate(samples.values) if place != design.control]
            for place, after in enumerate(others):
                if min(len(before), len(after)) < 2 or len(before) + len(after) > _MOST_UNITS:
                    continue
                test = permutation_test(
                    before,
                    after,
                    options.alternative,
                    alpha=design.alpha,
                    resamples=options.resamples,
                    seed=options.seed,
                )
                p_value[place], critical[place], permuted[place] = test.p_value, test.critical, True
        with np.errstate(divide="ignore", invalid="ignore"):
            log10_p_value = np.where(permuted, np.log10(p_value), found.log10_p_value)
            half = critical * found.error
        lower, upper = found.estimate - half, found.estimate + half
        relative, relative_lower, relative_upper = fieller_interval(control, treatments, critical)
        if options.alternative is not Alternative.TWO_SIDED:
            lower, upper = options.alternative.bounds(lower, upper)
            relative_lower, relative_upper = options.alternative.bounds(relative_lower, relative_upper)
        return ComparisonArrays(
            estimate=found.estimate,
            lower=lower,
            upper=upper,
            relative_estimate=relative,
            relative_lower=relative_lower,
            relative_upper=relative_upper,
            p_value=p_value,
            log10_p_value=log10_p_value,
            flags={
                **poor_data_flags(control, treatments),
                Flag.NO_VALUES: ~permuted & ~np.isnan(found.p_value),
            },
        )


@hookimpl
def omniforge_register_statistical_tests() -> Sequence[StatisticalTest]:
    """Offer the test."""
    return [PermutationTest()]
