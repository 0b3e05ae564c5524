"""Selection: which version of each prompt a unit gets. Answers from memory."""

from collections.abc import Sequence

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.selection import PromptSlot, SelectionReason, VariantSelection, check_slots
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text
from omniforge_graph.errors import PromptNotFoundError
from omniforge_graph.services.feed import ChangeFeed
from omniforge_graph.services.snapshot import PromptEntry, SnapshotKeeper


class Selector:
    """Resolves slots against the snapshot and assigns the unit."""

    def __init__(self, keeper: SnapshotKeeper, feed: ChangeFeed) -> None:
        self._keeper = keeper
        self._feed = feed

    async def select_all(
        self,
        slots: Sequence[PromptSlot],
        tenant_id: str,
        *,
        unit_id: str | None = None,
        caller: Caller = OPERATOR,
    ) -> list[VariantSelection]:
        """Return one selection per slot, in the order of the slots, always with a version to use.

        The unit is the tenant unless `unit_id` is given. A key names the tenant's own prompt first, else the shared
        one.

        Raises:
            PromptNotFoundError: a slot names no prompt that the tenant can use.
        """
        entries, unit = await self._prepare(slots, tenant_id, unit_id, caller)
        return [entry.select(slot.slot, tenant_id, unit) for slot, entry in zip(slots, entries, strict=True)]

    async def select_first(
        self,
        slots: Sequence[PromptSlot],
        tenant_id: str,
        *,
        unit_id: str | None = None,
        caller: Caller = OPERATOR,
    ) -> VariantSelection | None:
        """Return the selection of the first slot whose prompt has a running experiment; None when none has."""
        entries, unit = await self._prepare(slots, tenant_id, unit_id, caller)
        for slot, entry in zip(slots, entries, strict=True):
            selection = entry.select(slot.slot, tenant_id, unit)
            if selection.reason is SelectionReason.EXPERIMENT:
                return selection
        return None

    async def _prepare(
        self, slots: Sequence[PromptSlot], tenant_id: str, unit_id: str | None, caller: Caller
    ) -> tuple[list[PromptEntry], str]:
        check_slots(slots)
        clean_text(tenant_id, ("tenantId",), maximum=MAX_IDENTIFIER)
        unit = tenant_id if unit_id is None else clean_text(unit_id, ("unitId",), maximum=MAX_IDENTIFIER)
        caller.scope(tenant_id)
        await self._feed.freshen()
        entries = [self._find(slot, tenant_id) for slot in slots]
        if None in entries:
            # A prompt created a moment ago in another process is in the database but not yet in the snapshot.
            await self._feed.pull_quietly()
            entries = [self._find(slot, tenant_id) for slot in slots]
        found = [entry for entry in entries if entry is not None]
        if len(found) < len(slots):
            index = entries.index(None)
            raise _unknown(slots[index], index)
        return found, unit

    def _find(self, slot: PromptSlot, tenant_id: str) -> PromptEntry | None:
        snapshot = self._keeper.snapshot
        if slot.prompt_id is not None:
            return snapshot.find(slot.prompt_id, tenant_id, by_key=False)
        assert slot.prompt_key is not None
        return snapshot.find(slot.prompt_key, tenant_id, by_key=True)


def _unknown(slot: PromptSlot, index: int) -> PromptNotFoundError:
    field, name = ("promptId", slot.prompt_id) if slot.prompt_id is not None else ("promptKey", slot.prompt_key)
    return PromptNotFoundError(
        f"Slot {slot.slot!r}: there is no prompt with {field} {name!r} that this tenant can use.",
        path=("prompts", index, field),
    )
