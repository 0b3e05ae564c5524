"""Selection: which version of each prompt a unit gets. Answers from memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from omniforge_graph.domain.caller import OPERATOR, Caller
from omniforge_graph.domain.selection import MAX_SLOTS, Slot, VariantSelection, check_slots
from omniforge_graph.domain.text import MAX_IDENTIFIER, clean_text, is_ordinary
from omniforge_graph.errors import PromptNotFoundError
from omniforge_graph.services.feed import ChangeFeed
from omniforge_graph.services.identity import utc_now
from omniforge_graph.services.keeper import SnapshotKeeper
from omniforge_graph.services.snapshot import Keys, PromptEntry
from omniforge_graph.telemetry import Telemetry

MAX_NAMES = 10_000
"""How many names of slots are remembered as being in order."""
_NO_KEYS: Keys = {}


@dataclass(frozen=True, slots=True)
class Standing:
    """What selection answers from.

    `age` is how many seconds ago it was known to be up to date, infinite while there is nothing; `saved_at` is when it
    was saved if it comes from a saved snapshot; `running` is how many experiments run.
    """

    age: float
    saved_at: datetime | None
    running: int


class Selector:
    """Resolves slots against the snapshot and assigns the unit."""

    def __init__(self, keeper: SnapshotKeeper, feed: ChangeFeed, telemetry: Telemetry | None = None) -> None:
        self._keeper = keeper
        self._feed = feed
        self._telemetry = telemetry or Telemetry()
        self._names: set[str] = set()
        self._repeated: object = None
        self._repeat: Callable[[], bool] = bool

    def standing(self) -> Standing:
        """Return what selection answers from at this moment."""
        saved_at = self._keeper.saved_at
        age = self._feed.age if saved_at is None else (utc_now() - saved_at).total_seconds()
        return Standing(age, saved_at, self._keeper.running)

    def repeat(self) -> Callable[[], bool]:
        """Return a function to repeat a selection of now: it counts one and returns True if that would be the same.

        That is so while the snapshot is the same, and fresh; as long, it is also the same function.
        """
        token = self._keeper.snapshot.token
        if self._repeated is not token:
            self._repeated, self._repeat = token, self._repeater(token)
        return self._repeat

    def _repeater(self, token: object) -> Callable[[], bool]:
        keeper, is_fresh, telemetry = self._keeper, self._feed.is_fresh, self._telemetry

        def repeat() -> bool:
            if keeper.snapshot.token is not token or not is_fresh():
                return False
            telemetry.selections += 1
            return True

        return repeat

    async def select_all(
        self,
        slots: Sequence[Slot],
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
        unit = tenant_id if unit_id is None else unit_id
        entries = self._at_hand(slots, tenant_id, unit, caller)
        if entries is None:
            entries = await self._find(slots, tenant_id, unit_id, caller)
        self._telemetry.selections += len(entries)
        return [
            (entry.assigned(tenant_id, unit) or entry.current).to(slots[index].slot)
            for index, entry in enumerate(entries)
        ]

    async def select_first(
        self,
        slots: Sequence[Slot],
        tenant_id: str,
        *,
        unit_id: str | None = None,
        caller: Caller = OPERATOR,
    ) -> VariantSelection | None:
        """Return the selection of the first slot whose prompt has a running experiment; None when none has."""
        unit = tenant_id if unit_id is None else unit_id
        entries = self._at_hand(slots, tenant_id, unit, caller)
        if entries is None:
            entries = await self._find(slots, tenant_id, unit_id, caller)
        selection = self._first(entries, slots, tenant_id, unit)
        self._telemetry.selections += selection is None
        return selection

    def select_first_at_hand(
        self, slots: Sequence[Slot], tenant_id: str, unit_id: str, caller: Caller
    ) -> VariantSelection | None:
        """Return what `select_first` would, if that is known without waiting; None says nothing: ask `select_first`."""
        entries = self._at_hand(slots, tenant_id, unit_id, caller)
        return None if entries is None else self._first(entries, slots, tenant_id, unit_id)

    def _first(
        self, entries: Sequence[PromptEntry], slots: Sequence[Slot], tenant_id: str, unit: str
    ) -> VariantSelection | None:
        for index, entry in enumerate(entries):  # zip, when strict, takes a third of the whole selection's time
            answer = entry.assigned(tenant_id, unit)
            if answer is not None:
                self._telemetry.selections += 1
                return answer.to(slots[index].slot)
        return None

    def _at_hand(self, slots: Sequence[Slot], tenant_id: str, unit: str, caller: Caller) -> list[PromptEntry] | None:
        """Return what `_find` would, without waiting; None if anything at all is out of the ordinary."""
        confined = caller.tenant_id
        if (
            not self._feed.is_fresh()
            or (confined is not None and confined != tenant_id)
            or not is_ordinary(unit, MAX_IDENTIFIER)
            or (unit is not tenant_id and not is_ordinary(tenant_id, MAX_IDENTIFIER))
            or not 1 <= len(slots) <= MAX_SLOTS
        ):
            return None
        known, snapshot = self._names, self._keeper.snapshot
        by_id, shared, own = snapshot.by_id, snapshot.by_key[None], snapshot.by_key.get(tenant_id, _NO_KEYS)
        entries = []
        for slot in slots:
            name, key = slot.slot, slot.prompt_key
            if name.__class__ is not str or name not in known:
                return None
            if key is None:
                entry = by_id.get(slot.prompt_id)  # type: ignore[arg-type]  # nothing has the id None
                if entry is None or (entry.tenant_id is not None and entry.tenant_id != tenant_id):
                    return None
            else:
                entry = (own and own.get(key)) or shared.get(key)
                if entry is None or slot.prompt_id is not None:
                    return None
            entries.append(entry)
        return entries if len(entries) == 1 or len({slot.slot for slot in slots}) == len(entries) else None

    async def _find(
        self, slots: Sequence[Slot], tenant_id: str, unit_id: str | None, caller: Caller
    ) -> list[PromptEntry]:
        """Check everything, make sure that the snapshot is fresh, and return each slot's prompt."""
        check_slots(slots)
        clean_text(tenant_id, ("tenantId",), maximum=MAX_IDENTIFIER)
        if unit_id is not None:
            clean_text(unit_id, ("unitId",), maximum=MAX_IDENTIFIER)
        caller.scope(tenant_id)
        if len(self._names) + len(slots) > MAX_NAMES:
            self._names.clear()
        self._names.update(slot.slot for slot in slots)
        await self._feed.freshen()
        entries = [self._look_up(slot, tenant_id) for slot in slots]
        if None in entries:
            # A prompt created a moment ago in another process is in the database but not yet in the snapshot.
            await self._feed.seek()
            entries = [self._look_up(slot, tenant_id) for slot in slots]
        found = [entry for entry in entries if entry is not None]
        if len(found) < len(slots):
            index = entries.index(None)
            raise _unknown(slots[index], index)
        return found

    def _look_up(self, slot: Slot, tenant_id: str) -> PromptEntry | None:
        snapshot = self._keeper.snapshot
        if slot.prompt_id is not None:
            return snapshot.find(slot.prompt_id, tenant_id, by_key=False)
        assert slot.prompt_key is not None
        return snapshot.find(slot.prompt_key, tenant_id, by_key=True)


def _unknown(slot: Slot, index: int) -> PromptNotFoundError:
    field, name = ("promptId", slot.prompt_id) if slot.prompt_id is not None else ("promptKey", slot.prompt_key)
    return PromptNotFoundError(
        f"Slot {slot.slot!r}: there is no prompt with {field} {name!r} that this tenant can use.",
        path=("prompts", index, field),
    )
