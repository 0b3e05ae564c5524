"""A bounded memory of values that never change."""

from collections.abc import Callable, Hashable
from sys import getsizeof
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY = 1_000
"""What a value takes besides its texts, in bytes, roughly."""


def texts_of(value: object) -> int:
    """Return the bytes that the texts and collections in a value take, however deep in dataclasses they lie."""
    size, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            size += getsizeof(each)
        elif isinstance(each, list | tuple):
            size += getsizeof(each)
            left += each
        elif isinstance(each, dict):
            size += getsizeof(each)
            left += each
            left += each.values()
        elif hasattr(each, "__dataclass_fields__"):
            left += [getattr(each, name) for name in each.__dataclass_fields__]
    return size


class Remembered(Generic[K, V]):
    """Values by a key that never means another value. When there is no more room, everything is forgotten.

    Forgetting everything is cheap and needs no order kept at every look; what is in use is soon there again.
    """

    def __init__(self, room: int = 32 * 1024 * 1024) -> None:
        """Have `room` for so many bytes, roughly."""
        self._values: dict[K, V] = {}
        self._room = room
        self._taken = 0
        self.get: Callable[[K], V | None] = self._values.get
        """Returns the value of a key, None if it is not remembered."""

    def __len__(self) -> int:
        return len(self._values)

    def keep(self, key: K, value: V, texts: int = 0) -> V:
        """Remember the value, whose texts take so many bytes, and return it; what has no room is not kept."""
        cost = texts + ENTRY
        if self._taken + cost > self._room:
            self.forget()
        if cost <= self._room and key not in self._values:
            self._values[key] = value
            self._taken += cost
        return value

    def forget(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._taken = 0
