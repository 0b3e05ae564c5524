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
from omniforge_graph.statistics.always_valid_design import always_valid_size
from omniforge_graph.statistics.group_sequential import nominal_alpha, repeated_p_values
from omniforge_graph.statistics.samples import FloatArray

FEWEST_UNITS = 100
"""Sequential methods rest on the normal approximation: no look is judged before each variant has so many units."""
STEP = 0.02
"""A look counts when the units have grown by this share of the horizon (or of themselves where there is none)."""
MANY_UNITS = 10_000
"""With so many units in all, always-valid intervals are tuned to them where nobody can tell how many are needed."""
ROUNDING = 1e-6
LEAST_INFORMATION = 1e-9
LEAST_ALPHA = 1e-12
"""Intervals of stricter looks are drawn at this error rate: doubles near 1 cannot tell smaller ones apart."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A look at an experiment.

    `past` are the shares of the horizon at the looks that count before it; `information` the share now, None without a
    horizon. `counts` says whether this one counts: between looks that count, a group sequential plan goes by the last.
    `planned_units` are those of all variants together, `missing_units` those still to come; None if nobody can tell.
    `looked` says whether any look counted before.
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
    looked: bool

    @property
    def complete(self) -> bool:
        """Whether the planned units have arrived."""
        return self.missing_units == 0

    @property
    def judges_now(self) -> bool:
        """Whether the numbers of this moment may be judged; if not, what the last look that counts found stands."""
        if self.monitoring is Monitoring.ALWAYS_VALID or self.counts:
            return True
        return self.monitoring is Monitoring.FIXED and not self.looked

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
        if not self.counts and not self.past:
            return 0.0
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


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What has come so far, per variant.

    `exposed` units, `measured` those of them with a value of the success metric, the planned `shares`, whether the
    values `vary` in all of them together, and how many measured units each needs for one final look: None if nobody
    can tell.
    """

    exposed: tuple[int, ...]
    measured: tuple[int, ...]
    shares: tuple[float, ...]
    vary: bool
    required: int | None

    @classmethod
    def of(
        cls,
        exposed: Sequence[int],
        required: int | None = None,
        *,
        measured: Sequence[int] | None = None,
        shares: Sequence[float] | None = None,
        vary: bool = True,
    ) -> "Arrivals":
        """Build them; every unit has a value, and the shares are equal, unless told otherwise."""
        even = [1.0] * len(exposed)
        weights = even if shares is None or not sum(shares) > 0 else shares
        whole = sum(weights)
        return cls(
            exposed=tuple(exposed),
            measured=tuple(exposed if measured is None else measured),
            shares=tuple(each / whole for each in weights),
            vary=vary,
            required=required,
        )

    def planned(self, inflation: float) -> tuple[int | None, int | None]:
        """Return the planned units of all variants together and how many are missing, None if nobody can tell.

        The variant that is furthest from what it needs decides, at its share of the traffic.
        """
        if self.required is None or min(self.measured) == 0:
            return None, None
        planned = missing = 0.0
        for exposed, measured, share in zip(self.exposed, self.measured, self.shares, strict=True):
            if share > 0:
                needed = math.ceil(self.required * inflation * (exposed / measured))
                planned = max(planned, needed / share)
                missing = max(missing, (needed - exposed) / share)
        return math.ceil(planned - ROUNDING), math.ceil(missing - ROUNDING)

    def ready(self, plan: AnalysisPlan, monitoring: Monitoring) -> bool:
        """Return whether there is enough to look at: a mean and a spread, from the fewest units each variant needs."""
        fewest = fewest_units(plan, monitoring, self.shares)
        enough = all(units >= each for units, each in zip(self.measured, fewest, strict=True))
        told = self.required is not None or plan.horizon is not None or sum(self.exposed) >= MANY_UNITS
        return enough and self.vary and told


def standing(
    plan: AnalysisPlan,
    monitoring: Monitoring,
    looks: Sequence[Look],
    arrivals: Arrivals,
    *,
    ending: bool = False,
    ended: bool = False,
) -> Standing:
    """Return where an experiment stands.

    Args:
        plan: the analysis plan.
        monitoring: the plan's, or FIXED for a test that cannot be monitored.
        looks: those that count so far.
        arrivals: the units so far.
        ending: whether this is the last look, which counts even soon after the one before.
        ended: whether the experiment is over: what was looked at then stands, unless nobody ever looked.
    """
    total, horizon = sum(arrivals.exposed), plan.horizon
    single, missing = arrivals.planned(1.0)
    tuned = looks[0].tuned_units if looks else horizon or single or max(total, 2 * FEWEST_UNITS)
    planned = single
    if horizon is not None:
        planned, missing = horizon, max(horizon - total, 0)
    elif monitoring is Monitoring.ALWAYS_VALID:
        planned, missing = arrivals.planned(always_valid_inflation(plan))
    elif looks:  # a plan that looks once has looked
        planned, missing = looks[-1].total_units, 0
    counts = arrivals.ready(plan, monitoring) and not (ended and looks)
    return Standing(
        plan=plan,
        monitoring=monitoring,
        past=tuple(look.total_units / horizon for look in looks) if horizon is not None else (),
        information=total / horizon if horizon is not None else None,
        total=total,
        tuned_units=tuned,
        planned_units=planned,
        missing_units=missing,
        counts=counts and _due(plan, monitoring, looks, total, missing, ending=ending),
        looked=bool(looks),
    )


def always_valid_inflation(plan: AnalysisPlan) -> float:
    """Return how many times the units of a single look always-valid intervals need for the plan's power."""
    return always_valid_size(plan.alpha, plan.power).inflation if plan.power > plan.alpha else 1.0


def _due(
    plan: AnalysisPlan, monitoring: Monitoring, looks: Sequence[Look], total: int, missing: int | None, *, ending: bool
) -> bool:
    """Return whether a look is due: the first one, the last one, and those a step apart; of a FIXED plan the only one,
    when the planned units have arrived.
    """
    if monitoring is Monitoring.FIXED:
        return not looks and missing == 0
    if not looks:
        return True
    last, horizon = looks[-1].total_units, plan.horizon
    if total <= last:
        return False
    if horizon is not None and last >= horizon:  # the whole error rate is spent
        return monitoring is Monitoring.ALWAYS_VALID and total >= last * (1 + STEP)
    arrived = horizon is not None and total >= horizon
    return ending or arrived or total >= last + STEP * (horizon if horizon is not None else last)


def fewest_units(plan: AnalysisPlan, monitoring: Monitoring, shares: Sequence[float]) -> list[int]:
    """Return how many units each variant needs before a look is judged: 100, or half its share of a small horizon."""
    if monitoring is Monitoring.FIXED:
        return [1] * len(shares)
    if plan.horizon is None:
        return [FEWEST_UNITS] * len(shares)
    return [max(2, min(FEWEST_UNITS, int(plan.horizon * share / 2))) for share in shares]
