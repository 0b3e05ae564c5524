"""Planning an experiment's size before it starts: units for an effect, or what the units at hand can do."""

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from omniforge_graph.domain.assumptions import assumptions_of
from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.plan import MAX_PLANNED_UNITS
from omniforge_graph.domain.single_look import SingleLook
from omniforge_graph.domain.study import Study
from omniforge_graph.domain.watching import looking_power, looking_size
from omniforge_graph.errors import ValidationError

FEWEST_UNITS = 2
"""Units a variant needs to have any variation."""
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class SampleSizePlan:
    """A plan: units, and what they can do.

    `units_per_variant` are those of the smallest variant, of each where shares are equal; `variant_units` those of each
    in order. `days` is None without daily units. `power` is reached for `effect`, treatment minus control in the
    metric's unit; `relative_effect` is its share of the baseline, None for a baseline of 0. `inflation` says how many
    times the units of a single look are needed at most, `expected_units` how many to expect until a decision if the
    effect is real (None for a single look, and where the power is not the study's). `assumptions` tell people what the
    answer rests on.
    """

    units_per_variant: int
    variant_units: tuple[int, ...]
    total_units: int
    days: int | None
    effect: float
    relative_effect: float | None
    power: float
    inflation: float
    expected_units: int | None
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The smallest effect that is found after some days, with the units of all variants until then."""

    days: int
    total_units: int
    effect: float
    relative_effect: float | None


def plan_sample_size(
    study: Study,
    minimum_detectable_effect: float | None = None,
    *,
    total_units: int | None = None,
    days: float | None = None,
) -> SampleSizePlan:
    """Plan a study: the units that an effect takes; with units given, the power for it or the smallest effect found.

    Args:
        study: what is known beforehand.
        minimum_detectable_effect: the smallest effect worth finding, in the metric's unit or, if the study is
            relative, a share of the baseline; a negative one is a decrease. With a margin it is the effect the
            treatments are taken to have, 0 unless given.
        total_units: the units at hand, of all variants.
        days: instead of them, how long units may arrive.

    Raises:
        ValidationError: something is out of its range or cannot be had; `path` names it as GraphQL clients write it.
    """
    given = _units_at_hand(study, total_units, days)
    if minimum_detectable_effect is None and study.margin is None:
        if given is None:
            raise ValidationError(
                "minimumDetectableEffect is needed to plan units; without it give totalUnits, or days and dailyUnits.",
                path=("minimumDetectableEffect",),
            )
        return _plan(study, detectable_effect(study, given), study.power, _shared_out(study, given, math.floor))
    effect = _checked_effect(study, minimum_detectable_effect or 0.0)
    if given is not None:
        return _plan(study, effect, achieved_power(study, effect, given), _shared_out(study, given, math.floor))
    return _plan(study, effect, study.power, _shared_out(study, _required_total(study, effect), math.ceil))


def effects_by_day(study: Study, days: Iterable[int]) -> tuple[DayPlan, ...]:
    """Return the smallest effect that is found after each number of days; days on which none is are left out.

    Raises ValidationError without daily units, and with a margin.
    """
    if study.daily_units is None:
        raise ValidationError("dailyUnits is needed to know what days bring.", path=("dailyUnits",))
    if study.margin is not None:
        raise ValidationError("margin leaves no smallest effect to look for.", path=("margin",))
    found = []
    for day in days:
        units = day * study.daily_units
        if not FEWEST_UNITS * study.variants <= units <= MAX_PLANNED_UNITS:
            continue
        with suppress(ValidationError):  # too few units to find any effect
            effect = detectable_effect(study, units)
            found.append(DayPlan(day, math.floor(units), effect, _relative(study, effect)))
    return tuple(found)


def achieved_power(study: Study, effect: float, total_units: float) -> float:
    """Return the power of the weakest comparison for an absolute effect."""
    size, reached = looking_size(study), []
    for look in _looks(study):
        units = total_units * study.fractions[0]
        information = units / look.units(effect) if size is not None else 1.0
        reached.append(looking_power(study, look.power(effect, units), information))
    return min(1.0, max(0.0, min(reached)))


def detectable_effect(study: Study, total_units: float) -> float:
    """Return the smallest absolute effect in the better direction that every comparison finds with the power."""
    size = looking_size(study)
    units = total_units * study.fractions[0] / (1.0 if size is None else size.inflation)
    effects = [look.detectable(units) for look in _looks(study)]
    effect = max(effects, key=abs)
    if any(math.isnan(each) for each in effects) or not abs(effect) < math.inf:
        raise ValidationError(
            f"totalUnits {total_units:,.0f} are too few to find any effect with power {study.power:g}.",
            path=("totalUnits",),
        )
    return effect


def _looks(study: Study) -> Iterable[SingleLook]:
    """Return the comparisons that differ: treatments of one share need the same."""
    control, *treatments = study.fractions
    return [SingleLook(study, share / control) for share in dict.fromkeys(treatments)]


def _required_total(study: Study, effect: float) -> float:
    """Return the units of all variants, not rounded."""
    size = looking_size(study)
    factor = 1.0 if size is None else size.inflation
    total = max(look.units(effect) for look in _looks(study)) * factor / study.fractions[0]
    if not total <= MAX_PLANNED_UNITS:
        if study.margin is not None:
            raise ValidationError(
                "margin is too small: more than two billion units would be needed to show that a treatment with this "
                "minimumDetectableEffect is within it; choose a larger margin.",
                path=("margin",),
            )
        raise ValidationError(
            "minimumDetectableEffect is so small that more than two billion units would be needed; "
            "choose a larger effect.",
            path=("minimumDetectableEffect",),
        )
    return total


def _shared_out(study: Study, total: float, whole: Callable[[float], int]) -> tuple[int, ...]:
    slack = _ROUNDING if whole is math.floor else -_ROUNDING
    return tuple(max(whole(total * share + slack), FEWEST_UNITS) for share in study.fractions)


def _plan(study: Study, effect: float, power: float, variant_units: tuple[int, ...]) -> SampleSizePlan:
    size, total, expected = looking_size(study), sum(variant_units), None
    if size is not None and power == study.power:
        expected = math.ceil(total * size.expected_with_effect / size.inflation)
    return SampleSizePlan(
        units_per_variant=min(variant_units),
        variant_units=variant_units,
        total_units=total,
        days=None if study.daily_units is None else _days(total, study.daily_units),
        effect=effect,
        relative_effect=_relative(study, effect),
        power=power,
        inflation=1.0 if size is None else size.inflation,
        expected_units=expected,
        assumptions=assumptions_of(study, effect, power),
    )


def _relative(study: Study, effect: float) -> float | None:
    return effect / abs(study.baseline) if study.baseline else None


def _days(total: int, daily_units: float) -> int:
    days = total / daily_units
    if not days <= MAX_PLANNED_UNITS:
        raise ValidationError(f"dailyUnits {daily_units:g} is too few ever to finish.", path=("dailyUnits",))
    return math.ceil(days - _ROUNDING)


def _units_at_hand(study: Study, total_units: int | None, days: float | None) -> float | None:
    units: float | None = total_units
    name = "totalUnits"
    if days is not None:
        if total_units is not None:
            raise ValidationError("Give totalUnits or days, not both.", path=("days",))
        if study.daily_units is None:
            raise ValidationError("dailyUnits is needed to know what days bring.", path=("dailyUnits",))
        units, name = days * study.daily_units, "days"
    if units is None:
        return None
    least = FEWEST_UNITS * study.variants
    if not least <= units <= MAX_PLANNED_UNITS:
        raise ValidationError(
            f"{name} must bring from {least} to {MAX_PLANNED_UNITS:,} units of all variants together.", path=(name,)
        )
    return units


def _checked_effect(study: Study, effect: float) -> float:
    """Return an effect in the metric's unit; refuse what cannot be."""
    path = ("minimumDetectableEffect",)
    if not math.isfinite(effect) or (effect == 0 and study.margin is None):
        raise ValidationError(
            f"minimumDetectableEffect must be a finite number other than 0, not {effect:g}.", path=path
        )
    absolute = study.absolute(effect)
    if study.kind is MetricKind.BINARY and not 0 <= study.baseline + absolute <= 1:
        raise ValidationError(
            f"minimumDetectableEffect would take the rate from {study.baseline:g} to {study.baseline + absolute:g}; "
            "it must stay between 0 and 1. A negative effect plans for a decrease.",
            path=path,
        )
    if study.margin is not None and study.sign * absolute <= -study.absolute(study.margin):
        raise ValidationError(
            "minimumDetectableEffect is as bad as the margin or worse: no number of units shows otherwise.", path=path
        )
    if absolute == 0 and study.margin is None:
        raise ValidationError("minimumDetectableEffect is too small a share of the baseline.", path=path)
    return absolute
