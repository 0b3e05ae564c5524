"""Shares of traffic: basis points on a line of 10,000, and the ranges of that line each variant owns."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import accumulate

from omniforge_graph.errors import SharesError

WHOLE = 10_000
"""All of the traffic, in basis points: 100 % in steps of 0.01 %."""


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open stretch [start, end) of the line, in basis points, and the variant that owns it."""

    variant_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an experiment with fixed shares. Ranges are stored, in order and without gaps, so that a later
    phase can move the fewest units possible.
    """

    number: int
    ranges: tuple[Range, ...]

    def owner(self, point: float) -> str:
        """Return the id of the variant whose range holds `point` (in [0, 1))."""
        place = int(point * WHOLE)
        for stretch in self.ranges:  # few, and a loop takes half the time of a generator
            if place < stretch.end:
                return stretch.variant_id
        raise ValueError(f"point {point!r} is not in [0, 1).")

    def finder(self) -> Callable[[float], str]:
        """Return `owner` as a function made ready for many points, all in [0, 1)."""
        owners = [stretch.variant_id for stretch in self.ranges]
        ends = [float(stretch.end) for stretch in self.ranges]  # comparing doubles with integers takes twice as long

        def find(point: float) -> str:
            # The first end above the place, which is the first one above its whole part: ends are integers.
            return owners[bisect_right(ends, point * WHOLE)]

        return find

    def share_of(self, variant_id: str) -> int:
        """Return the variant's share in basis points: the total length of its ranges."""
        return sum(r.end - r.start for r in self.ranges if r.variant_id == variant_id)


def to_basis_points(percentage: object, path: Sequence[str | int]) -> int:
    """Return a percentage as basis points; refuse what is not a number, out of (0, 100] or finer than 0.01 %."""
    if isinstance(percentage, bool) or not isinstance(percentage, int | float | str | Decimal):
        raise SharesError(f"trafficPercentage must be a number, not {type(percentage).__name__}.", path=path)
    try:
        exact = Decimal(str(percentage))
    except InvalidOperation:
        raise SharesError(f"trafficPercentage {percentage!r} is not a number.", path=path) from None
    if not exact.is_finite() or not 0 < exact <= 100:
        raise SharesError(
            f"trafficPercentage {percentage} is out of range: it must be above 0 and at most 100.", path=path
        )
    scaled = exact * 100
    if scaled != int(scaled):
        raise SharesError(f"trafficPercentage {percentage} is too fine: two decimals at most.", path=path)
    return int(scaled)


def check_whole(basis_points: Sequence[int], path: Sequence[str | int]) -> None:
    """Refuse shares that do not sum to exactly 100 %, with their sum in the message."""
    total = sum(basis_points)
    if total != WHOLE:
        raise SharesError(
            f"The traffic percentages sum to {Decimal(total) / 100}; they must sum to exactly 100.", path=path
        )


def lay_out(shares: Sequence[tuple[str, int]]) -> Phase:
    """Return the first phase: each variant's share as one range, in the order given."""
    ends = list(accumulate(share for _, share in shares))
    ranges = tuple(Range(variant_id, end - share, end) for (variant_id, share), end in zip(shares, ends, strict=True))
    return Phase(number=1, ranges=ranges)
