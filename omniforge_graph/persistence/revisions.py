"""Prompts and experiments by their revisions: an entity at one revision never changes, so it is read once.

Each list is asked of the database; what the database tells is which entities it holds, and at which revision.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from omniforge_graph.persistence.session import Session
from omniforge_graph.services.remembering import Remembered


class Revised(Protocol):
    """What has an id and a revision that grows with every change."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def revision(self) -> int:
        """Its revision."""


E = TypeVar("E", bound=Revised)

Fetch = Callable[[Session, list[str]], Awaitable[Iterable[tuple[E, int]]]]
"""Reads the entities of these ids as they are now, each with the bytes that its texts take, roughly."""


class Revisions(Generic[E]):
    """Remembers the entities of one table, each at the revisions it was read at."""

    def __init__(self, fetch: Fetch[E]) -> None:
        self._fetch = fetch
        self._known: Remembered[tuple[str, int], E] = Remembered()

    async def read(self, session: Session, sql: str, values: Sequence[Any]) -> list[E]:
        """Return the entities whose `id` and `revision` the statement gives, in its order.

        What is not remembered at that revision is fetched. The answer is what the one statement saw: when something
        changes before it is fetched, the statement is run again. What cannot be fetched at all, for it is not whole, is
        left out.
        """
        before: list[tuple[str, int]] | None = None
        while True:
            keys = [(row["id"], row["revision"]) for row in await session.rows(sql, *values)]
            known = {key: entity for key in keys if (entity := self._known.get(key)) is not None}
            missing = [entity_id for entity_id, revision in keys if (entity_id, revision) not in known]
            if missing:
                for entity, texts in await self._fetch(session, missing):
                    key = entity.id, entity.revision
                    known[key] = self._known.keep(key, entity, texts)
            if keys == before or all(key in known for key in keys):
                return [known[key] for key in keys if key in known]
            before = keys
