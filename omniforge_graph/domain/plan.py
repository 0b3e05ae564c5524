"""What an experiment fixes before it starts: how traffic is split and how the results will be judged."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from omniforge_graph.domain.bucketing import HashAlgorithm, check_seed
from omniforge_graph.domain.metric import MAX_ABSOLUTE_VALUE, MetricKind
from omniforge_graph.domain.shares import Phase
from omniforge_graph.domain.text import clean_json, clean_key
from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.spending import Spending, SpendingKind

DEFAULT_STRATEGY = "weighted"
DEFAULT_MINIMUM_EFFECT = 0.2
"""Relative: a fifth more or less than the control. Prompt changes rarely matter to a team below that."""
MAX_PLANNED_UNITS = 2**31 - 1
"""Plans beyond two billion units are refused: no experiment on prompts has them."""
MAX_GUARDRAILS = 20
MAX_GOALS = 10


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
        below = "finite" if high == math.inf else f"below {high:g}"
        raise ValidationError(f"{name} must be above {low:g} and {below}, not {value:g}.", path=(name,))


def check_spending(kind: SpendingKind, parameter: float | None) -> None:
    """Refuse a spending function's parameter that it does not have or that is out of its range."""
    try:
        Spending(kind, parameter)
    except ValidationError as problem:
        name = "spendingParameter"
        raise ValidationError(problem.message.replace("parameter", name, 1), path=(name,)) from None


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


class Monitoring(StrEnum):
    """How often the results may be looked at and acted upon.

    FIXED: once, when the horizon is reached. GROUP_SEQUENTIAL: often, until a planned horizon (Lan & DeMets 1983).
    ALWAYS_VALID: at any time, with no end planned (Waudby-Smith et al. 2021).
    """

    FIXED = "FIXED"
    GROUP_SEQUENTIAL = "GROUP_SEQUENTIAL"
    ALWAYS_VALID = "ALWAYS_VALID"


class Correction(StrEnum):
    """How the p-values of a family of comparisons are adjusted for their number.

    HOLM holds the chance of any false finding; BENJAMINI_HOCHBERG the share of false ones among the findings; NONE
    leaves them as they are.
    """

    HOLM = "HOLM"
    BENJAMINI_HOCHBERG = "BENJAMINI_HOCHBERG"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse by `margin` or more: a treatment ships only once that is shown.

    The margin is a share of the control's mean, or absolute in the metric's unit when `relative` is false.
    """

    metric: str
    margin: float
    relative: bool = True

    def __post_init__(self) -> None:
        clean_key(self.metric, ("metric",))
        check_between(self.margin, 0, 1 if self.relative else MAX_ABSOLUTE_VALUE, "margin")


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """How the results will be judged: set before the start, locked from then on.

    `test` None lets the plugins choose by the metric. `minimum_effect` is the smallest difference worth detecting:
    relative to the control's mean, or absolute in the metric's unit when `relative` is false; with `power` and
    `confidence_level` it decides how many units suffice.

    `horizon` is the number of units, of all variants together, at which the experiment is planned to end. Without
    `monitoring` it is GROUP_SEQUENTIAL where there is a horizon and ALWAYS_VALID where there is none: both are safe to
    look at every day. `spending` and `spending_parameter` say how group sequential looks spend the error rate.

    `goals` are further metrics that decide together with the success metric; `correction` adjusts the family of goals
    and treatments. `guardrails` must not get worse. All other metrics are secondary: they decide nothing, and
    Benjamini and Hochberg's procedure adjusts them.
    """

    test: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    confidence_level: float = 0.95
    power: float = 0.8
    minimum_effect: float = DEFAULT_MINIMUM_EFFECT
    relative: bool = True
    monitoring: Monitoring | None = None
    horizon: int | None = None
    spending: SpendingKind = SpendingKind.OBRIEN_FLEMING
    spending_parameter: float | None = None
    correction: Correction = Correction.HOLM
    goals: tuple[str, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()

    def __post_init__(self) -> None:
        check_sureness(self.confidence_level, 0.5, "confidenceLevel")
        check_sureness(self.power, 0, "power")
        check_between(self.minimum_effect, 0, math.inf, "minimumEffect")
        object.__setattr__(self, "options", clean_json(self.options, ("options",)))
        object.__setattr__(self, "goals", tuple(self.goals))
        object.__setattr__(self, "guardrails", tuple(self.guardrails))
        if self.horizon is not None and not 1 <= self.horizon <= MAX_PLANNED_UNITS:
            raise ValidationError(
                f"horizon must be from 1 to {MAX_PLANNED_UNITS:,} units, not {self.horizon:,}.", path=("horizon",)
            )
        if self.monitoring is Monitoring.GROUP_SEQUENTIAL and self.horizon is None:
            raise ValidationError(
                "GROUP_SEQUENTIAL needs a horizon, the units of all variants at which to end; plan one with "
                "the query `sampleSize` or the command `omniforge-graph plan`, or choose ALWAYS_VALID.",
                path=("horizon",),
            )
        check_spending(self.spending, self.spending_parameter)
        self._check_roles()

    @property
    def looks_allowed(self) -> Monitoring:
        """The monitoring in force."""
        if self.monitoring is not None:
            return self.monitoring
        return Monitoring.ALWAYS_VALID if self.horizon is None else Monitoring.GROUP_SEQUENTIAL

    @property
    def alpha(self) -> float:
        """The two-sided error rate, 1 - confidence level."""
        return 1 - self.confidence_level

    @property
    def spender(self) -> Spending:
        """How group sequential looks spend the error rate."""
        return Spending(self.spending, self.spending_parameter)

    def _check_roles(self) -> None:
        if len(self.goals) > MAX_GOALS:
            raise ValidationError(f"At most {MAX_GOALS} goals; {len(self.goals)} were given.", path=("goals",))
        if len(self.guardrails) > MAX_GUARDRAILS:
            raise ValidationError(
                f"At most {MAX_GUARDRAILS} guardrails; {len(self.guardrails)} were given.", path=("guardrails",)
            )
        taken: set[str] = set()
        places: list[tuple[tuple[str | int, ...], str]] = [
            (("goals", place), key) for place, key in enumerate(self.goals)
        ]
        places += [(("guardrails", place, "metric"), each.metric) for place, each in enumerate(self.guardrails)]
        for path, key in places:
            if key in taken:
                raise ValidationError(f"{key!r} has a role in the plan twice.", path=path)
            taken.add(key)
