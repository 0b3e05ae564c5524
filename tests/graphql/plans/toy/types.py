"""The types of a toy schema, which uses every feature that plans know."""

import asyncio
import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from omniforge_graph.graphql.plans import Batches, Stable, batched, one

T = TypeVar("T")


@dataclass
class Context:
    """The context of one request: it counts calls, and collects batches."""

    calls: Counter[str] = field(default_factory=Counter)
    batches: Batches = field(default_factory=Batches)


Info: TypeAlias = strawberry.Info[Context, None]


@strawberry.enum
class Color(enum.Enum):
    RED = "red"
    GREEN = strawberry.enum_value("green", name="VERDANT")


@strawberry.enum
class Size(enum.StrEnum):
    SMALL = "small"
    LARGE = "large"


@strawberry.enum
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@strawberry.type
class Leaves:
    text: str = "text"
    id: strawberry.ID = strawberry.ID("1")
    integer: int = 7
    number: float = 0.5
    flag: bool = True
    color: Color = Color.RED
    size: Size = Size.LARGE
    level: Level = Level.HIGH
    moment: datetime = datetime(2024, 1, 2, 3, 4, 5, 600, UTC)
    day: date = date(2024, 1, 2)
    uuid: UUID = UUID(int=5)
    money: Decimal = Decimal("1.50")
    json: JSON = strawberry.field(default_factory=lambda: {"b": [1, None, {"a": 2.5}], "a": "x"})
    nothing: str | None = None
    no_color: Color | None = None
    no_moment: datetime | None = None
    no_integer: int | None = None
    no_json: JSON | None = None
    some_text: str | None = "some"
    some_color: Color | None = Color.GREEN
    some_moment: datetime | None = datetime(2020, 1, 1)  # noqa: DTZ001
    some_number: float | None = -0.0
    matrix: list[list[int]] = strawberry.field(default_factory=lambda: [[1, 2], [], [3]])
    holes: list[str | None] | None = strawberry.field(default_factory=lambda: ["a", None])
    no_list: list[str] | None = None
    colors: list[Color] = strawberry.field(default_factory=lambda: [Color.GREEN, Color.RED])
    deep: list[list[str | None] | None] | None = strawberry.field(default_factory=lambda: [["a", None], None])


@strawberry.interface
class Named:
    name: str


@strawberry.interface
class Aged(Named):
    age: int


@strawberry.type
class Cat(Aged):
    lives: int = 9
    friends: list[Named] = strawberry.field(default_factory=list)

    @strawberry.field
    def shout(self, info: Info, times: int = 1, mark: str = "!") -> str:
        info.context.calls["shout"] += 1
        return self.name.upper() + mark * times


@strawberry.type
class Dog(Aged):
    tricks: list[str] = strawberry.field(default_factory=list)
    owner: "Person | None" = None


@strawberry.type
class Rock:
    weight: float = 1.5


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Page(Generic[T]):
    edges: list[Edge[T]]
    count: strawberry.Private[int] = 0

    @strawberry.field
    async def total(self, info: Info) -> int:
        info.context.calls["total"] += 1
        return self.count


@strawberry.input
class Where:
    name: str
    limit: int = 3
    tags: list[str] | None = None


async def load_scores(sources: Sequence["Person"], info: Info, factor: int = 1) -> Sequence[int | Exception]:
    info.context.calls["scores"] += 1
    info.context.calls["sources"] += len(sources)
    await asyncio.sleep(0)
    return [ValueError("no score") if each.number < 0 else each.number * factor for each in sources]


async def load_bosses(sources: Sequence["Person"], info: Info) -> "Sequence[Person | None]":
    info.context.calls["bosses"] += 1
    await asyncio.sleep(0)
    return [Person(name=f"boss of {each.name}", number=each.number - 1) if each.number else None for each in sources]


@strawberry.type
class Person(Named):
    number: int = 0

    @strawberry.field(metadata=batched(load_scores))
    async def score(self, info: Info, factor: int = 1) -> int:
        return await one(load_scores, self, info, factor=factor)

    @strawberry.field(metadata=batched(load_bosses))
    async def boss(self, info: Info) -> "Person | None":
        return await one(load_bosses, self, info)

    @strawberry.field
    async def pet(self, info: Info, named: str | None = "Tom") -> Cat | None:
        info.context.calls["pet"] += 1
        await asyncio.sleep(0)
        return Cat(name=named, age=self.number) if named else None

    @strawberry.field
    async def wait(self, info: Info) -> str:
        info.context.calls["wait"] += 1
        return f"{self.name} waited"

    @strawberry.field
    def parent_name(parent: strawberry.Parent["Person"], suffix: str) -> str:  # noqa: N805
        return f"{parent.name}{suffix}"

    @strawberry.field
    def root_name(root: "Person") -> str:  # noqa: N805
        return root.name


@strawberry.type
class Fixed(Stable):
    name: str
    inner: "Fixed | None" = None
    leaves: Leaves | None = None


@strawberry.type
class HalfFixed(Stable):
    name: str

    @strawberry.field
    def now(self, info: Info) -> int:
        info.context.calls["now"] += 1
        return info.context.calls["now"]


FIXED = Fixed(name='one "é"', inner=Fixed(name="two"), leaves=Leaves())
HALF = HalfFixed(name="half")
TOM = Cat(name="Tom", age=3)
REX = Dog(name="Rex", age=5, tricks=["sit"], owner=Person(name="Ann", number=4))
TOM.friends = [REX, Person(name="Bob", number=2), Cat(name="Kit", age=1)]

Thing: TypeAlias = Annotated[Cat | Rock | Edge[int] | Edge[str], strawberry.union("Thing")]
