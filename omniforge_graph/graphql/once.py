"""GraphQL objects made once for each domain value, so that what was rendered of them can be kept."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from omniforge_graph.services.remembering import Remembered

C = TypeVar("C")
D = TypeVar("D")
T = TypeVar("T")


def once(make: Callable[[type[C], D], T]) -> Callable[[type[C], D], T]:
    """Decorate what makes an object of a value that never changes: the same value gives the same object.

    It is the value itself that counts, not one that equals it: stores give the same value again as long as they
    remember it.
    """
    made: Remembered[int, tuple[D, T]] = Remembered()

    @wraps(make)
    def of(cls: type[C], value: D) -> T:
        found = made.get(id(value))
        if found is None:
            found = made.keep(id(value), (value, make(cls, value)))
        return found[1]

    return of
