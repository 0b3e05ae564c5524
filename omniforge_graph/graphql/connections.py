"""Keyset connections as Relay describes them: opaque cursors, at most 100 edges, a total only when asked for."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry

from omniforge_graph.domain.page import Page, PageRequest
from omniforge_graph.errors import ValidationError
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.plans import Stable, batched, one

N = TypeVar("N")
T = TypeVar("T")

First: TypeAlias = Annotated[int | None, strawberry.argument(description="How many from the front, at most 100.")]
After: TypeAlias = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last: TypeAlias = Annotated[int | None, strawberry.argument(description="How many from the back, at most 100.")]
Before: TypeAlias = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether more come before.")
    start_cursor: str | None = strawberry.field(description="The first edge's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last edge's cursor; null on an empty page.")


@strawberry.type(description="An item of a list, and its place there.")
class Edge(Stable, Generic[N]):
    """An item of a list, and its place there."""

    cursor: str = strawberry.field(description="The item's place, for `after` and `before`.")
    node: N = strawberry.field(description="The item.")


Count: TypeAlias = Callable[[Collection[str], Info], Awaitable[Mapping[str, int]]]
"""Returns the lengths of several lists by their owners' ids."""


async def _totals(connections: Sequence["Connection[Any]"], info: Info) -> list[int]:
    """Count the lists, those that are counted alike together."""
    owners: dict[Count, set[str]] = defaultdict(set)
    for connection in connections:
        owners[connection.count].add(connection.owner)
    totals = {count: await count(ids, info) for count, ids in owners.items()}
    return [totals[connection.count][connection.owner] for connection in connections]


@strawberry.type(description="A page of a list, newest first.")
class Connection(Generic[N]):
    """A page of a list, newest first."""

    edges: list[Edge[N]] = strawberry.field(description="The items of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")
    count: strawberry.Private[Count]
    owner: strawberry.Private[str]

    @strawberry.field(
        description="The length of the whole list; counted only when asked for.", metadata=batched(_totals)
    )
    async def total_count(self, info: Info) -> int:
        """Count the whole list."""
        return await one(_totals, self, info)


def encode_cursor(position: str) -> str:
    """Return the opaque cursor of a position."""
    return urlsafe_b64encode(f"1:{position}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str, argument: str) -> str:
    """Return the position of a cursor; refuse one that no page gave."""
    try:
        version, _, position = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
    except ValueError:
        version = position = ""
    if version != "1" or not position or "\x00" in position:
        raise ValidationError(
            f"{argument} {cursor[:40]!r} is not a cursor: pass on one that pageInfo or an edge gave you.",
            path=(argument,),
        )
    return position


def read_page(
    first: int | None, after: str | None, last: int | None, before: str | None, *, numeric: bool = False
) -> PageRequest:
    """Return the page that a connection's arguments ask for; `numeric` positions are numbers."""
    after, before = (
        _position(cursor, argument, numeric=numeric) for argument, cursor in (("after", after), ("before", before))
    )
    return PageRequest.of(first, after, last, before)


def _position(cursor: str | None, argument: str, *, numeric: bool) -> str | None:
    if cursor is None:
        return None
    position = decode_cursor(cursor, argument)
    if numeric and not (position.isdecimal() and len(position) < 10):
        raise ValidationError(f"{argument} is a cursor of another list.", path=(argument,))
    return position


def connect(page: Page[T], to_edge: Callable[[T], Edge[N]], count: Count, owner: str) -> Connection[N]:
    """Return the connection of a page: of the list of that owner, which `count` can count."""
    edges = [to_edge(item) for item in page.items]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, count=count, owner=owner)


def connect_all(page: Page[T], to_edge: Callable[[T], Edge[N]], count: Callable[[], Awaitable[int]]) -> Connection[N]:
    """Return the connection of a page of a list that nobody owns."""

    async def counted(owners: Collection[str], _info: Info) -> Mapping[str, int]:
        return dict.fromkeys(owners, await count())

    return connect(page, to_edge, counted, "")
