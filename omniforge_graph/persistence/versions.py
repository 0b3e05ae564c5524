"""Versions of prompts. They never change and are never deleted: each is read once."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from omniforge_graph.domain.page import Page, PageRequest, to_number
from omniforge_graph.domain.prompt import PromptVersion
from omniforge_graph.errors import PromptNotFoundError
from omniforge_graph.persistence.database import Database
from omniforge_graph.persistence.mapping import VERSION_COLUMNS, to_version, version_row
from omniforge_graph.persistence.paging import Conditions, storable
from omniforge_graph.persistence.session import Row
from omniforge_graph.persistence.store import Store
from omniforge_graph.services.remembering import Remembered, texts_of

SELECT = f"SELECT {VERSION_COLUMNS} FROM prompt_version v WHERE v.id IN (?*)"  # noqa: S608 - a constant
NEWEST = "(SELECT MAX(number) FROM prompt_version n WHERE n.prompt_id = p.id) AS newest"
SELECT_NEWEST = f"SELECT p.id, {NEWEST} FROM prompt p WHERE p.id IN (?*)"  # noqa: S608 - a constant
SELECT_PAGE = f"SELECT v.id, v.prompt_id, {NEWEST} FROM prompt p JOIN prompt_version v ON v.prompt_id = p.id"  # noqa: S608
MAX_NUMBER = 2**31 - 1


class VersionStore(Store):
    """Stores versions."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._versions: Remembered[str, PromptVersion] = Remembered()
        self._pages: Remembered[tuple[str, int, PageRequest], Page[PromptVersion]] = Remembered()

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
                rows = await session.rows(SELECT, missing)
            found.update((version.id, version) for version in map(self._version, rows))
        return {version_id: version for version_id, version in found.items() if version is not None}

    async def list_versions(self, prompt_ids: Collection[str], page: PageRequest) -> dict[str, Page[PromptVersion]]:
        """Return the same page of each prompt's versions, highest number first."""
        async with self._database.reading() as session:
            rows = await session.rows(SELECT_NEWEST, storable(prompt_ids))
        known = {row["id"]: self._pages.get((row["id"], row["newest"], page)) for row in rows}
        found = {prompt_id: listed for prompt_id, listed in known.items() if listed is not None}
        if len(found) < len(known):
            found |= await self._fetch_pages([prompt_id for prompt_id in known if prompt_id not in found], page)
        return {prompt_id: found.get(prompt_id) or Page.of((), page) for prompt_id in prompt_ids}

    async def _fetch_pages(self, prompt_ids: Collection[str], page: PageRequest) -> Mapping[str, Page[PromptVersion]]:
        """Read pages, and remember each as the page of a prompt whose newest version has the number it has."""
        where = _page_of_versions(prompt_ids, page)
        async with self._database.reading() as session:
            rows = await session.rows(where.sql(SELECT_PAGE, "ORDER BY v.number DESC"), *where.values)
        versions = await self.get_versions([row["id"] for row in rows])
        listed: dict[tuple[str, int], list[PromptVersion]] = {}
        for row in rows:
            listed.setdefault((row["prompt_id"], row["newest"]), []).append(versions[row["id"]])
        return {
            prompt_id: self._pages.keep((prompt_id, newest, page), Page.of(found, page), texts_of(found))
            for (prompt_id, newest), found in listed.items()
        }

    async def count_versions(self, prompt_ids: Collection[str]) -> dict[str, int]:
        """Count each prompt's versions."""
        sql = "SELECT prompt_id, COUNT(*) AS n FROM prompt_version WHERE prompt_id IN (?*) GROUP BY prompt_id"
        async with self._database.reading() as session:
            counted = {row["prompt_id"]: int(row["n"]) for row in await session.rows(sql, storable(prompt_ids))}
        return {prompt_id: counted.get(prompt_id, 0) for prompt_id in prompt_ids}

    def _version(self, row: Row) -> PromptVersion:
        """Return the version of a row with `VERSION_COLUMNS`: the one remembered, so that it is made once."""
        version = self._versions.get(row["version_id"])
        if version is not None:
            return version
        version = to_version(row)
        long = version.content, version.message, version.parameters
        return self._versions.keep(version.id, version, texts_of(long))


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
