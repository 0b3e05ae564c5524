"""The one source of chance: Hypothesis in tests, so that what it finds is reduced; a generator for long hunts."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Choices, each made from one number; 0 is always the plainest choice, which is what reduction looks for."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below
        """Returns a number from 0 to one less than its argument."""

    @classmethod
    def of(cls, draw: Callable[[Any], Any]) -> "Dice":
        """Return dice that Hypothesis throws."""
        return cls(lambda sides: draw(_numbers(sides)))

    @classmethod
    def seeded(cls, seed: int) -> "Dice":
        """Return dice that a generator throws."""
        return cls(random.Random(seed).randrange)

    def chance(self, percent: int) -> bool:
        """Return True so often; not for the last number, which Hypothesis likes as much as the first."""
        return percent > 0 and (percent >= 100 or 99 - percent <= self.below(100) < 99)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))] if len(options) > 1 else options[0]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in any order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in options]


@cache
def _numbers(sides: int) -> st.SearchStrategy[int]:
    return st.integers(0, sides - 1)
