"""What an experiment fixes before it starts: how traffic is split and how the results will be judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omniforge_graph.domain.bucketing import HashAlgorithm, check_seed
from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.shares import Phase
from omniforge_graph.domain.text import clean_json
from omniforge_graph.errors import ValidationError

DEFAULT_STRATEGY = "weighted"
DEFAULT_MINIMUM_EFFECT = 0.2
"""Relative: a fifth more or less than the control. Prompt changes rarely matter to a team below that."""


def usual_test(kind: MetricKind) -> str:
    """Return the name of the test that judges a kind of metric when neither a plan nor a plugin names another."""
    return "z_test" if kind is MetricKind.BINARY else "welch_t"


SUREST = 1 - 1e-6
"""The highest confidence level and power: nobody's data can back a claim beyond that."""


def check_sureness(value: float, low: float, name: str) -> None:
    """Refuse a confidence level or a power that is not above `low` and at most one in a million short of certainty."""
    if not low < value <= SUREST:
        raise ValidationError(f"{name} must lie above {low:g} and be at most {SUREST}, not {value:g}.", path=(name,))


def check_between(value: float, low: float, high: float, name: str) -> None:
    """Refuse a number outside the open interval (low, high), NaN included."""
    if not low < value < high:
        raise ValidationError(f"{name} must lie between {low:g} and {high:g}, not {value:g}.", path=(name,))


@dataclass(frozen=True, slots=True)
class AllocationPlan:
    """The strategy, and everything that decides where a unit falls. Never implied by the code."""

    seed: str
    phases: tuple[Phase, ...]
    strategy: str = DEFAULT_STRATEGY
    options: Mapping[str, Any] = field(default_factory=dict)
    hash_algorithm: HashAlgorithm = HashAlgorithm.XXH3_64

    def __post_init__(self) -> None:
        check_seed(self.seed)
        object.__setattr__(self, "options", clean_json(self.options, ("allocation", "options")))

    @property
    def phase(self) -> Phase:
        """The phase in force."""
        return self.phases[-1]


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """How the results will be judged.

    `test` None lets the plugins choose by the metric. `minimum_effect` is the smallest difference worth detecting:
    relative to the control's mean, or absolute in the metric's unit when `relative` is false; with `power` and
    `confidence_level` it decides how many units suffice.
    """

    test: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    confidence_level: float = 0.95
    power: float = 0.8
    minimum_effect: float = DEFAULT_MINIMUM_EFFECT
    relative: bool = True

    def __post_init__(self) -> None:
        check_sureness(self.confidence_level, 0.5, "confidenceLevel")
        check_sureness(self.power, 0, "power")
        check_between(self.minimum_effect, 0, float("inf"), "minimumEffect")
        object.__setattr__(self, "options", clean_json(self.options, ("options",)))
