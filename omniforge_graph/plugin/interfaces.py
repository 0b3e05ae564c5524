"""The two classes a plugin author implements: a statistical test, an allocation strategy."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from omniforge_graph.domain.experiment import Variant
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.shares import WHOLE, Phase
from omniforge_graph.statistics.comparison import ComparisonArrays
from omniforge_graph.statistics.density import Density
from omniforge_graph.statistics.samples import SampleStatistics


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The typed options of a plugin: subclass it and declare fields with defaults.

    Users' options are checked against it, and the API shows its JSON schema. `msgspec.Meta` adds bounds and
    descriptions to a field.
    """


@dataclass(frozen=True, slots=True)
class ComparisonDesign:
    """What a test must know besides the numbers: the metric, which variant is the control, and how sure to be."""

    metric: Metric
    control: int = 0
    confidence_level: float = 0.95

    @property
    def alpha(self) -> float:
        """The two-sided error rate, 1 - confidence level."""
        return 1 - self.confidence_level


class StatisticalTest(ABC):
    """Compares every treatment with the control on unit-level sufficient statistics.

    A test is sync and pure: no I/O, no clock, no unseeded randomness. Poor data (no units, no variance) is a NaN with
    a flag, never an exception; it must not emit warnings either.
    """

    name: ClassVar[str]
    """What users write to choose it: letters, digits, underscores."""
    description: ClassVar[str]
    """One line for the list of plugins."""
    kinds: ClassVar[frozenset[MetricKind]] = frozenset(MetricKind)
    """The kinds of metric it can judge."""
    options_type: ClassVar[type[Options]] = Options
    """Its typed options."""
    sequential: ClassVar[bool] = False
    """Whether its p-values may be made safe for many looks: they rest on an estimate that is normal for large samples
    and that grows by adding units. If not, results are judged once, when the planned units have arrived."""

    @abstractmethod
    def compare(self, samples: SampleStatistics, design: ComparisonDesign, options: Any) -> ComparisonArrays:
        """Compare the treatments with the control.

        Args:
            samples: units, mean and variance with shape (*slices, variants).
            design: the metric, the control's index on the last axis, the confidence level.
            options: an instance of `options_type`.

        Returns:
            Arrays of shape (*slices, treatments), in variant order without the control.
        """

    def posterior_density(
        self,
        samples: SampleStatistics,  # noqa: ARG002
        design: ComparisonDesign,  # noqa: ARG002
        options: Any,  # noqa: ARG002
    ) -> Density | None:
        """Return the posterior density of each treatment's effect, in the metric's unit, to be drawn.

        None for a test without a posterior, which is what a test says unless it overrides this. Takes what `compare`
        takes; the shape of the curves is (*slices, treatments, points), NaN where there is no posterior.
        """
        return None


class AllocationStrategy(ABC):
    """Turns a unit's point into a variant. The engine computes the point, so a strategy cannot forget to be sticky."""

    name: ClassVar[str]
    """What users write to choose it: letters, digits, underscores."""
    description: ClassVar[str]
    """One line for the list of plugins."""
    options_type: ClassVar[type[Options]] = Options
    """Its typed options."""

    @abstractmethod
    def choose(self, variants: Sequence[Variant], phase: Phase, point: float, options: Any) -> str:
        """Return the id of the variant for a unit at `point` in [0, 1). Pure: equal input, equal answer."""

    def prepare(self, variants: Sequence[Variant], phase: Phase, options: Any) -> Callable[[float], str]:
        """Return `choose` for one experiment, as a function of the point alone.

        Called when an experiment starts or changes; what it returns is called for every selection. Override it, along
        with `choose`, to do once what does not depend on the point. It must answer as `choose` does.
        """
        return lambda point: self.choose(variants, phase, point, options)

    def expected_shares(self, variants: Sequence[Variant], phase: Phase, options: Any) -> Mapping[str, float]:  # noqa: ARG002
        """Return the share of units, 0 to 1, each variant should receive; the sample-ratio check uses it.

        By default the phase's shares. Override it in a strategy that does not follow them.
        """
        return {variant.id: phase.share_of(variant.id) / WHOLE for variant in variants}
