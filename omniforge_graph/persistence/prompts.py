"""Prompts and their versions."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from omniforge_graph.domain.change import Signature, Subject
from omniforge_graph.domain.page import Page, PageRequest, to_number
from omniforge_graph.domain.prompt import Prompt, PromptVersion
from omniforge_graph.errors import DuplicateError, PromptNotFoundError
from omniforge_graph.persistence.mapping import VERSION_COLUMNS, prompt_row, to_prompt, to_version, version_row
from omniforge_graph.persistence.paging import Conditions, storable, stretch
from omniforge_graph.persistence.session import UniqueViolation
from omniforge_graph.persistence.store import Store

SELECT_VERSIONS = f"SELECT {VERSION_COLUMNS} FROM prompt_version v"  # noqa: S608 - a constant


class PromptStore(Store):
    """Stores prompts and versions."""

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
        found = await self._prompts("prompt", Conditions().among("p.id", ids))
        return {prompt.id: prompt for prompt in found}

    async def get_prompts_by_key(self, keys: Collection[str]) -> list[Prompt]:
        """Return the prompts of these keys, of all tenants."""
        return await self._prompts("prompt", Conditions().among("p.key", keys))

    async def list_prompts(self, page: PageRequest, tenant_id: str | None) -> Page[Prompt]:
        """List prompts: all, or a tenant's and the shared ones."""
        subquery, values = stretch("prompt", Conditions().visible_to(tenant_id), page)
        return Page.of(await self._prompts(subquery, Conditions(), values), page)

    async def count_prompts(self, tenant_id: str | None) -> int:
        """Count what `list_prompts` lists."""
        where = Conditions().visible_to(tenant_id)
        async with self._database.reading() as session:
            rows = await session.rows(where.sql("SELECT COUNT(*) AS n FROM prompt"), *where.values)
        return int(rows[0]["n"])

    async def all_prompts(self) -> list[Prompt]:
        """Return every prompt with its current version, for the snapshot that selection reads."""
        return await self._prompts("prompt", Conditions())

    async def _prompts(self, source: str, where: Conditions, values: Sequence[Any] = ()) -> list[Prompt]:
        head = f"SELECT p.*, {VERSION_COLUMNS} FROM {source} p "  # noqa: S608 - constants
        join = "JOIN prompt_version v ON v.id = p.current_version_id"
        async with self._database.reading() as session:
            rows = await session.rows(where.sql(head + join, "ORDER BY p.id DESC"), *values, *where.values)
        return [to_prompt(row) for row in rows]

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
        async with self._database.reading() as session:
            rows = await session.rows(f"{SELECT_VERSIONS} WHERE v.id IN (?*)", storable(ids))
        return {version.id: version for version in map(to_version, rows)}

    async def list_versions(self, prompt_ids: Collection[str], page: PageRequest) -> dict[str, Page[PromptVersion]]:
        """Return the same page of each prompt's versions, highest number first, in one query."""
        where = Conditions().among("prompt_id", prompt_ids)
        if page.after is not None:
            where.add("number < ?", to_number(page.after, "after"))
        if page.before is not None:
            where.add("number > ?", to_number(page.before, "before"))
        direction = "ASC" if page.backward else "DESC"
        ranked = f"SELECT *, ROW_NUMBER() OVER (PARTITION BY prompt_id ORDER BY number {direction}) AS place FROM"
        head = f"SELECT {VERSION_COLUMNS} FROM ({where.sql(f'{ranked} prompt_version')}) v"  # noqa: S608 - constants
        async with self._database.reading() as session:
            rows = await session.rows(f"{head} WHERE place <= ? ORDER BY number DESC", *where.values, page.size + 1)
        found: dict[str, list[PromptVersion]] = {prompt_id: [] for prompt_id in prompt_ids}
        for version in map(to_version, rows):
            found[version.prompt_id].append(version)
        return {prompt_id: Page.of(versions, page) for prompt_id, versions in found.items()}

    async def count_versions(self, prompt_ids: Collection[str]) -> dict[str, int]:
        """Count each prompt's versions."""
        sql = "SELECT prompt_id, COUNT(*) AS n FROM prompt_version WHERE prompt_id IN (?*) GROUP BY prompt_id"
        async with self._database.reading() as session:
            counted = {row["prompt_id"]: int(row["n"]) for row in await session.rows(sql, storable(prompt_ids))}
        return {prompt_id: counted.get(prompt_id, 0) for prompt_id in prompt_ids}
