"""A bounded memory of values by text."""

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """The most recently used values by text, within a number of entries and a total length of the texts."""

    def __init__(self, entries: int, characters: int) -> None:
        self._entries = entries
        self._characters = characters
        self._values: OrderedDict[str, Value] = OrderedDict()
        self.held = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, text: str) -> Value | None:
        """Return the value kept for the text, which becomes the most recently used."""
        value = self._values.get(text)
        if value is not None:
            self._values.move_to_end(text)
        return value

    def put(self, text: str, value: Value) -> None:
        """Keep the value; drop the least recently used ones that no longer fit."""
        if text not in self._values:
            self.held += len(text)
        self._values[text] = value
        while len(self._values) > self._entries or self.held > self._characters:
            self.held -= len(self._values.popitem(last=False)[0])
