"""What a reader of the numbers should know, in words."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from omniforge_graph.domain.analysis import Comparison, Notice
from omniforge_graph.domain.findings import listed
from omniforge_graph.domain.measurement import MeasuredSamples
from omniforge_graph.domain.metric import Aggregation, Metric
from omniforge_graph.services.arms import Arm
from omniforge_graph.statistics.comparison import Flag
from omniforge_graph.statistics.sample_ratio import SampleRatio
from omniforge_graph.statistics.samples import BoolArray

_FLAGS: Mapping[Flag, str] = {
    Flag.NO_UNITS: "cannot be compared: one side has no units yet",
    Flag.TOO_FEW_UNITS: "cannot be judged: each side needs at least two units",
    Flag.NO_VARIANCE: "cannot be judged: within each side all units have the same value",
    Flag.SMALL_COUNTS: "expects fewer than five units in some cell, so Fisher's exact test judged it",
    Flag.APPROXIMATE: "expects fewer than five units in some cell, so its p-value is only rough",
    Flag.SKEWED: "rests on values too skewed for this many units, so its p-value is only rough: more units help, or a "
    "cap on the metric, so that a few extreme values do not decide",
    Flag.NO_BASELINE: "has no relative effect: the control's mean is zero or next to it",
    Flag.NO_VALUES: "has no unit values to permute, only means and variances, so Welch's t-test judged it",
    Flag.NO_STANDARD_ERROR: "cannot be judged: how uncertain one side is cannot be told from its units",
    Flag.TIED: "has a quantile that falls on a value which many units share: compare means or a rate instead",
}
FEW_UNITS = 30
"""Below this many units in a variant a mean's distribution may be far from normal (a rule of thumb)."""


def notices_of(
    arms: Sequence[Arm],
    metric: Metric,
    measured: MeasuredSamples,
    comparisons: Sequence[Comparison],
    flags: Mapping[Flag, BoolArray],
    sample_ratio: SampleRatio | None,
) -> tuple[Notice, ...]:
    """Return notices on the sample first, then on the comparisons."""
    return (
        *_on_sample(metric, measured, sample_ratio),
        *_on_units(arms, measured),
        *_on_comparisons(arms, comparisons, flags),
    )


def _on_sample(metric: Metric, measured: MeasuredSamples, sample_ratio: SampleRatio | None) -> Iterator[Notice]:
    if sample_ratio is not None and sample_ratio.mismatch:
        yield Notice(
            "SAMPLE_RATIO_MISMATCH",
            f"The units did not arrive in the planned proportions ({_evidence(sample_ratio)}): look for lost or "
            "doubled exposures before you read on.",
        )
    missing, exposed = int(np.sum(measured.without_outcome)), int(np.sum(measured.exposed))
    if not missing:
        return
    if metric.aggregation is Aggregation.MEAN:
        yield Notice(
            "UNITS_LEFT_OUT",
            f"{missing:,} of {exposed:,} exposed units have no outcome of {metric.key} and are left out; "
            "if the variants decide who gives one, the comparison is biased.",
        )
    elif metric.aggregation is Aggregation.SUM:
        yield Notice(
            "UNITS_COUNT_AS_ZERO",
            f"{missing:,} of {exposed:,} exposed units have no outcome of {metric.key} and count as 0; "
            "if their value is unknown rather than 0, declare the metric with the aggregation MEAN.",
        )


def _evidence(ratio: SampleRatio) -> str:
    known = [each for each in (ratio.p_value, ratio.sequential_p_value) if each is not None]
    least = min(known)
    return f"p = {least:.2g}" if least > 0 else "p < 1e-300"


def _on_units(arms: Sequence[Arm], measured: MeasuredSamples) -> Iterator[Notice]:
    units = measured.samples.units
    if few := [arm.name for arm, count in zip(arms, units, strict=True) if 0 < count < FEW_UNITS]:
        yield Notice(
            "FEW_UNITS",
            f"{listed(few)}: fewer than {FEW_UNITS} units, for which the normal approximation may not hold; "
            "the test permutation does not need it.",
        )
    if measured.short is not None and np.any(measured.short):
        named = listed([arm.name for arm, short in zip(arms, measured.short, strict=True) if short])
        yield Notice(
            Flag.TOO_FEW_UNITS.value,
            f"{named}: too few units for this quantile, so how uncertain it is cannot be told yet.",
        )
    if measured.lumped is not None and np.any(measured.lumped):
        named = listed([arm.name for arm, lumped in zip(arms, measured.lumped, strict=True) if lumped])
        yield Notice(
            Flag.TIED.value,
            f"{named}: the quantile falls on a value that many units share, so how uncertain it is cannot be told: "
            "compare means, or the share of units above a limit, instead.",
        )
    if measured.rounded:
        yield Notice(
            "ROUNDED", "The values are rounded so coarsely that equal ones were spread evenly over their rounding step."
        )
    if measured.capped is not None and (capped := int(np.sum(measured.capped))):
        yield Notice("CAPPED", f"The values of {capped:,} units were cut to the metric's cap.")


def _on_comparisons(
    arms: Sequence[Arm], comparisons: Sequence[Comparison], flags: Mapping[Flag, BoolArray]
) -> Iterator[Notice]:
    names = {arm.id: arm.name for arm in arms}
    treatments = [names[each.treatment_id] for each in comparisons]
    for flag, mask in flags.items():
        if concerned := [name for name, flagged in zip(treatments, mask, strict=True) if flagged]:
            yield Notice(flag.value, f"{listed(concerned)} against the control {_FLAGS[flag]}.")
    if Flag.NO_BASELINE not in flags or not np.any(flags[Flag.NO_BASELINE]):
        yield from _on_relative_effects(comparisons, names)


def _on_relative_effects(comparisons: Sequence[Comparison], names: Mapping[str, str]) -> Iterator[Notice]:
    known = [each for each in comparisons if each.absolute_effect.estimate is not None]
    if without := [names[each.treatment_id] for each in known if each.relative_effect.estimate is None]:
        yield Notice(Flag.NO_BASELINE.value, f"{listed(without)} against the control {_FLAGS[Flag.NO_BASELINE]}.")
        return
    unbounded = [
        names[each.treatment_id]
        for each in known
        if each.absolute_effect.lower is not None and None in (each.relative_effect.lower, each.relative_effect.upper)
    ]
    if unbounded:
        yield Notice(
            "RELATIVE_UNBOUNDED",
            f"{listed(unbounded)} against the control: the relative effect has no bounds, "
            "because the control's mean cannot be told from zero.",
        )
