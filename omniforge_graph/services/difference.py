"""A comparison as a value for people, without an experiment around it."""

import msgspec
import numpy as np

from omniforge_graph.domain.analysis import Effect
from omniforge_graph.services.columns import plain_floats
from omniforge_graph.statistics.comparison import ComparisonArrays, Flag


class Difference(msgspec.Struct, frozen=True, gc=False):
    """A treatment minus the control, at one look and unadjusted for the number of comparisons.

    None is what the test does not offer, or what the data do not tell; `flags` say why.
    """

    absolute_effect: Effect
    relative_effect: Effect
    p_value: float | None = None
    log10_p_value: float | None = None
    probability_better: float | None = None
    expected_loss: float | None = None
    flags: tuple[Flag, ...] = ()


def differences(found: ComparisonArrays) -> list[Difference]:
    """Return a test's answer as values for people, in the order of its arrays."""
    relative = found.relative_estimate, found.relative_lower, found.relative_upper
    size = found.estimate.size
    return list(
        map(
            Difference,
            map(Effect, *(plain_floats(each, size) for each in (found.estimate, found.lower, found.upper))),
            map(Effect, *(plain_floats(each, size) for each in relative)),
            plain_floats(found.p_value, size),
            plain_floats(found.log10_p_value, size),
            plain_floats(found.probability_better, size),
            plain_floats(found.expected_loss, size),
            _flags(found, size),
        )
    )


def _flags(found: ComparisonArrays, size: int) -> list[tuple[Flag, ...]]:
    column: list[tuple[Flag, ...]] = [()] * size
    for flag, mask in found.flags.items():
        for place in np.flatnonzero(mask).tolist():
            column[place] = (*column[place], flag)
    return column
