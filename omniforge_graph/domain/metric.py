"""Metrics: what is measured for a unit, how its outcomes become one value, and which direction is better."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from omniforge_graph.domain.text import MAX_DESCRIPTION, clean_key, clean_text
from omniforge_graph.errors import ValidationError

MAX_ABSOLUTE_VALUE = 1e15
"""Beyond this a double no longer tells neighbouring integers apart once they are summed."""
MAX_COVARIATES = 5


class MetricKind(StrEnum):
    """What the values of a metric are.

    RATIO compares a sum over units with another one, such as cost per request. QUANTILE compares a quantile of the
    units' values, such as the 90th percentile of latency.
    """

    BINARY = "BINARY"
    CONTINUOUS = "CONTINUOUS"
    COUNT = "COUNT"
    RATIO = "RATIO"
    QUANTILE = "QUANTILE"


class Direction(StrEnum):
    """Whether a larger value is good news."""

    HIGHER_IS_BETTER = "HIGHER_IS_BETTER"
    LOWER_IS_BETTER = "LOWER_IS_BETTER"


class Aggregation(StrEnum):
    """How the outcomes of one unit become its single value.

    ANY: 1 if any outcome is 1, else 0. SUM: the total, 0 without outcomes. MEAN: the mean, and a unit without
    outcomes is left out of this metric. NUMBER: how many outcomes there were, whatever their values.
    """

    ANY = "ANY"
    SUM = "SUM"
    MEAN = "MEAN"
    NUMBER = "NUMBER"


ALLOWED_AGGREGATIONS = {
    MetricKind.BINARY: (Aggregation.ANY,),
    MetricKind.CONTINUOUS: (Aggregation.SUM, Aggregation.MEAN),
    MetricKind.COUNT: (Aggregation.SUM, Aggregation.MEAN, Aggregation.NUMBER),
    MetricKind.RATIO: (Aggregation.SUM,),
    MetricKind.QUANTILE: (Aggregation.MEAN, Aggregation.SUM),
}
"""The aggregations that suit each kind; the first is the default."""


@dataclass(frozen=True, slots=True)
class Cap:
    """Winsorising: unit values beyond a bound count as the bound.

    Give bounds in the metric's unit, or `percentile`, such as 0.99: the value below which that share of the units of
    all variants lies, whatever their variant, becomes the upper bound.
    """

    lower: float | None = None
    upper: float | None = None
    percentile: float | None = None

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            bound = getattr(self, name)
            if bound is not None and not abs(bound) <= MAX_ABSOLUTE_VALUE:
                raise ValidationError(f"{name} must be a finite number.", path=("cap", name))
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ValidationError("lower must be less than upper.", path=("cap", "lower"))
        if self.percentile is not None and not 0.5 < self.percentile < 1:
            raise ValidationError("percentile must lie between 0.5 and 1, such as 0.99.", path=("cap", "percentile"))
        if self.percentile is not None and self.upper is not None:
            raise ValidationError("Give upper or percentile, not both.", path=("cap", "percentile"))
        if self.lower is None and self.upper is None and self.percentile is None:
            raise ValidationError("A cap needs lower, upper or percentile.", path=("cap",))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's key, the kind of its values, the better direction and how a unit's outcomes are combined.

    `aggregation` defaults so that every exposed unit counts (ANY for BINARY, SUM otherwise), but for QUANTILE, which
    takes each unit's MEAN; MEAN is for values that are absent rather than zero when nobody gave them, such as ratings.

    A RATIO divides the units' outcomes of the metric `numerator` (its own, unless given) by those of the metric
    `denominator` (the number of the numerator's outcomes, unless given): without either it is the mean per outcome.
    `quantile` is for QUANTILE, between 0 and 1. `cap` limits unit values. `covariates` are keys of metrics, often its
    own, whose outcomes before the exposure explain part of the variance (CUPED).
    """

    key: str
    kind: MetricKind = MetricKind.BINARY
    direction: Direction = Direction.HIGHER_IS_BETTER
    aggregation: Aggregation | None = None
    description: str = ""
    numerator: str | None = None
    denominator: str | None = None
    quantile: float | None = None
    cap: Cap | None = None
    covariates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        clean_key(self.key, ("key",))
        clean_text(self.description, ("description",), maximum=MAX_DESCRIPTION, required=False)
        allowed = ALLOWED_AGGREGATIONS[self.kind]
        chosen = self.aggregation or allowed[0]
        if chosen not in allowed:
            raise ValidationError(
                f"Aggregation {chosen} does not suit a {self.kind} metric; {' or '.join(allowed)} does.",
                path=("aggregation",),
            )
        object.__setattr__(self, "aggregation", chosen)
        self._check_ratio()
        self._check_quantile()
        if self.cap is not None and self.kind in (MetricKind.BINARY, MetricKind.QUANTILE):
            raise ValidationError(f"A {self.kind} metric has nothing to cap; leave cap out.", path=("cap",))
        self._check_covariates()

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is good news."""
        return self.direction is Direction.HIGHER_IS_BETTER

    @property
    def judged_kind(self) -> MetricKind:
        """The kind a test meets: adjusted by covariates, values of 0 and 1 are no longer such."""
        return MetricKind.CONTINUOUS if self.covariates and self.kind is MetricKind.BINARY else self.kind

    @property
    def as_judged(self) -> "Metric":
        """The metric as a test meets it."""
        return self if self.judged_kind is self.kind else Metric(self.key, self.judged_kind, self.direction)

    @property
    def takes_outcomes(self) -> bool:
        """Whether outcomes are recorded under its own key; a RATIO of other metrics has none."""
        return self.numerator is None or self.numerator == self.key

    def value_problem(self, value: float) -> str | None:
        """Return why `value` cannot be an outcome of this metric, or None if it can."""
        if not self.takes_outcomes:
            return f"{self.key} is the RATIO of other metrics: record {self.numerator} instead."
        if not math.isfinite(value):
            return "value must be a finite number."
        if abs(value) > MAX_ABSOLUTE_VALUE:
            return f"value must lie within ±{MAX_ABSOLUTE_VALUE:g}."
        if self.kind is MetricKind.BINARY and value not in (0, 1):
            return f"{self.key} is BINARY: value must be 0 or 1, not {value:g}."
        if self.kind is MetricKind.COUNT and (value < 0 or value != int(value)):
            return f"{self.key} is a COUNT: value must be a whole number from 0 up, not {value:g}."
        return None

    def takes(self, values: Sequence[float]) -> bool:
        """Whether every one of the values can be an outcome of this metric, found out for all at once."""
        if not values:
            return True
        # Whatever is not finite makes the sum so; of what is left, the extremes speak for all.
        if not self.takes_outcomes or not math.isfinite(sum(values)):
            return False
        least, most = min(values), max(values)
        if least < -MAX_ABSOLUTE_VALUE or most > MAX_ABSOLUTE_VALUE:
            return False
        if self.kind is MetricKind.BINARY:
            return set(values) <= {0, 1}
        if self.kind is MetricKind.COUNT:
            return least >= 0 and all(map(float.is_integer, values))
        return True

    def _check_ratio(self) -> None:
        for name in ("numerator", "denominator"):
            key = getattr(self, name)
            if key is None:
                continue
            if self.kind is not MetricKind.RATIO:
                raise ValidationError(f"Only a RATIO metric has a {name}; {self.key} is {self.kind}.", path=(name,))
            clean_key(key, (name,))
        if self.denominator is not None and self.denominator == (self.numerator or self.key):
            raise ValidationError("numerator and denominator must be different metrics.", path=("denominator",))

    def _check_quantile(self) -> None:
        if self.kind is not MetricKind.QUANTILE:
            if self.quantile is not None:
                raise ValidationError(
                    f"Only a QUANTILE metric has a quantile; {self.key} is {self.kind}.", path=("quantile",)
                )
            return
        if self.quantile is None or not 0 < self.quantile < 1:
            raise ValidationError(
                "A QUANTILE metric needs a quantile between 0 and 1, such as 0.9.", path=("quantile",)
            )

    def _check_covariates(self) -> None:
        if not self.covariates:
            return
        if self.kind is MetricKind.QUANTILE:
            raise ValidationError("A QUANTILE metric cannot be adjusted by covariates.", path=("covariates",))
        if len(self.covariates) > MAX_COVARIATES or len(set(self.covariates)) < len(self.covariates):
            raise ValidationError(f"At most {MAX_COVARIATES} covariates, each once.", path=("covariates",))
        for place, key in enumerate(self.covariates):
            clean_key(key, ("covariates", place))
        object.__setattr__(self, "covariates", tuple(self.covariates))
