"""What becomes of outcomes that are purged, and how far imports have come."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

# An outcome's experiment and sender's tenant are empty text here where they are null there: they are part of the key.
# On SQLite each table is its key's tree.
TABLES = {
    "outcome_sum": """
        unit_id VARCHAR(256) NOT NULL,
        metric VARCHAR(128) NOT NULL,
        first_at BIGINT NOT NULL,
        experiment_id VARCHAR(64) NOT NULL,
        tenant_id VARCHAR(256) NOT NULL,
        last_at BIGINT NOT NULL,
        outcomes BIGINT NOT NULL,
        ones BIGINT NOT NULL,
        total DOUBLE PRECISION NOT NULL,
        size DOUBLE PRECISION NOT NULL,
        squares DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (unit_id, metric, first_at, experiment_id, tenant_id)
    """,
    "purged_event": """
        event_id VARCHAR(256) NOT NULL,
        tenant_id VARCHAR(256) NOT NULL,
        PRIMARY KEY (event_id, tenant_id)
    """,
    "retention": """
        id INT NOT NULL PRIMARY KEY,
        purged_before BIGINT NOT NULL,
        claimed_until BIGINT NOT NULL
    """,
    "import_progress": """
        id VARCHAR(64) NOT NULL PRIMARY KEY,
        line BIGINT NOT NULL,
        accepted BIGINT NOT NULL,
        duplicates BIGINT NOT NULL,
        rejected BIGINT NOT NULL,
        report_bytes BIGINT NOT NULL
    """,
}
STORAGE = {"sqlite": "WITHOUT ROWID", "postgres": ""}


async def create(_: Any, editor: Any) -> None:
    dialect = editor.client.capabilities.dialect
    for table, columns in TABLES.items():
        await editor.client.execute_query(f"CREATE TABLE {table} ({columns}) {STORAGE[dialect]}")
    long_ago = -(2**62)
    await editor.client.execute_query(
        f"INSERT INTO retention (id, purged_before, claimed_until) VALUES (1, {long_ago}, {long_ago})"  # noqa: S608
    )


async def drop(_: Any, editor: Any) -> None:
    for table in TABLES:
        await editor.client.execute_query(f"DROP TABLE {table}")


class Migration(migrations.Migration):
    dependencies = [("omniforge", "0003_exposure_counts")]

    operations = [ops.RunPython(create, drop)]
