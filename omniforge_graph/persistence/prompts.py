"""Prompts and their versions."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from omniforge_graph.domain.change import Signature, Subject
from omniforge_graph.domain.page import Page, PageRequest, to_number
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.errors import DuplicateError, PromptNotFoundError
from omniforge_graph.persistence.database import Database
from omniforge_graph.persistence.mapping import VERSION_COLUMNS, prompt_row, to_prompt, to_version, version_row
from omniforge_graph.persistence.paging import Conditions, everything, storable, stretch
from omniforge_graph.persistence.revisions import Revisions
from omniforge_graph.persistence.session import Row, Session, UniqueViolation
from omniforge_graph.persistence.store import Store
from omniforge_graph.services.remembering import Remembered

SELECT_VERSIONS = f"SELECT {VERSION_COLUMNS} FROM prompt_version v"  # noqa: S608 - a constant
SELECT_PROMPTS = f"SELECT p.*, {VERSION_COLUMNS} FROM prompt p JOIN prompt_version v ON v.id = p.current_version_id"  # noqa: S608
FROM_VERSIONS = "FROM prompt p JOIN prompt_version v ON v.prompt_id = p.id"
MAX_NUMBER = 2**31 - 1
ROWS_PER_TURN = 500
"""How many rows become values before others have a turn: some milliseconds."""


class PromptStore(Store):
    """Stores prompts and versions. A version never changes, so each is read once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._versions: Remembered[str, PromptVersion] = Remembered()
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
        return [(to_prompt(row, self._version(row)), len(row["description"])) for row in rows]

    async def add_version(self, version: PromptVersion) -> PromptVersion:
        """Store a version under its prompt's next number (the given number is ignored) and return it."""
        async with self._database.transaction() as session:
            # Locks the prompt's row, so that two versions at the same time get two numbers.
            if not await session.run("UPDATE prompt SET revision = revision WHERE id = ?", version.prompt_id):
                raise PromptNotFoundError(f"There is no prompt {version.prompt_id!r}.", path=("promptId",))
            sql = "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM prompt_version WHERE prompt_id = ?"
            numbered = replace(version, number=(await session.rows(sql, version.prompt_id))[0]["next"])
            await session.insert("prompt_version", version_row(numbered))
        return numbered

    async def get_versions(self, ids: Collection[str]) -> dict[str, PromptVersion]:
        """Return the versions of these ids."""
        found = {version_id: self._versions.get(version_id) for version_id in storable(ids)}
        missing = [version_id for version_id, version in found.items() if version is None]
        if missing:
            async with self._database.reading() as session:
                rows = await session.rows(f"{SELECT_VERSIONS} WHERE v.id IN (?*)", missing)
            found.update((version.id, version) for version in map(self._version, rows))
        return {version_id: version for version_id, version in found.items() if version is not None}

    def _version(self, row: Row) -> PromptVersion:
        """Return the version of a row with `VERSION_COLUMNS`: the one remembered, so that it is made once."""
        version = self._versions.get(row["version_id"])
        if version is not None:
            return version
        return self._versions.keep(row["version_id"], to_version(row), len(row["content"]) + len(row["parameters"]))

    async def list_versions(self, prompt_ids: Collection[str], page: PageRequest) -> dict[str, Page[PromptVersion]]:
        """Return the same page of each prompt's versions, highest number first."""
        where = _page_of_versions(prompt_ids, page)
        sql = where.sql(f"SELECT v.id, v.prompt_id {FROM_VERSIONS}", "ORDER BY v.number DESC")
        async with self._database.reading() as session:
            rows = await session.rows(sql, *where.values)
        versions = await self.get_versions([row["id"] for row in rows])
        found: dict[str, list[PromptVersion]] = {prompt_id: [] for prompt_id in prompt_ids}
        for row in rows:
            found[row["prompt_id"]].append(versions[row["id"]])
        return {prompt_id: Page.of(listed, page) for prompt_id, listed in found.items()}

    async def count_versions(self, prompt_ids: Collection[str]) -> dict[str, int]:
        """Count each prompt's versions."""
        sql = "SELECT prompt_id, COUNT(*) AS n FROM prompt_version WHERE prompt_id IN (?*) GROUP BY prompt_id"
        async with self._database.reading() as session:
            counted = {row["prompt_id"]: int(row["n"]) for row in await session.rows(sql, storable(prompt_ids))}
        return {prompt_id: counted.get(prompt_id, 0) for prompt_id in prompt_ids}


def _page_of_versions(prompt_ids: Collection[str], page: PageRequest) -> Conditions:
    """Admit, of each prompt, the versions of the page and one more: up to the one that many places away."""
    where, ahead = Conditions().among("p.id", prompt_ids), Conditions().add("w.prompt_id = p.id")
    for rule, number in (("< ?", to_number(page.after, "after")), ("> ?", to_number(page.before, "before"))):
        if number is not None:
            where.add(f"v.number {rule}", number)
            ahead.add(f"w.number {rule}", number)
    rule, order, end = ("<=", "ASC", MAX_NUMBER) if page.backward else (">=", "DESC", 0)
    last = ahead.sql("SELECT w.number FROM prompt_version w", f"ORDER BY w.number {order} LIMIT 1 OFFSET ?")
    return where.add(f"v.number {rule} COALESCE(({last}), {end})", *ahead.values, page.size)
