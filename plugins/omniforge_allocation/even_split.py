"""The even split: every variant receives the same share, whatever percentages were written down."""

from collections.abc import Callable, Mapping, Sequence

from omniforge_graph.plugin import AllocationStrategy, Options, Phase, Variant, hookimpl


class EvenSplit(AllocationStrategy):
    """Cuts the line of traffic into equal parts, so thirds are thirds and not 33.33 %."""

    name = "even"
    description = "Splits traffic equally between the variants; trafficPercentage is ignored."

    def choose(self, variants: Sequence[Variant], phase: Phase, point: float, options: Options) -> str:  # noqa: ARG002
        """Return the variant at floor(point × number of variants).

        The product cannot round up to the number of variants: the largest point is 1 - 2^-53.
        """
        return variants[int(point * len(variants))].id

    def prepare(self, variants: Sequence[Variant], phase: Phase, options: Options) -> Callable[[float], str]:  # noqa: ARG002
        """Return `choose` with the ids at hand."""
        ids, count = [variant.id for variant in variants], len(variants)
        return lambda point: ids[int(point * count)]

    def expected_shares(
        self,
        variants: Sequence[Variant],
        phase: Phase,  # noqa: ARG002
        options: Options,  # noqa: ARG002
    ) -> Mapping[str, float]:
        """Return the same share for every variant."""
        return {variant.id: 1 / len(variants) for variant in variants}


@hookimpl
def omniforge_register_allocation_strategies() -> list[AllocationStrategy]:
    """Offer the even split."""
    return [EvenSplit()]
