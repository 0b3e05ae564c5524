"""The same value gives the same GraphQL object."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from weakref import ref

from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.domain.selection import SelectionReason, VariantSelection
from omniforge_graph.graphql.once import once, while_alive
from omniforge_graph.graphql.types.selection import Selection


@dataclass(frozen=True)
class Value:
    number: int
    options: dict[str, int]


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, eq=False)
class Long:
    text: Text


class Shown:
    def __init__(self, number: int, owner: str) -> None:
        self.number = number
        self.owner = owner

    @classmethod
    @once
    def of(cls, value: Value, owner: str = "nobody") -> "Shown":
        return cls(value.number, owner)

    @classmethod
    @once
    def of_long(cls, value: Long) -> "Shown":
        return cls(0, value.text.text)

    @classmethod
    @while_alive
    def while_kept(cls, value: Long) -> "Shown":
        return cls(0, value.text.text)


def test_the_same_value_gives_the_same_object() -> None:
    value = Value(1, {})
    assert Shown.of(value, "ann") is Shown.of(value, "ann")
    assert (Shown.of(value, "ann").number, Shown.of(value, "ann").owner) == (1, "ann")


def test_a_value_that_only_equals_it_gives_another() -> None:
    value = Value(1, {})
    assert Shown.of(replace(value)) is not Shown.of(value)


def test_values_that_come_and_go_are_not_mistaken_for_each_other() -> None:
    assert [Shown.of(Value(number, {})).number for number in range(5_000)] == list(range(5_000))


def test_values_with_long_texts_are_forgotten_before_they_take_all_memory() -> None:
    """In this test only what is made once keeps them."""
    refs = []
    for number in range(200):
        value = Long(Text(str(number) + "x" * 1_000_000))
        assert Shown.of_long(value) is Shown.of_long(value)
        refs.append(ref(value))
    alive = sum(each() is not None for each in refs)
    assert 1 <= alive <= 33


def test_an_object_of_a_value_that_somebody_keeps_goes_with_the_value() -> None:
    value = Long(Text("x"))
    shown = Shown.while_kept(value)
    assert Shown.while_kept(value) is shown
    assert Shown.while_kept(Long(Text("x"))) is not shown
    gone = ref(value), ref(shown)
    del value, shown
    assert [each() for each in gone] == [None, None]
    assert [Shown.while_kept(Long(Text(str(n)))).owner for n in range(5_000)] == [str(n) for n in range(5_000)]


def test_a_selection_lives_no_longer_than_its_snapshot() -> None:
    """However many there are: each is an object of some selection that can still be made."""
    version = PromptVersion("ver_1", "prm_1", 1, "Hi", "", datetime.now(UTC), "ada")
    prompt = Prompt("prm_1", "key", "Name", version, version.created_at, "ada")
    selection = VariantSelection("system", prompt, version, SelectionReason.CURRENT_VERSION)
    assert Selection.of(selection) is Selection.of(selection)
    gone = ref(selection), ref(Selection.of(selection))
    del selection
    assert [each() for each in gone] == [None, None]
