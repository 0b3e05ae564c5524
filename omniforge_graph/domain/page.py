"""Keyset pages: a stretch of a list ordered newest first, named by the ids at its edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from omniforge_graph.errors import ValidationError

DEFAULT_PAGE = 20
MAX_PAGE = 100

MAX_POSITION_DIGITS = 9
"""Of a version's number: what any database's integer holds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `size` items after and before the given positions; the last ones of them when `backward`.

    A position is the sort key of an item: its id for prompts and experiments, its number for versions.
    """

    size: int = DEFAULT_PAGE
    after: str | None = None
    before: str | None = None
    backward: bool = False

    @classmethod
    def of(
        cls,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> "PageRequest":
        """Build a request from the arguments of a connection, refusing contradictory or oversized ones."""
        if first is not None and last is not None:
            raise ValidationError("Give first or last, not both.", path=("last",))
        name, size = ("last", last) if last is not None else ("first", DEFAULT_PAGE if first is None else first)
        assert size is not None
        if not 0 <= size <= MAX_PAGE:
            raise ValidationError(f"{name} must lie between 0 and {MAX_PAGE}, not {size}.", path=(name,))
        return cls(size=size, after=after, before=before, backward=last is not None)


def to_number(position: str | None, name: str) -> int | None:
    """Return a position among versions as their number; refuse what is none, naming the argument."""
    if position is None:
        return None
    if not position.isdecimal() or len(position) > MAX_POSITION_DIGITS:
        raise ValidationError(f"{name} {position!r} is not a version's number; take it from a page.", path=(name,))
    return int(position)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The items of one page in list order, and whether more lie on either side."""

    items: Sequence[T]
    has_next: bool = False
    has_previous: bool = False

    @classmethod
    def of(cls, found: Sequence[T], request: PageRequest) -> "Page[T]":
        """Cut a page from up to `size + 1` items in list order; the one too many tells that more lie beyond.

        On the other side more lie if the request begins at a position: that of an item the caller has seen.
        """
        surplus = len(found) > request.size
        start = max(len(found) - request.size, 0) if request.backward else 0
        return cls(
            items=found[start : start + request.size],
            has_next=request.before is not None or (surplus and not request.backward),
            has_previous=request.after is not None or (surplus and request.backward),
        )
