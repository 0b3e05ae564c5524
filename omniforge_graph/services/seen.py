"""A bounded memory of the units whose exposure is safe: recorded, or on disk."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

MAX_REMEMBERED = 200_000
"""Units of all experiments together. One takes about 140 bytes with an id of 36 characters: 28 MB in all."""
NOBODY: Final[frozenset[str]] = frozenset()


class SeenUnits:
    """Units by experiment, in two generations of equal size: when the younger is full, the older is forgotten.

    A unit that is met again moves to the younger one, so those forgotten have been away the longest. It costs half of
    what a list in the order of use does, and asking for a unit that is young, which nearly all are, is two lookups.
    """

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._half = limit // 2
        self._young: dict[str, set[str]] = {}
        self._old: dict[str, set[str]] = {}
        self._gone: list[set[str]] = []
        self._size = 0

    @property
    def young(self) -> Mapping[str, AbstractSet[str]]:
        """Units by experiment for whom there is nothing to do; always the same object, to be asked directly."""
        return self._young

    def add(self, experiment_id: str, unit_id: str) -> None:
        """Remember a unit."""
        units = self._young.setdefault(experiment_id, set())
        if unit_id in units:
            return
        units.add(unit_id)
        self._size += 1
        if self._gone:
            # One by one: to free a hundred thousand at once would hold up a request for 10 ms.
            self._gone[-1].pop()
            if not self._gone[-1]:
                self._gone.pop()
        if self._size >= self._half:
            self._gone.extend(self._old.values())
            self._old = dict(self._young)
            self._young.clear()
            self._size = 0

    def knows(self, experiment_id: str, unit_id: str) -> bool:
        """Return whether a unit is remembered."""
        return any(unit_id in each.get(experiment_id, NOBODY) for each in (self._young, self._old))

    def recall(self, experiment_id: str, unit_id: str) -> bool:
        """Return whether a unit that is not young is remembered; it is young from now on."""
        if unit_id not in self._old.get(experiment_id, NOBODY):
            return False
        self.add(experiment_id, unit_id)
        return True
