"""GraphQL objects made once for each domain value, so that what was rendered of them can be kept."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import ref

from omniforge_graph.services.remembering import Remembered, texts_of

C = TypeVar("C")
D = TypeVar("D")
T = TypeVar("T")
P = ParamSpec("P")


def once(make: Callable[Concatenate[type[C], D, P], T]) -> Callable[Concatenate[type[C], D, P], T]:
    """Decorate what makes an object of a value that never changes: the same value gives the same object.

    It is the value itself that counts, not one that equals it: stores give the same value again as long as they
    remember it. Here it lives on when they have forgotten it, so all its texts count. Whatever else is given must
    follow from the value.
    """
    made: Remembered[int, tuple[D, T]] = Remembered()

    @wraps(make)
    def of(cls: type[C], value: D, /, *rest: P.args, **named: P.kwargs) -> T:
        found = made.get(id(value))
        if found is None:
            found = made.keep(id(value), (value, make(cls, value, *rest, **named)), texts_of(value))
        return found[1]

    return of


def while_alive(make: Callable[[type[C], D], T]) -> Callable[[type[C], D], T]:
    """Decorate the same for values that somebody else keeps: the object is forgotten as soon as the value is.

    The values can be referred to weakly, and the object must not refer to its value, or neither is ever forgotten.
    """
    made: dict[int, tuple[ref[D], T]] = {}

    @wraps(make)
    def of(cls: type[C], value: D, /) -> T:
        key = id(value)
        found = made.get(key)
        if found is None:
            # The reference goes before the value's place, and so its identity, can be another value's.
            found = made[key] = ref(value, lambda _: made.pop(key, None)), make(cls, value)
        return found[1]

    return of
