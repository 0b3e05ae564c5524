"""GraphQL objects made once for each domain value, so that what was rendered of them can be kept."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from omniforge_graph.services.remembering import Remembered

C = TypeVar("C")
D = TypeVar("D")
T = TypeVar("T")
P = ParamSpec("P")


def once(make: Callable[Concatenate[type[C], D, P], T]) -> Callable[Concatenate[type[C], D, P], T]:
    """Decorate what makes an object of a value that never changes: the same value gives the same object.

    It is the value itself that counts, not one that equals it: stores give the same value again as long as they
    remember it. Whatever else is given must follow from the value.
    """
    made: Remembered[int, tuple[D, T]] = Remembered()

    @wraps(make)
    def of(cls: type[C], value: D, /, *rest: P.args, **named: P.kwargs) -> T:
        found = made.get(id(value))
        if found is None:
            found = made.keep(id(value), (value, make(cls, value, *rest, **named)))
        return found[1]

    return of
