"""Values that resolvers should not return: graphql-core takes some of them, and refuses others."""

from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import strawberry
from strawberry.scalars import JSON

from tests.graphql.plans.toy.types import TOM, Color, Dog, Named, Person, Thing


def strange(kind: str) -> Any:
    """A value that graphql-core knows how to take, or to refuse."""

    async def later() -> str:
        return "later"

    return {
        "number": 5,
        "bool": True,
        "big": 2**40,
        "nan": float("nan"),
        "inf": float("inf"),
        "list": ["a"],
        "tuple": ("a", "b"),
        "set": {"a"},
        "generator": (each for each in "ab"),
        "text": "text",
        "null": None,
        "error": ValueError("strange"),
        "later": later() if kind == "later" else None,
        "decimal": Decimal(2),
        "member": Color.GREEN,
        "value": "green",
        "mapping": {"a": 1},
        "duck": SimpleNamespace(name="duck", number=3),
        "named": Named(name="somebody"),
        "cast": strawberry.cast(Dog, SimpleNamespace(name="cast", age=1, tricks=["swim"], owner=None)),
        "cat": TOM,
    }[kind]


@strawberry.type
class Strange:
    kind: strawberry.Private[str]

    @strawberry.field
    def text(self) -> str | None:
        return strange(self.kind)

    @strawberry.field
    def must(self) -> str:
        return strange(self.kind)

    @strawberry.field
    def integer(self) -> int | None:
        return strange(self.kind)

    @strawberry.field
    def number(self) -> float | None:
        return strange(self.kind)

    @strawberry.field
    def flag(self) -> bool | None:
        return strange(self.kind)

    @strawberry.field
    def id(self) -> strawberry.ID | None:
        return strange(self.kind)

    @strawberry.field
    def color(self) -> Color | None:
        return strange(self.kind)

    @strawberry.field
    def json(self) -> JSON | None:
        return strange(self.kind)

    @strawberry.field
    def moment(self) -> datetime | None:
        return strange(self.kind)

    @strawberry.field
    def items(self) -> list[str] | None:
        return strange(self.kind)

    @strawberry.field
    def person(self) -> Person | None:
        return strange(self.kind)

    @strawberry.field
    def named(self) -> Named | None:
        return strange(self.kind)

    @strawberry.field
    def thing(self) -> Thing | None:
        return strange(self.kind)

    @strawberry.field
    def persons(self) -> list[Person | None] | None:
        return [strange(self.kind)]
