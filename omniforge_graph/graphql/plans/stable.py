"""Values that never change, and the JSON that they were rendered to."""

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet, ref

import msgspec

encode: Final = msgspec.json.Encoder().encode

ENTRY_BYTES: Final = 256
"""What an entry costs besides its text: the dictionary's slot, the pair and the `Raw` around the text."""


class Stable:
    """Marks a class whose instances never change once made: a plan may keep what it rendered them to."""

    __slots__ = ()


class Shelf(dict[int, tuple[Callable[[], Any], msgspec.Raw]]):
    """What one node of one plan rendered: by the value's identity, a weak reference to the value, and its JSON.

    The reference tells the value from a later one at the same address. It keeps no value alive: a value may be much
    larger than what was rendered of it.
    """

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

    def keeping(self, render: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any] | msgspec.Raw]:
        """Return a function that does what `render` does, once for each stable value, and keeps the JSON of it.

        What it keeps goes with the function, or when there is no more room.
        """
        shelf = Shelf()
        self._shelves.add(shelf)
        get = shelf.get

        def rendered(value: Any) -> dict[str, Any] | msgspec.Raw:
            kept = get(id(value))
            if kept is not None and kept[0]() is value:
                return kept[1]
            data = render(value)
            return self._keep(shelf, value, encode(data)) if isinstance(value, Stable) else data

        return rendered

    def _keep(self, shelf: Shelf, value: Stable, text: bytes) -> msgspec.Raw:
        raw, cost = msgspec.Raw(text), len(text) + ENTRY_BYTES
        if self._bytes + cost > self._max_bytes:
            self.forget()
        if cost <= self._max_bytes:
            shelf[id(value)] = (ref(value), raw)
            self._bytes += cost
        return raw

    def forget(self) -> None:
        """Forget everything."""
        for shelf in self._shelves:
            shelf.clear()
        self._bytes = 0
