"""How many units met each variant, what recording in large batches needs, and an index of what runs."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

# A key of two columns is more than Tortoise can express. On SQLite the table is its key's tree; on PostgreSQL pages
# keep some room, so that a count can grow in its place.
CREATE_COUNTS = """
CREATE TABLE exposure_count (
    experiment_id VARCHAR(64) NOT NULL,
    variant_id VARCHAR(64) NOT NULL,
    units BIGINT NOT NULL,
    PRIMARY KEY (experiment_id, variant_id)
)
"""
STORAGE = {"sqlite": "WITHOUT ROWID", "postgres": "WITH (fillfactor = 50)"}
FILL_COUNTS = """
INSERT INTO exposure_count (experiment_id, variant_id, units)
SELECT experiment_id, variant_id, COUNT(*) FROM exposure GROUP BY experiment_id, variant_id
"""

# On PostgreSQL a batch draws its ids at once, so the sequences step over as many as a batch may need. Who records
# exposures, and who records outcomes, take turns by a lock on a table without columns.
EVENTS = ("exposure", "outcome")
STEP = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), COALESCE(MAX(id), 0) + 1, false) FROM {table}"
WIDEN = "ALTER SEQUENCE {table}_id_seq INCREMENT BY {step}"
IDS_AT_ONCE = 100_000


async def prepare(_: Any, editor: Any) -> None:
    dialect = editor.client.capabilities.dialect
    statements = [f"{CREATE_COUNTS} {STORAGE[dialect]}", FILL_COUNTS]
    if dialect == "postgres":
        statements += [WIDEN.format(table=table, step=IDS_AT_ONCE) for table in EVENTS]
        statements += ["CREATE TABLE totals_lock ()"]
    for statement in statements:
        await editor.client.execute_query(statement)


async def undo(_: Any, editor: Any) -> None:
    statements = ["DROP TABLE exposure_count"]
    if editor.client.capabilities.dialect == "postgres":
        statements += [STEP.format(table=table) for table in EVENTS]
        statements += [WIDEN.format(table=table, step=1) for table in EVENTS]
        statements += ["DROP TABLE totals_lock"]
    for statement in statements:
        await editor.client.execute_query(statement)


class Migration(migrations.Migration):
    dependencies = [("omniforge", "0002_unit_totals")]

    operations = [
        ops.RunPython(prepare, undo),
        # For the snapshot, which reads the few that run among all that ever did.
        ops.RunSQL(
            "CREATE INDEX running_experiment ON experiment (id) WHERE status = 'RUNNING'",
            "DROP INDEX running_experiment",
        ),
    ]
