"""What is known of an experiment before it starts, when its size is planned."""

import math
from dataclasses import dataclass
from enum import StrEnum

from omniforge_graph.domain.metric import MAX_ABSOLUTE_VALUE, Direction, MetricKind
from omniforge_graph.domain.plan import Monitoring, check_between, check_spending, check_sureness
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.spending import Spending, SpendingKind

MAX_VARIANTS = 100
MAX_LOOKS = 200
USUAL_LOOKS = {Monitoring.FIXED: 1, Monitoring.GROUP_SEQUENTIAL: 10, Monitoring.ALWAYS_VALID: 50}
"""Looks that a plan assumes unless told; 50 stand for watching all the time."""


class Distribution(StrEnum):
    """What the values are taken to be distributed like around a quantile."""

    NORMAL = "NORMAL"
    LOGNORMAL = "LOGNORMAL"


@dataclass(frozen=True, slots=True)
class RatioSpread:
    """How units differ in what a RATIO divides: the denominator's mean, both deviations and their correlation."""

    denominator_mean: float
    numerator_deviation: float
    denominator_deviation: float
    correlation: float = 0.0

    def __post_init__(self) -> None:
        for name in ("denominator_mean", "numerator_deviation", "denominator_deviation"):
            value, least = getattr(self, name), -math.inf if name == "denominator_mean" else 0.0
            if not (abs(value) <= MAX_ABSOLUTE_VALUE and value >= least) or (name == "denominator_mean" and value == 0):
                wanted = "a number other than 0" if name == "denominator_mean" else "0 or more"
                field = _camel_case(name)
                raise ValidationError(f"{field} must be {wanted}, not {value:g}.", path=("spread", field))
        if not -1 <= self.correlation <= 1:
            raise ValidationError(
                f"correlation must lie between -1 and 1, not {self.correlation:g}.", path=("spread", "correlation")
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """An experiment to be planned: the control's numbers, how sure to be, how traffic is split, when to look.

    `baseline` is the control's mean; for BINARY its rate, for RATIO the ratio, for QUANTILE the quantile. `relative`
    makes effects and the margin shares of it.

    `standard_deviation` is that of the units' values, needed but for BINARY. A RATIO takes the deviation of its
    linearised value instead, or a `spread`. A QUANTILE takes it for NORMAL values; for LOGNORMAL ones it is that of
    their natural logarithms; `density`, the share of units per unit of the metric around the quantile, needs neither.

    With a `margin` the study is to show that the treatments are not worse than the control by that much: one-sided, at
    an error rate of 1 - confidence level, each treatment on its own, as guardrails are judged. Else every treatment is
    compared with the control and they share the error rate (Bonferroni). `sides` 1 looks for the better direction only.

    `shares` are the variants', the control's first, in any scale; equal unless given. `covariate_correlation` is that
    of the values with what is known before (CUPED). `looks` are those planned, spread evenly. `daily_units` are new
    units per day over all variants. Raises ValidationError, whose path names the field as GraphQL clients write it.
    """

    kind: MetricKind
    baseline: float
    relative: bool = False
    direction: Direction = Direction.HIGHER_IS_BETTER
    standard_deviation: float | None = None
    spread: RatioSpread | None = None
    quantile: float | None = None
    density: float | None = None
    distribution: Distribution = Distribution.NORMAL
    covariate_correlation: float = 0.0
    margin: float | None = None
    sides: int = 2
    power: float = 0.8
    confidence_level: float = 0.95
    variants: int = 2
    shares: tuple[float, ...] | None = None
    monitoring: Monitoring = Monitoring.FIXED
    looks: int | None = None
    spending: SpendingKind = SpendingKind.OBRIEN_FLEMING
    spending_parameter: float | None = None
    daily_units: float | None = None

    def __post_init__(self) -> None:
        _check_baseline(self)
        _check_spread(self)
        check_sureness(self.power, 0, "power")
        check_sureness(self.confidence_level, 0.5, "confidenceLevel")
        _check_traffic(self)
        _check_looks(self)
        if self.sides not in (1, 2):
            raise ValidationError(f"sides must be 1 or 2, not {self.sides}.", path=("sides",))
        if self.margin is not None:
            check_between(self.margin, 0, 1 if self.relative or self.kind is MetricKind.BINARY else math.inf, "margin")

    @property
    def sign(self) -> float:
        """1 where higher is better, else -1."""
        return 1.0 if self.direction is Direction.HIGHER_IS_BETTER else -1.0

    @property
    def treatments(self) -> int:
        """How many variants are compared with the control."""
        return self.variants - 1

    @property
    def tails(self) -> int:
        """The sides of each test."""
        return self.sides if self.margin is None else 1

    @property
    def alpha(self) -> float:
        """The error rate of each comparison."""
        return (1 - self.confidence_level) / (self.treatments if self.margin is None else 1)

    @property
    def fractions(self) -> tuple[float, ...]:
        """The share of each variant, the control's first; they add up to 1."""
        if self.shares is None:
            return (1 / self.variants,) * self.variants
        whole = math.fsum(self.shares)
        return tuple(share / whole for share in self.shares)

    @property
    def planned_looks(self) -> int:
        """How often the results are looked at."""
        return USUAL_LOOKS[self.monitoring] if self.looks is None else self.looks

    @property
    def spender(self) -> Spending:
        """How group sequential looks spend the error rate."""
        return Spending(self.spending, self.spending_parameter)

    @property
    def unexplained(self) -> float:
        """The share of the variance that the covariate leaves (Deng et al. 2013)."""
        return 1 - self.covariate_correlation**2

    def absolute(self, effect: float) -> float:
        """Return an effect or a margin in the metric's unit."""
        return effect * abs(self.baseline) if self.relative else effect


def _check_baseline(study: Study) -> None:
    baseline, binary = study.baseline, study.kind is MetricKind.BINARY
    if not abs(baseline) <= MAX_ABSOLUTE_VALUE or (binary and not 0 <= baseline <= 1):
        wanted = "a rate from 0 to 1" if binary else f"a number within ±{MAX_ABSOLUTE_VALUE:g}"
        raise ValidationError(f"baseline must be {wanted}, not {baseline:g}.", path=("baseline",))
    if study.relative and baseline == 0:
        raise ValidationError(
            "baseline is 0, and a share of 0 is 0: give effects in the metric's unit, relative: false.",
            path=("baseline",),
        )


def _check_spread(study: Study) -> None:
    kind = study.kind
    for name, value in (("standardDeviation", study.standard_deviation), ("density", study.density)):
        if value is not None:
            check_between(value, 0, MAX_ABSOLUTE_VALUE, name)
    for name, given, its in (
        ("spread", study.spread is not None, MetricKind.RATIO),
        ("quantile", study.quantile is not None, MetricKind.QUANTILE),
        ("density", study.density is not None, MetricKind.QUANTILE),
    ):
        if given and kind is not its:
            raise ValidationError(f"{name} is for a {its} metric, not {kind}.", path=(name,))
    known = (study.standard_deviation, study.spread, study.density)
    if kind is not MetricKind.BINARY and all(each is None for each in known):
        instead = {MetricKind.RATIO: " or spread", MetricKind.QUANTILE: " or density"}.get(kind, "")
        raise ValidationError(f"standardDeviation{instead} is needed for a {kind} metric.", path=("standardDeviation",))
    check_between(study.covariate_correlation, -1, 1, "covariateCorrelation")
    if kind is MetricKind.QUANTILE:
        _check_quantile(study)


def _check_quantile(study: Study) -> None:
    if study.quantile is None:
        raise ValidationError("quantile is needed for a QUANTILE metric, such as 0.9.", path=("quantile",))
    check_between(study.quantile, 0, 1, "quantile")
    if study.density is None and study.distribution is Distribution.LOGNORMAL and not study.baseline > 0:
        raise ValidationError("baseline must be above 0 where values are LOGNORMAL.", path=("baseline",))
    if study.covariate_correlation:
        raise ValidationError("A QUANTILE metric cannot be adjusted by covariates.", path=("covariateCorrelation",))


def _check_traffic(study: Study) -> None:
    if not 2 <= study.variants <= MAX_VARIANTS:
        raise ValidationError(f"variants must be from 2 to {MAX_VARIANTS}, not {study.variants}.", path=("variants",))
    if study.daily_units is not None:
        check_between(study.daily_units, 0, math.inf, "dailyUnits")
    if study.shares is None:
        return
    if len(study.shares) != study.variants:
        raise ValidationError(
            f"shares must be one for each of the {study.variants} variants, the control's first.", path=("shares",)
        )
    for place, share in enumerate(study.shares):
        if not (math.isfinite(share) and share > 0):
            raise ValidationError(f"shares must be above 0, not {share:g}.", path=("shares", place))
    if not max(study.shares) <= 1e4 * min(study.shares):
        raise ValidationError("shares must not differ by more than a factor of 10,000.", path=("shares",))


def _check_looks(study: Study) -> None:
    check_spending(study.spending, study.spending_parameter)
    if study.looks is None:
        return
    if study.monitoring is Monitoring.FIXED:
        raise ValidationError(
            "looks are for GROUP_SEQUENTIAL and ALWAYS_VALID monitoring; FIXED looks once.", path=("looks",)
        )
    if not 1 <= study.looks <= MAX_LOOKS:
        raise ValidationError(f"looks must be from 1 to {MAX_LOOKS}, not {study.looks}.", path=("looks",))


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.title() for each in rest)
