"""How far imports have come that are not at their end yet."""

from dataclasses import asdict

from omniforge_graph.persistence.store import Store
from omniforge_graph.services.importing import ImportProgress

COLUMNS = tuple(ImportProgress.__dataclass_fields__)
SAVE = f"""
INSERT INTO import_progress (id, {", ".join(COLUMNS)}) VALUES (?{", ?" * len(COLUMNS)})
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{each} = excluded.{each}" for each in COLUMNS)}
"""  # noqa: S608 - constants


class ImportProgressStore(Store):
    """Stores the progress of imports."""

    async def get_progress(self, id: str) -> ImportProgress | None:  # noqa: A002 - the port's word
        """Return how far an import came before it was interrupted, None if it was not."""
        async with self._database.reading() as session:
            rows = await session.rows(f"SELECT {', '.join(COLUMNS)} FROM import_progress WHERE id = ?", id)  # noqa: S608
        return ImportProgress(**dict(rows[0])) if rows else None

    async def save_progress(self, id: str, progress: ImportProgress) -> None:  # noqa: A002
        """Keep how far an import has come."""
        async with self._database.transaction() as session:
            await session.run(SAVE, id, *asdict(progress).values())

    async def forget_progress(self, id: str) -> None:  # noqa: A002
        """Forget an import that is at its end."""
        async with self._database.transaction() as session:
            await session.run("DELETE FROM import_progress WHERE id = ?", id)
