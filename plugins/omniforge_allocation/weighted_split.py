"""The weighted split: every variant receives the share of traffic its author wrote down. The default."""

from collections.abc import Callable, Sequence

from omniforge_graph.plugin import AllocationStrategy, Options, Phase, Variant, hookimpl


class WeightedSplit(AllocationStrategy):
    """Reads the variant off the line of traffic: the owner of the range that holds the unit's point."""

    name = "weighted"
    description = "Splits traffic by each variant's trafficPercentage, exact to 0.01 %."

    def choose(self, variants: Sequence[Variant], phase: Phase, point: float, options: Options) -> str:  # noqa: ARG002
        """Return the owner of `point`."""
        return phase.owner(point)

    def prepare(self, variants: Sequence[Variant], phase: Phase, options: Options) -> Callable[[float], str]:  # noqa: ARG002
        """Return a search among the ranges' ends."""
        return phase.finder()


@hookimpl
def omniforge_register_allocation_strategies() -> list[AllocationStrategy]:
    """Offer the weighted split."""
    return [WeightedSplit()]
