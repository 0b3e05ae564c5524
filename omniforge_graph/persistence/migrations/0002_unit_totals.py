"""Attributes of exposures, looks, and the totals of each unit, made here from the events that are there already."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# A key of two columns is more than Tortoise can express. On SQLite the table is its key's tree; on PostgreSQL pages
# keep some room, so that a total can grow in its place.
CREATE_TOTALS = """
CREATE TABLE unit_total (
    source_id BIGINT NOT NULL,
    exposure_id BIGINT NOT NULL,
    variant_id VARCHAR(64) NOT NULL,
    outcomes BIGINT NOT NULL,
    ones BIGINT NOT NULL,
    total DOUBLE PRECISION NOT NULL,
    squares DOUBLE PRECISION NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (source_id, exposure_id)
)
"""
STORAGE = {"sqlite": "WITHOUT ROWID", "postgres": "WITH (fillfactor = 80)"}

# The experiments that this finds know no metric but those recorded under their own keys, and no covariates.
FILL_SOURCES = {
    "sqlite": """
        INSERT INTO experiment_source (experiment_id, metric, before_exposure)
        SELECT e.id, json_extract(m.value, '$.key'), 0 FROM experiment e, json_each(e.metrics) m WHERE true
        ON CONFLICT DO NOTHING
    """,
    "postgres": """
        INSERT INTO experiment_source (experiment_id, metric, before_exposure)
        SELECT e.id, m.value ->> 'key', FALSE
        FROM experiment e CROSS JOIN LATERAL json_array_elements(CAST(e.metrics AS JSON)) AS m (value)
        ON CONFLICT DO NOTHING
    """,
}
FILL_TOTALS = """
WITH asked AS MATERIALIZED (
    SELECT x.id AS exposure_id, x.variant_id, x.unit_id, x.experiment_id, x.occurred_at AS exposed_at,
        s.id AS source_id, s.metric, e.end_date, e.tenant_id
    FROM exposure x CROSS JOIN experiment_source s CROSS JOIN experiment e
    WHERE s.experiment_id = x.experiment_id AND e.id = x.experiment_id
)
INSERT INTO unit_total (source_id, exposure_id, variant_id, outcomes, ones, total, squares, last_at)
SELECT a.source_id, a.exposure_id, a.variant_id, COUNT(*), SUM(CASE WHEN o.value = 1 THEN 1 ELSE 0 END), SUM(o.value),
    SUM(
        CASE WHEN ABS(o.value) < 1.6e-162 THEN 0 WHEN ABS(o.value) > 1e150 THEN 1e300 ELSE o.value * o.value END
    ), MAX(o.occurred_at)
FROM asked a CROSS JOIN outcome o
WHERE o.metric = a.metric AND o.unit_id = a.unit_id
    AND o.occurred_at >= a.exposed_at AND (a.end_date IS NULL OR o.occurred_at <= a.end_date)
    AND (o.experiment_id IS NULL OR o.experiment_id = a.experiment_id)
    AND (o.tenant_id IS NULL OR a.tenant_id IS NULL OR o.tenant_id = a.tenant_id)
GROUP BY a.source_id, a.exposure_id, a.variant_id
"""


async def make_totals(_: Any, editor: Any) -> None:
    dialect = editor.client.capabilities.dialect
    for statement in (f"{CREATE_TOTALS} {STORAGE[dialect]}", FILL_SOURCES[dialect], FILL_TOTALS):
        await editor.client.execute_query(statement)


async def drop_totals(_: Any, editor: Any) -> None:
    await editor.client.execute_query("DROP TABLE unit_total")


def _experiment() -> Any:
    return fields.ForeignKeyField(
        "omniforge.ExperimentRow",
        source_field="experiment_id",
        db_constraint=True,
        to_field="id",
        related_name=False,
        on_delete=OnDelete.RESTRICT,
    )


class Migration(migrations.Migration):
    dependencies = [("omniforge", "0001_initial")]

    operations = [
        ops.AddField("ExposureRow", "attributes", fields.TextField(null=True, unique=False)),
        ops.AddIndex("ExposureRow", Index(fields=["unit_id"])),
        ops.CreateModel(
            name="SourceRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("experiment", _experiment()),
                ("metric", fields.CharField(max_length=128)),
                ("before_exposure", fields.BooleanField()),
            ],
            options={
                "table": "experiment_source",
                "app": "omniforge",
                "unique_together": (("experiment", "metric", "before_exposure"),),
                "pk_attr": "id",
                "table_description": (
                    "What each experiment needs of its units: outcomes of a metric, from the exposure on or before it."
                ),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LookRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("experiment", _experiment()),
                ("number", fields.IntField()),
                ("at", fields.BigIntField()),
                ("payload", fields.TextField(unique=False)),
            ],
            options={
                "table": "look",
                "app": "omniforge",
                "unique_together": (("experiment", "number"),),
                "pk_attr": "id",
                "table_description": "Looks at experiments that count.",
            },
            bases=["Model"],
        ),
        ops.RunPython(make_totals, drop_totals),
        # For the end of an experiment, which looks for outcomes after it.
        ops.AddIndex("OutcomeRow", Index(fields=["occurred_at"])),
    ]
