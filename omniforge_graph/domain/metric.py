"""Metrics: what is measured for a unit, and which direction is better."""

import math
from dataclasses import dataclass
from enum import StrEnum

from omniforge_graph.domain.text import MAX_DESCRIPTION, clean_key, clean_text
from omniforge_graph.errors import ValidationError

MAX_ABSOLUTE_VALUE = 1e15
"""Beyond this a double no longer tells neighbouring integers apart once they are summed."""


class MetricKind(StrEnum):
    """What the values of a metric are."""

    BINARY = "BINARY"
    CONTINUOUS = "CONTINUOUS"
    COUNT = "COUNT"


class Direction(StrEnum):
    """Whether a larger value is good news."""

    HIGHER_IS_BETTER = "HIGHER_IS_BETTER"
    LOWER_IS_BETTER = "LOWER_IS_BETTER"


class Aggregation(StrEnum):
    """How the outcomes of one unit become its single value.

    ANY: 1 if any outcome is 1, else 0. SUM: the total, 0 without outcomes. MEAN: the mean, and a unit without
    outcomes is left out of this metric.
    """

    ANY = "ANY"
    SUM = "SUM"
    MEAN = "MEAN"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's key, the kind of its values, the better direction and how a unit's outcomes are combined.

    `aggregation` defaults to ANY for BINARY and to SUM otherwise, so that every exposed unit counts; MEAN is for
    values that are absent rather than zero when nobody gave them, such as ratings.
    """

    key: str
    kind: MetricKind = MetricKind.BINARY
    direction: Direction = Direction.HIGHER_IS_BETTER
    aggregation: Aggregation | None = None
    description: str = ""

    def __post_init__(self) -> None:
        clean_key(self.key, ("key",))
        clean_text(self.description, ("description",), maximum=MAX_DESCRIPTION, required=False)
        natural = Aggregation.ANY if self.kind is MetricKind.BINARY else Aggregation.SUM
        chosen = self.aggregation or natural
        if (chosen is Aggregation.ANY) != (self.kind is MetricKind.BINARY):
            raise ValidationError(
                f"Aggregation {chosen} does not suit a {self.kind} metric: BINARY takes ANY, the others SUM or MEAN.",
                path=("aggregation",),
            )
        object.__setattr__(self, "aggregation", chosen)

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is good news."""
        return self.direction is Direction.HIGHER_IS_BETTER

    def value_problem(self, value: float) -> str | None:
        """Return why `value` cannot be an outcome of this metric, or None if it can."""
        if not math.isfinite(value):
            return "value must be a finite number."
        if abs(value) > MAX_ABSOLUTE_VALUE:
            return f"value must lie within ±{MAX_ABSOLUTE_VALUE:g}."
        if self.kind is MetricKind.BINARY and value not in (0, 1):
            return f"{self.key} is BINARY: value must be 0 or 1, not {value:g}."
        if self.kind is MetricKind.COUNT and (value < 0 or value != int(value)):
            return f"{self.key} is a COUNT: value must be a whole number from 0 up, not {value:g}."
        return None
