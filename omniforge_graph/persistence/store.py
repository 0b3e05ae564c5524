"""What the parts of the repository share: the database, and how a change of the lifecycle is made."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omniforge_graph.domain.change import Signature, Subject
from omniforge_graph.domain.experiment import PromptExperiment
from omniforge_graph.domain.prompt import Prompt
from omniforge_graph.persistence.database import Database
from omniforge_graph.persistence.mapping import change_row
from omniforge_graph.persistence.session import Session
from omniforge_graph.services.repository import PromptRepository


class Store(PromptRepository):
    """A part of the repository; the whole is `TortoiseRepository`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def _change(
        self,
        subject: Subject,
        signature: Signature,
        *,
        experiment: PromptExperiment | None = None,
        prompt: Prompt | None = None,
    ) -> AsyncIterator[Session]:
        """Yield a session in a transaction that ends with an entry in the audit trail, which is also the feed.

        It begins by drawing a ticket. The ticket's row stays locked until the transaction ends, so changes happen one
        after the other, what the block reads holds until the commit, and sequences have the order of the commits
        without gaps.
        """
        async with self._database.in_line(), self._database.transaction() as session:
            drawing = "UPDATE ticket SET value = value + 1 WHERE id = 1 RETURNING value"
            rows = await session.rows(drawing + self._database.announcing)
            yield session
            await session.insert("change", change_row(rows[0]["value"], subject, signature, experiment, prompt))
