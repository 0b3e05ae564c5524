"""Planning an experiment's size before it starts."""

import math
from dataclasses import dataclass

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.plan import check_between, check_sureness
from omniforge_graph.domain.power import MAX_PLANNED_UNITS, whole_units
from omniforge_graph.errors import ValidationError

MAX_VARIANTS = 100


@dataclass(frozen=True, slots=True)
class SampleSizePlan:
    """Units for each variant and for all, days to collect them (None without daily units), and what was assumed."""

    units_per_variant: int
    total_units: int
    days: int | None
    assumptions: tuple[str, ...]


def plan_sample_size(
    kind: MetricKind,
    baseline: float,
    minimum_detectable_effect: float,
    *,
    relative: bool = False,
    standard_deviation: float | None = None,
    power: float = 0.8,
    confidence_level: float = 0.95,
    variants: int = 2,
    daily_units: float | None = None,
) -> SampleSizePlan:
    """Plan how many units each of equally large variants needs, every treatment being compared with the control.

    `minimum_detectable_effect` is in the metric's unit or, when `relative`, a share of the baseline; a negative one is
    a decrease. Several treatments share the error rate (Bonferroni).

    Raises:
        ValidationError: an input is out of its range; `path` names it as GraphQL clients write it.
    """
    _check_plan(kind, baseline, minimum_detectable_effect, standard_deviation, variants, daily_units)
    check_sureness(power, 0, "power")
    check_sureness(confidence_level, 0.5, "confidenceLevel")
    if relative and baseline == 0:
        raise ValidationError(
            "baseline is 0, and a share of 0 is 0: give minimumDetectableEffect in the metric's unit, relative: false.",
            path=("baseline",),
        )
    change = minimum_detectable_effect * (abs(baseline) if relative else 1.0)
    treatments = variants - 1
    alpha = (1 - confidence_level) / treatments
    units = whole_units(kind, baseline, change, standard_deviation or 0.0, alpha, power, variants)
    total = units * variants
    days = None if daily_units is None else _days(total, daily_units)
    what = "rate" if kind is MetricKind.BINARY else "mean"
    assumptions = [
        f"The smallest effect worth detecting takes the control's {what} from {baseline:g} to {baseline + change:g}.",
        f"A two-sided test at {confidence_level:.4g} confidence finds it with probability {power:g}.",
        "The variants get equal shares, each unit counts once, and the results are judged once, at the end.",
    ]
    if kind is not MetricKind.BINARY:
        assumptions.append(f"Units differ with a standard deviation of {standard_deviation:g} in every variant.")
    if treatments > 1:
        assumptions.append(f"{treatments} treatments are compared with the control, each at alpha {alpha:.3g}.")
    if daily_units is not None:
        assumptions.append(f"{daily_units:g} units that were not seen before arrive each day.")
    return SampleSizePlan(units, total, days, tuple(assumptions))


def _days(total: int, daily_units: float) -> int:
    days = total / daily_units
    if not days <= MAX_PLANNED_UNITS:
        raise ValidationError(f"dailyUnits {daily_units:g} is too few ever to finish.", path=("dailyUnits",))
    return math.ceil(days)


def _check_plan(
    kind: MetricKind,
    baseline: float,
    effect: float,
    standard_deviation: float | None,
    variants: int,
    daily_units: float | None,
) -> None:
    if not math.isfinite(baseline) or (kind is MetricKind.BINARY and not 0 <= baseline <= 1):
        wanted = "a rate from 0 to 1" if kind is MetricKind.BINARY else "a finite number"
        raise ValidationError(f"baseline must be {wanted}, not {baseline:g}.", path=("baseline",))
    if not math.isfinite(effect) or effect == 0:
        raise ValidationError(
            f"minimumDetectableEffect must be a finite number other than 0, not {effect:g}.",
            path=("minimumDetectableEffect",),
        )
    if kind is not MetricKind.BINARY and standard_deviation is None:
        raise ValidationError(f"standardDeviation is needed for a {kind} metric.", path=("standardDeviation",))
    if standard_deviation is not None:
        check_between(standard_deviation, 0, math.inf, "standardDeviation")
    if not 2 <= variants <= MAX_VARIANTS:
        raise ValidationError(f"variants must be from 2 to {MAX_VARIANTS}, not {variants}.", path=("variants",))
    if daily_units is not None:
        check_between(daily_units, 0, math.inf, "dailyUnits")
