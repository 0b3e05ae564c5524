"""An aggregate for SQLite that returns numbers as an array; PostgreSQL can do so itself."""

from array import array


class Pack:
    """The aggregate `pack(a, b, ...)`: the numbers of all rows as doubles, one row after the other.

    A row of Python objects for each unit would take twice as long and many times the memory.
    """

    def __init__(self) -> None:
        self._doubles = array("d")

    def step(self, *numbers: float) -> None:
        """Add a row."""
        self._doubles.extend(numbers)

    def finalize(self) -> bytes:
        """Return all rows."""
        return self._doubles.tobytes()
