"""Which version of a prompt to use for a unit, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.domain.text import clean_text
from omniforge_graph.errors import ValidationError

MAX_SLOTS = 100


class SelectionReason(StrEnum):
    """Why this version: a running experiment assigned it, or there is none and it is the current one."""

    EXPERIMENT = "EXPERIMENT"
    CURRENT_VERSION = "CURRENT_VERSION"


class Slot(Protocol):
    """A layer of the caller's prompt and the prompt that fills it, named by id or by key."""

    @property
    def slot(self) -> str:
        """The slot's name."""

    @property
    def prompt_id(self) -> str | None:
        """The prompt's id, or None."""

    @property
    def prompt_key(self) -> str | None:
        """The prompt's key, or None."""


class PromptSlot(msgspec.Struct, frozen=True, gc=False):
    """A slot as Python callers write it."""

    slot: str
    prompt_id: str | None = None
    prompt_key: str | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class VariantSelection:
    """The version to use for a slot. Experiment and variant are None when the current version answers.

    Selection makes one for each variant and slot's name and gives it to every unit of that variant, so whatever is
    made of it can be kept beside it. It is equal to itself alone.
    """

    slot: str
    prompt: Prompt
    prompt_version: PromptVersion
    reason: SelectionReason
    experiment_id: str | None = None
    variant_id: str | None = None
    variant_name: str | None = None

    @property
    def prompt_id(self) -> str:
        """The id of the prompt that fills the slot."""
        return self.prompt.id


def check_slots(slots: Sequence[Slot]) -> None:
    """Refuse no slots, too many, repeated names, and slots that do not name exactly one prompt."""
    if not 1 <= len(slots) <= MAX_SLOTS:
        raise ValidationError(f"Give 1 to {MAX_SLOTS} prompts, not {len(slots)}.", path=("prompts",))
    names: set[str] = set()
    for index, slot in enumerate(slots):
        path = ("prompts", index, "slot")
        clean_text(slot.slot, path)
        if slot.slot in names:
            raise ValidationError(f"Slot {slot.slot!r} is given twice.", path=path)
        names.add(slot.slot)
        if (slot.prompt_id is None) == (slot.prompt_key is None):
            raise ValidationError(
                f"Slot {slot.slot!r} must name its prompt by promptId or by promptKey: one of them.",
                path=("prompts", index),
            )
