"""The schema: migrations applied, and the check that they have been."""

import pkgutil
from functools import cache
from typing import Any

from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor, SqliteSchemaEditor

from omniforge_graph.errors import SchemaError
from omniforge_graph.persistence import migrations
from omniforge_graph.persistence.database import connect
from omniforge_graph.persistence.session import PATIENT, Limits, Session

APP = "omniforge"
APPS: dict[str, dict[str, Any]] = {
    APP: {
        "models": ["omniforge_graph.persistence.models"],
        "migrations": migrations.__name__,
        "default_connection": "default",
    }
}
TORTOISE_ORM = {"connections": {"default": "sqlite://:memory:"}, "apps": APPS}
"""Lets ``tortoise -c omniforge_graph.persistence.schema.TORTOISE_ORM makemigrations`` write the next migration."""


async def migrate(url: str, limits: Limits = PATIENT) -> tuple[str, ...]:
    """Bring a database to this release's schema and return the names of the migrations that were missing.

    All happens in one transaction behind a lock: several processes may call this at once, and one that is killed
    half-way leaves nothing behind.
    """
    async with connect(url, limits, create=True) as database, database.migration() as client:
        editor = SqliteSchemaEditor if client.capabilities.dialect == "sqlite" else AsyncpgSchemaEditor
        recorder = MigrationRecorder(client)
        # Made first: PostgreSQL ends a transaction in which somebody asks for a table that is not there.
        await recorder.ensure_schema(editor(client, atomic=False))
        before = {key.name for key in await recorder.applied_migrations()}
        with TortoiseContext() as context:  # where Tortoise looks the connection up by its name
            context.connections.set(client.connection_name, client)
            await MigrationExecutor(client, APPS).migrate(direction="forward")
        return tuple(sorted(expected_migrations() - before))


@cache
def expected_migrations() -> frozenset[str]:
    """Return the names of the migrations this release needs."""
    return frozenset(name for _, name, _ in pkgutil.iter_modules(migrations.__path__) if not name.startswith("_"))


async def check_schema(session: Session) -> None:
    """Raise `SchemaError` if the database has not been migrated, or by a newer release."""
    rows = await session.rows("SELECT name FROM tortoise_migrations WHERE app = ?", APP)
    applied = {row["name"] for row in rows}
    if missing := expected_migrations() - applied:
        raise SchemaError(
            f"The database lacks the migrations {', '.join(sorted(missing))}: run `omniforge-graph migrate`."
        )
    if unknown := applied - expected_migrations():
        raise SchemaError(
            f"The database has migrations of a newer release ({', '.join(sorted(unknown))}): install that release."
        )
