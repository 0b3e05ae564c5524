"""Prompts, each with its current version."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from omniforge_graph.domain.change import Signature, Subject
from omniforge_graph.domain.page import Page, PageRequest
from omniforge_graph.domain.prompt import Prompt
from omniforge_graph.errors import DuplicateError
from omniforge_graph.persistence.database import Database
from omniforge_graph.persistence.mapping import VERSION_COLUMNS, prompt_row, to_prompt, version_row
from omniforge_graph.persistence.paging import Conditions, everything, stretch
from omniforge_graph.persistence.revisions import Revisions
from omniforge_graph.persistence.session import Session, UniqueViolation
from omniforge_graph.persistence.versions import VersionStore
from omniforge_graph.services.remembering import texts_of

SELECT_PROMPTS = f"SELECT p.*, {VERSION_COLUMNS} FROM prompt p JOIN prompt_version v ON v.id = p.current_version_id"  # noqa: S608
ROWS_PER_TURN = 500
"""How many rows become values before others have a turn: some milliseconds."""


class PromptStore(VersionStore):
    """Stores prompts; `VersionStore` stores their versions."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._revisions_of_prompts = Revisions(self._fetch_prompts)

    async def add_prompt(self, prompt: Prompt, signature: Signature) -> None:
        """Store a prompt with its first version (number 1). `DuplicateError` if the tenant has the key already."""
        try:
            async with self._change(Subject.PROMPT_CREATED, signature, prompt=prompt) as session:
                # Each of the two rows points at the other one, so the prompt comes first without its version.
                await session.insert("prompt", prompt_row(prompt) | {"current_version_id": None})
                await session.insert("prompt_version", version_row(prompt.current_version))
                await session.run(
                    "UPDATE prompt SET current_version_id = ? WHERE id = ?", prompt.current_version_id, prompt.id
                )
        except UniqueViolation:
            owner = "shared by all tenants" if prompt.tenant_id is None else f"of tenant {prompt.tenant_id!r}"
            raise DuplicateError(
                f"A prompt {owner} with the key {prompt.key!r} exists; choose another key.", path=("key",)
            ) from None

    async def get_prompts(self, ids: Collection[str]) -> dict[str, Prompt]:
        """Return the prompts of these ids, each with its current version."""
        found = await self._prompts(*everything("prompt", Conditions().among("id", ids)))
        return {prompt.id: prompt for prompt in found}

    async def get_prompts_by_key(self, keys: Collection[str]) -> list[Prompt]:
        """Return the prompts of these keys, of all tenants."""
        return await self._prompts(*everything("prompt", Conditions().among("key", keys)))

    async def list_prompts(self, page: PageRequest, tenant_id: str | None) -> Page[Prompt]:
        """List prompts: all, or a tenant's and the shared ones."""
        return Page.of(await self._prompts(*stretch("prompt", Conditions().visible_to(tenant_id), page)), page)

    async def count_prompts(self, tenant_id: str | None) -> int:
        """Count what `list_prompts` lists."""
        where = Conditions().visible_to(tenant_id)
        async with self._database.reading() as session:
            rows = await session.rows(where.sql("SELECT COUNT(*) AS n FROM prompt"), *where.values)
        return int(rows[0]["n"])

    async def all_prompts(self) -> list[Prompt]:
        """Return every prompt with its current version, for the snapshot that selection reads."""
        async with self._database.reading(study=True) as session:
            rows = await session.rows(f"{SELECT_PROMPTS} ORDER BY p.id DESC")
        prompts: list[Prompt] = []
        for start in range(0, len(rows), ROWS_PER_TURN):
            prompts += [to_prompt(row, self._version(row)) for row in rows[start : start + ROWS_PER_TURN]]
            await asyncio.sleep(0)
        return prompts

    async def _prompts(self, sql: str, values: Sequence[Any]) -> list[Prompt]:
        async with self._database.reading() as session:
            return await self._revisions_of_prompts.read(session, sql, values)

    async def _fetch_prompts(self, session: Session, ids: list[str]) -> Iterable[tuple[Prompt, int]]:
        rows = await session.rows(f"{SELECT_PROMPTS} WHERE p.id IN (?*)", ids)
        prompts = [to_prompt(row, self._version(row)) for row in rows]
        return [(prompt, texts_of(prompt)) for prompt in prompts]
