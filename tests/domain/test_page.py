"""Pages and slots: refused when contradictory."""

import pytest

from omniforge_graph.domain.page import PageRequest
from omniforge_graph.domain.selection import PromptSlot, check_slots
from omniforge_graph.errors import ValidationError


def test_a_page_is_twenty_forward_unless_told() -> None:
    assert PageRequest.of() == PageRequest(20, backward=False)
    assert PageRequest.of(first=0).size == 0
    assert PageRequest.of(last=5, before="x") == PageRequest(5, before="x", backward=True)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [({"first": 101}, "first"), ({"first": -1}, "first"), ({"last": 101}, "last"), ({"first": 1, "last": 1}, "last")],
)
def test_contradictory_or_oversized_pages_are_refused(arguments: dict[str, int], path: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        PageRequest.of(**arguments)
    assert refusal.value.path == (path,)


@pytest.mark.parametrize(
    ("slots", "path"),
    [
        ([], ("prompts",)),
        ([PromptSlot("a", "p")] * 101, ("prompts",)),
        ([PromptSlot("a", "p"), PromptSlot("a", "q")], ("prompts", 1, "slot")),
        ([PromptSlot("a")], ("prompts", 0)),
        ([PromptSlot("a", "p", "k")], ("prompts", 0)),
        ([PromptSlot("", "p")], ("prompts", 0, "slot")),
    ],
)
def test_slots(slots: list[PromptSlot], path: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refusal:
        check_slots(slots)
    assert refusal.value.path == path
