"""A toy schema."""

import asyncio
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from tests.graphql.plans.toy.strange import Strange
from tests.graphql.plans.toy.types import (
    FIXED,
    HALF,
    REX,
    TOM,
    Aged,
    Cat,
    Color,
    Dog,
    Edge,
    Fixed,
    HalfFixed,
    Info,
    Leaves,
    Page,
    Person,
    Rock,
    Thing,
    Where,
)


class Forbidden(strawberry.BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


@strawberry.type
class Query:
    @strawberry.field
    def leaves(self) -> Leaves:
        return Leaves()

    @strawberry.field
    async def leaves_later(self) -> Leaves | None:
        return Leaves()

    @strawberry.field
    def pets(self, info: Info) -> list[Aged]:
        info.context.calls["pets"] += 1
        return [TOM, REX]

    @strawberry.field
    def things(self) -> list[Thing | None]:
        return [TOM, Rock(), Edge(cursor="i", node=1), Edge(cursor="s", node="x"), None]

    @strawberry.field
    def person(self) -> Person:
        return Person(name="Ann", number=4)

    @strawberry.field
    async def persons(self, info: Info, count: int = 3, first: int = 0) -> list[Person]:
        info.context.calls["persons"] += 1
        return [Person(name=f"p{number}", number=number) for number in range(first, count)]

    @strawberry.field
    async def page(self) -> Page[Person]:
        return Page(edges=[Edge(cursor=f"c{n}", node=Person(name=f"n{n}", number=n)) for n in range(2)], count=17)

    @strawberry.field
    def echo(
        self,
        text: str = "default",
        integer: int | None = 5,
        number: float = 1.5,
        id: strawberry.ID | None = None,  # noqa: A002
        color: Color = Color.GREEN,
        colors: list[Color] | None = None,
        flag: bool | None = strawberry.UNSET,
        where: Where | None = None,
        json: JSON | None = None,
        lists: list[list[int | None]] | None = None,
        when: datetime | None = None,
    ) -> str:
        return repr((text, integer, number, id, color, colors, flag, where, json, lists, when and when.isoformat()))

    @strawberry.field
    def changed(self, items: list[int] = [1, 2], where: Where | None = None) -> str:  # noqa: B006
        items.append(3)
        if where:
            where.limit += 1
        return repr((items, where))

    @strawberry.field
    def must(self, text: str) -> str:
        return text

    @strawberry.field
    async def fixed(self, info: Info) -> Fixed | None:
        return FIXED

    @strawberry.field
    def many_fixed(self) -> list[Fixed]:
        return [FIXED, Fixed(name="new"), FIXED]

    @strawberry.field
    def half_fixed(self) -> HalfFixed:
        return HALF

    @strawberry.field
    def strange(self, kind: str) -> Strange:
        return Strange(kind=kind)

    @strawberry.field
    def fail(self) -> str | None:
        raise ValueError("it failed")

    @strawberry.field
    async def fail_later(self) -> str | None:
        await asyncio.sleep(0)
        raise ValueError("it failed")

    @strawberry.field
    def path(self, info: Info) -> str:
        return str(info.path.key)

    @strawberry.field(permission_classes=[Forbidden])
    def secret(self) -> str | None:
        return "secret"


@strawberry.type
class Mutation:
    @strawberry.field
    def nothing(self) -> str:
        return "done"


SCHEMA = strawberry.Schema(Query, Mutation, types=[Cat, Dog, Person, Rock])
