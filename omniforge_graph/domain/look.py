"""Looks at a running experiment: what was seen, when, so that later looks know what was really looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from omniforge_graph.domain.analysis import Effect
from omniforge_graph.statistics.samples import FloatArray


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a look saw of one treatment on one metric, in the metric's unit and relative to the control.

    The intervals are those of that look, an end without bound is None. `p_value` is valid at any look; of a guardrail
    it is the one of being within the margin, and `harm_p_value` the one of being beyond it. `omnibus_p_value` is that
    of all treatments together, `probability_better` that of a test without p-values. None where something could not be
    computed.
    """

    metric: str
    treatment_id: str
    absolute: Effect
    relative: Effect
    p_value: float | None
    harm_p_value: float | None = None
    probability_better: float | None = None
    omnibus_p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A look that counts. `number` is 1 for the first.

    `units` are those of each variant in the experiment's order. `tuned_units` is the total number of units for which
    always-valid intervals are tightest; the first look fixes it.
    """

    experiment_id: str
    number: int
    at: datetime
    units: tuple[int, ...]
    tuned_units: int
    seen: tuple[LookedAt, ...]

    @property
    def total_units(self) -> int:
        """The units of all variants."""
        return sum(self.units)

    def of(self, metric: str, treatment_id: str) -> LookedAt | None:
        """Return what it saw of a treatment on a metric, None if it did not look there."""
        return next((each for each in self.seen if (each.metric, each.treatment_id) == (metric, treatment_id)), None)


def best_before(
    looks: Sequence[Look],
    metric: str,
    treatment_ids: Sequence[str],
    *,
    estimates: FloatArray | None = None,
    harm: bool = False,
) -> FloatArray:
    """Return for each treatment the smallest p-value that any look found on a metric, NaN if none found one.

    With `estimates`, of the looks whose effect had the same sign: what was shown of harm says nothing of good. An
    estimate of 0 has no sign, and takes those of all. With `harm` the p-values of being beyond a guardrail's margin.
    """
    best = np.full(len(treatment_ids), np.nan)
    for place, treatment_id in enumerate(treatment_ids):
        for seen in (look.of(metric, treatment_id) for look in looks):
            p_value = None if seen is None else seen.harm_p_value if harm else seen.p_value
            if seen is None or p_value is None:
                continue
            if estimates is not None and not _is_of_side(seen.absolute.estimate, estimates[place]):
                continue
            best[place] = np.fmin(best[place], p_value)
    return best


def _is_of_side(seen: float | None, estimate: float) -> bool:
    """Return whether what a look found speaks for an estimate of today; one that saw 0 kept what others had found."""
    if estimate == 0 or np.isnan(estimate):
        return True
    return seen is not None and seen * estimate > 0


def best_omnibus_before(looks: Sequence[Look], metric: str) -> float:
    """Return the smallest p-value of all treatments together that any look found on a metric, NaN if none found one."""
    seen = [each.omnibus_p_value for look in looks for each in look.seen if each.metric == metric]
    return min((p for p in seen if p is not None), default=np.nan)


def without_intervals(looks: Sequence[Look]) -> list[Look]:
    """Return the looks without the intervals they drew, which were of another confidence level."""

    def bare(seen: LookedAt) -> LookedAt:
        absolute, relative = (Effect(each.estimate, None, None) for each in (seen.absolute, seen.relative))
        return replace(seen, absolute=absolute, relative=relative)

    return [replace(look, seen=tuple(map(bare, look.seen))) for look in looks]
