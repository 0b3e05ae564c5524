"""The same value gives the same GraphQL object."""

from dataclasses import dataclass, replace

from omniforge_graph.graphql.once import once


@dataclass(frozen=True)
class Value:
    number: int
    options: dict[str, int]


class Shown:
    def __init__(self, number: int, owner: str) -> None:
        self.number = number
        self.owner = owner

    @classmethod
    @once
    def of(cls, value: Value, owner: str = "nobody") -> "Shown":
        return cls(value.number, owner)


def test_the_same_value_gives_the_same_object() -> None:
    value = Value(1, {})
    assert Shown.of(value, "ann") is Shown.of(value, "ann")
    assert (Shown.of(value, "ann").number, Shown.of(value, "ann").owner) == (1, "ann")


def test_a_value_that_only_equals_it_gives_another() -> None:
    value = Value(1, {})
    assert Shown.of(replace(value)) is not Shown.of(value)


def test_values_that_come_and_go_are_not_mistaken_for_each_other() -> None:
    assert [Shown.of(Value(number, {})).number for number in range(5_000)] == list(range(5_000))
