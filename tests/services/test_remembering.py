"""A bounded memory of values."""

from dataclasses import dataclass

from omniforge_graph.services.remembering import ENTRY, Remembered, texts_of


def test_what_is_kept_is_remembered() -> None:
    memory: Remembered[str, list[int]] = Remembered()
    value = [1]
    assert memory.get("a") is None
    assert memory.keep("a", value) is value
    assert memory.get("a") is value


def test_the_first_value_of_a_key_stays() -> None:
    memory: Remembered[str, list[int]] = Remembered()
    first = memory.keep("a", [1])
    assert memory.keep("a", [1]) is not first
    assert memory.get("a") is first
    assert len(memory) == 1


def test_everything_is_forgotten_when_there_is_no_more_room() -> None:
    memory: Remembered[int, int] = Remembered(room=3 * (ENTRY + 10))
    for number in range(3):
        memory.keep(number, number, 10)
    assert len(memory) == 3
    memory.keep(3, 3)
    assert [memory.get(number) for number in range(4)] == [None, None, None, 3]
    for number in range(4, 100):
        memory.keep(number, number, 10)
        assert 1 <= len(memory) <= 3


def test_what_is_larger_than_all_room_is_given_back_and_not_kept() -> None:
    memory: Remembered[str, str] = Remembered(room=ENTRY + 10)
    assert memory.keep("large", "x", 11) == "x"
    assert memory.get("large") is None
    memory.keep("small", "y", 10)
    assert memory.get("small") == "y"


def test_a_memory_that_forgot_remembers_again() -> None:
    memory: Remembered[str, int] = Remembered(room=2 * ENTRY)
    look = memory.get
    memory.keep("a", 1)
    memory.forget()
    assert len(memory) == 0
    memory.keep("a", 2)
    memory.keep("b", 3)
    assert (look("a"), look("b")) == (2, 3)


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    more: object = None


def test_all_texts_of_a_value_count_however_deep_they_lie() -> None:
    text = "x" * 1_000_000
    bare = texts_of(Note("", Note("", {"": ["", ("",)]})))
    assert texts_of(Note("", Note("", {"": ["", (text,)]}))) - bare == len(text)
    assert texts_of(Note("", Note("", {text: ["", ("",)]}))) - bare == len(text)
    assert texts_of(Note("", Note(text, {"": ["", ("",)]}))) - bare == len(text)
    assert texts_of("ж" * 1_000_000) - texts_of("ж") == 2 * 999_999
    assert texts_of((None, 1, 2.5, object())) == texts_of((None,) * 4)
