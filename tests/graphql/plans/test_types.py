"""Types and resolvers out of the ordinary."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, NewType

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from omniforge_graph.graphql.plans import StepAside
from tests.graphql.plans.conftest import Toy

Money = NewType("Money", int)
MONEY = strawberry.scalar(name="Money", serialize=lambda value: f"{value} EUR" if value else None)


async def test_scalars_of_ones_own():
    @strawberry.type
    class Query:
        @strawberry.field
        def money(self, amount: int) -> Money | None:
            return amount

    schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map={Money: MONEY}))
    toy = Toy(schema._schema)
    assert await toy.same("{ money(amount: 5) }") == {"money": "5 EUR"}
    assert (await toy.core("{ money(amount: 0) }")).errors
    with pytest.raises(StepAside):
        await toy.plan("{ money(amount: 0) }")


@strawberry.type
class Positive:
    value: int

    @classmethod
    def is_type_of(cls, value: Any, info: Any) -> bool:
        return value.value > 0


@strawberry.type
class Negative:
    value: int

    @classmethod
    def is_type_of(cls, value: Any, info: Any) -> bool:
        return value.value < 0


class Number:
    def __init__(self, value: int) -> None:
        self.value = value


async def test_types_that_judge_by_the_value(make_toy):
    @strawberry.type
    class Query:
        @strawberry.field
        def numbers(self) -> list[Annotated[Positive | Negative, strawberry.union("Signed")]]:
            return [Number(1), Number(-1), Number(2)]

        @strawberry.field
        def positive(self, value: int) -> Positive | None:
            return Positive(value=value)

    toy = make_toy(Query)
    await toy.same("{ numbers { __typename ... on Positive { value } } positive(value: 1) { value } }")
    assert (await toy.core("{ positive(value: -1) { value } }")).errors
    with pytest.raises(StepAside):
        await toy.plan("{ positive(value: -1) { value } }")


@strawberry.interface
class Shape:
    sides: int

    @classmethod
    def resolve_type(cls, value: Any, info: Any, type_: Any) -> str:
        return "Square" if value.sides == 4 else "Other"


@strawberry.type
class Square(Shape):
    pass


@strawberry.type
class Other(Shape):
    @classmethod
    def is_type_of(cls, value: Any, info: Any) -> bool:
        return True


async def test_interfaces_that_judge_by_the_value():
    @strawberry.type
    class Query:
        @strawberry.field
        def shapes(self) -> list[Shape]:
            return [Square(sides=4), Other(sides=3), Square(sides=4)]

    toy = Toy(strawberry.Schema(Query, types=[Square, Other])._schema)
    await toy.same("{ shapes { __typename sides } }")


@strawberry.interface
class Animal:
    name: str


@strawberry.type
class Lion(Animal):
    pass


@strawberry.type
class Bear(Animal):
    pass


async def test_casts_beat_classes():
    class Row:
        name = "row"

    lion, cast = Lion(name="lion"), strawberry.cast(Bear, Lion(name="both"))

    @strawberry.type
    class Query:
        @strawberry.field
        def animals(self) -> list[Animal]:
            return [lion, cast, lion, strawberry.cast(Lion, Row()), Bear(name="bear"), cast]

        @strawberry.field
        def lion(self) -> Lion:
            return cast

        @strawberry.field
        def bear(self) -> Bear:
            return cast

    toy = Toy(strawberry.Schema(Query, types=[Lion, Bear])._schema)
    data = await toy.same("{ animals { __typename name } bear { name } }")
    assert [each["__typename"] for each in data["animals"]] == ["Lion", "Bear", "Lion", "Lion", "Bear", "Bear"]
    assert (await toy.core("{ lion { name } }")).errors
    with pytest.raises(StepAside):
        await toy.plan("{ lion { name } }")


def anywhere(root: Any, info: strawberry.Info, times: int = 2) -> str:
    return f"{type(root).__name__}" * times


async def test_resolvers_of_all_kinds(make_toy):
    @strawberry.type
    class Inner:
        plain: str = strawberry.field(name="renamed", default="plain")
        somewhere: str = strawberry.field(resolver=anywhere)
        constant: str = strawberry.field(resolver=lambda: "constant")

        @strawberry.field
        @staticmethod
        def of_nothing(times: int = 1) -> str:
            return "static" * times

        @strawberry.field
        @classmethod
        def of_class(cls, info: strawberry.Info) -> str:
            return cls.__name__

        @strawberry.field
        def called_otherwise(self, context: strawberry.Info) -> bool:
            return context.context is not None

    @strawberry.type
    class Query:
        @strawberry.field
        def inner(self) -> Inner:
            return Inner()

    query = (
        "{ inner { renamed somewhere a: somewhere(times: 1) constant ofNothing(times: 3) ofClass calledOtherwise } }"
    )
    await make_toy(Query).same(query)


async def test_streams_have_no_plan(make_toy):
    @strawberry.type
    class Query:
        @strawberry.field
        async def numbers(self) -> AsyncIterator[int]:
            yield 1

    assert make_toy(Query).compile("{ numbers }") is None
