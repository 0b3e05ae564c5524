"""Where an experiment stands when somebody looks: what the look costs, and how strict it has to be.

Every way of monitoring comes down to one number, the *nominal alpha* of the look: the ordinary test, run at that
two-sided error rate, gives an interval and a decision that hold however often the plan lets people look. Turned
around, it makes an ordinary p-value a valid one: the smallest error rate at which this look would have decided.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omniforge_graph.domain.look import Look
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring
from omniforge_graph.statistics.always_valid import always_valid_log10_p, always_valid_nominal_alpha
from omniforge_graph.statistics.group_sequential import nominal_alpha, repeated_p_values
from omniforge_graph.statistics.samples import FloatArray

FEWEST_UNITS = 100
"""Sequential methods rest on the normal approximation: no look is judged before each variant has so many units."""
STEP = 0.02
"""A look counts when the units have grown by this share of the horizon (or of themselves where there is none)."""
ALWAYS_VALID_INFLATION = 1.7
"""How many times the units of a single look always-valid intervals need for the same power (Brownian limit)."""
LEAST_INFORMATION = 1e-9
LEAST_ALPHA = 1e-12
"""Intervals of stricter looks are drawn at this error rate: doubles near 1 cannot tell smaller ones apart."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A look at an experiment.

    `past` are the shares of the horizon at the looks that count before it; `information` the share now, None without a
    horizon. `counts` says whether this one counts: between looks that count, a group sequential plan goes by the last.
    `planned_units` are those of all variants together, `missing_units` those still to come; None if nobody can tell.
    """

    plan: AnalysisPlan
    monitoring: Monitoring
    past: tuple[float, ...]
    information: float | None
    total: int
    tuned_units: int
    planned_units: int | None
    missing_units: int | None
    counts: bool

    @property
    def complete(self) -> bool:
        """Whether the planned units have arrived."""
        return self.missing_units == 0

    @property
    def judges_now(self) -> bool:
        """Whether the numbers of this moment may be judged; if not, those of the last look that counts are."""
        return self.counts or self.monitoring is not Monitoring.GROUP_SEQUENTIAL

    def nominal_alpha(self, alpha: float) -> float:
        """Return the two-sided error rate of this look for an overall error rate."""
        if self.monitoring is Monitoring.FIXED:
            return alpha
        if self.monitoring is Monitoring.ALWAYS_VALID:
            strict = always_valid_nominal_alpha(max(self.total, 1), self.tuned_units, alpha)
        else:
            *past, now = self._fractions()
            strict, _ = nominal_alpha(past, now, alpha, self.plan.spender)
        return min(max(strict, LEAST_ALPHA), alpha)

    def spent_alpha(self) -> float | None:
        """Return how much of the error rate the looks have used up, None where they cost nothing."""
        if self.monitoring is not Monitoring.GROUP_SEQUENTIAL:
            return None
        return float(2 * self.plan.spender.spent(self._fractions()[-1], self.plan.alpha / 2))

    def valid_p_values(self, p_value: FloatArray, log10_p_value: FloatArray | None = None) -> FloatArray:
        """Return p-values that hold however often people look, from those of this look alone; NaN stays NaN."""
        if self.monitoring is Monitoring.FIXED:
            return p_value
        if log10_p_value is None:
            with np.errstate(divide="ignore"):
                log10_p_value = np.log10(p_value)
        if self.monitoring is Monitoring.ALWAYS_VALID:
            log10 = always_valid_log10_p(log10_p_value, max(self.total, 1), self.tuned_units, self.plan.alpha)
            return np.asarray(np.power(10.0, log10))
        *past, now = self._fractions()
        return repeated_p_values(log10_p_value, past, now, self.plan.spender)

    def _fractions(self) -> tuple[float, ...]:
        assert self.information is not None
        if self.counts or not self.past:
            return (*self.past, max(self.information, LEAST_INFORMATION))
        return self.past


def standing(
    plan: AnalysisPlan,
    monitoring: Monitoring,
    looks: Sequence[Look],
    units: Sequence[int],
    required_units: int | None,
    *,
    ending: bool = False,
    ended: bool = False,
) -> Standing:
    """Return where an experiment stands.

    Args:
        plan: the analysis plan.
        monitoring: the plan's, or FIXED for a test that cannot be monitored.
        looks: those that count so far.
        units: the exposed units of each variant now.
        required_units: how many each variant needs for one final look; None if it cannot be told.
        ending: whether this is the last look, which counts even soon after the one before.
        ended: whether the experiment is over: what was looked at then stands, unless nobody ever looked.
    """
    total, horizon = sum(units), plan.horizon
    needed = None if required_units is None else required_units * len(units)
    tuned = looks[0].tuned_units if looks else horizon or needed or max(total, 2 * FEWEST_UNITS)
    if horizon is not None:
        planned: int | None = horizon
        missing: int | None = max(horizon - total, 0)
    elif required_units is None:
        planned = missing = None
    else:
        inflation = ALWAYS_VALID_INFLATION if monitoring is Monitoring.ALWAYS_VALID else 1.0
        each = math.ceil(required_units * inflation)
        planned, missing = each * len(units), sum(max(each - arrived, 0) for arrived in units)
    return Standing(
        plan=plan,
        monitoring=monitoring,
        past=tuple(look.total_units / horizon for look in looks) if horizon is not None else (),
        information=total / horizon if horizon is not None else None,
        total=total,
        tuned_units=tuned,
        planned_units=planned,
        missing_units=missing,
        counts=_counts(plan, monitoring, looks, units, ending=ending, ended=ended),
    )


def _counts(
    plan: AnalysisPlan,
    monitoring: Monitoring,
    looks: Sequence[Look],
    units: Sequence[int],
    *,
    ending: bool,
    ended: bool,
) -> bool:
    """Return whether a look counts now: the first one, the last one, and those a step apart."""
    if min(units) < fewest_units(plan, monitoring, len(units)):
        return False
    if not looks:
        return True
    total, last, horizon = sum(units), looks[-1].total_units, plan.horizon
    if ended or total <= last:
        return False
    if horizon is not None and last >= horizon:
        # The whole error rate is spent; a plan that looks once has looked.
        return monitoring is Monitoring.ALWAYS_VALID and total >= last * (1 + STEP)
    arrived = horizon is not None and total >= horizon
    return ending or arrived or total >= last + STEP * (horizon if horizon is not None else last)


def fewest_units(plan: AnalysisPlan, monitoring: Monitoring, variants: int) -> int:
    """Return how many units each variant needs before a look is judged: 100, or half its share of a small horizon."""
    if monitoring is Monitoring.FIXED:
        return 1
    if plan.horizon is None:
        return FEWEST_UNITS
    return max(2, min(FEWEST_UNITS, plan.horizon // (2 * variants)))
