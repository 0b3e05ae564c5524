"""Values that never change, and the JSON that they were rendered to."""

from typing import Any
from weakref import WeakSet

import msgspec

ENTRY_BYTES = 256
"""What an entry costs besides its text: the dictionary's slot, the pair and the `Raw` around the text."""


class Stable:
    """Marks a class whose instances never change once made: a plan may keep what it rendered them to."""

    __slots__ = ()


class Shelf(dict[int, tuple[Any, msgspec.Raw]]):
    """What one node of one plan rendered: by the value's identity, the value itself (so that it lives) and its JSON."""

    __slots__ = ("__weakref__",)

    def __hash__(self) -> int:  # type: ignore[override]  # a shelf is itself, whatever stands on it
        return id(self)


class Renderings:
    """All that the plans of one schema rendered, bounded in bytes: when it is full, everything is forgotten."""

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._shelves: WeakSet[Shelf] = WeakSet()

    @property
    def size(self) -> int:
        """How many bytes were rendered since everything was last forgotten."""
        return self._bytes

    def shelf(self) -> Shelf:
        """Return a new, empty shelf. It belongs to whoever asked and goes with them."""
        shelf = Shelf()
        self._shelves.add(shelf)
        return shelf

    def keep(self, shelf: Shelf, value: Any, text: bytes) -> msgspec.Raw:
        """Keep the JSON of a value and return it; a text larger than all the room there is, is not kept."""
        raw, cost = msgspec.Raw(text), len(text) + ENTRY_BYTES
        if self._bytes + cost > self._max_bytes:
            self.forget()
        if cost <= self._max_bytes:
            shelf[id(value)] = (value, raw)
            self._bytes += cost
        return raw

    def forget(self) -> None:
        """Forget everything."""
        for shelf in self._shelves:
            shelf.clear()
        self._bytes = 0
