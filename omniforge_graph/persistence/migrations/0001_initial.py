"""The first tables, with the indexes that Tortoise cannot express."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="PromptRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("tenant_id", fields.CharField(null=True, max_length=256)),
                ("key", fields.CharField(max_length=128)),
                ("name", fields.TextField(unique=False)),
                ("description", fields.TextField(unique=False)),
                ("layer", fields.TextField(null=True, unique=False)),
                ("revision", fields.BigIntField()),
                ("created_at", fields.BigIntField()),
                ("created_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "prompt",
                "app": "omniforge",
                "pk_attr": "id",
                "table_description": "Prompts, each with its current version.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="VersionRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "prompt",
                    fields.ForeignKeyField(
                        "omniforge.PromptRow",
                        source_field="prompt_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.IntField()),
                ("content", fields.TextField(unique=False)),
                ("checksum", fields.CharField(max_length=64)),
                ("message", fields.TextField(null=True, unique=False)),
                ("model", fields.TextField(null=True, unique=False)),
                ("parameters", fields.TextField(unique=False)),
                ("created_at", fields.BigIntField()),
                ("created_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "prompt_version",
                "app": "omniforge",
                "unique_together": (("prompt", "number"),),
                "pk_attr": "id",
                "table_description": "Prompt versions, never changed and never deleted.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            "PromptRow",
            "current_version",
            fields.ForeignKeyField(
                "omniforge.VersionRow",
                source_field="current_version_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name=False,
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.CreateModel(
            name="ExperimentRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "prompt",
                    fields.ForeignKeyField(
                        "omniforge.PromptRow",
                        source_field="prompt_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("tenant_id", fields.CharField(null=True, max_length=256)),
                ("name", fields.TextField(unique=False)),
                ("description", fields.TextField(unique=False)),
                ("status", fields.CharField(max_length=16)),
                ("revision", fields.BigIntField()),
                ("metrics", fields.TextField(unique=False)),
                ("allocation", fields.TextField(unique=False)),
                ("analysis", fields.TextField(unique=False)),
                ("results", fields.TextField(null=True, unique=False)),
                ("promoted_variant_id", fields.CharField(null=True, max_length=64)),
                ("start_date", fields.BigIntField(null=True)),
                ("end_date", fields.BigIntField(null=True)),
                ("created_at", fields.BigIntField()),
                ("created_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "experiment",
                "app": "omniforge",
                "indexes": [Index(fields=["prompt_id", "id"])],
                "pk_attr": "id",
                "table_description": "Experiments without their variants, at most one of a prompt RUNNING.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="VariantRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "experiment",
                    fields.ForeignKeyField(
                        "omniforge.ExperimentRow",
                        source_field="experiment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "prompt_version",
                    fields.ForeignKeyField(
                        "omniforge.VersionRow",
                        source_field="prompt_version_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("position", fields.IntField()),
                ("name", fields.TextField(unique=False)),
                ("basis_points", fields.IntField()),
                ("is_control", fields.BooleanField()),
            ],
            options={
                "table": "variant",
                "app": "omniforge",
                "unique_together": (("experiment", "position"),),
                "pk_attr": "id",
                "table_description": "Variants, whose foreign key keeps the version they show from vanishing.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MetricRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("tenant_id", fields.CharField(null=True, max_length=256)),
                ("key", fields.CharField(max_length=128)),
                ("definition", fields.TextField(unique=False)),
            ],
            options={
                "table": "metric",
                "app": "omniforge",
                "pk_attr": "id",
                "table_description": "Declared metrics, unique per tenant and key.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ExposureRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("experiment_id", fields.CharField(max_length=64)),
                ("unit_id", fields.CharField(max_length=256)),
                (
                    "variant",
                    fields.ForeignKeyField(
                        "omniforge.VariantRow",
                        source_field="variant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("occurred_at", fields.BigIntField()),
            ],
            options={
                "table": "exposure",
                "app": "omniforge",
                "unique_together": (("experiment_id", "unit_id"),),
                "pk_attr": "id",
                "table_description": "First exposures, one per experiment and unit.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OutcomeRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("metric", fields.CharField(max_length=128)),
                ("unit_id", fields.CharField(max_length=256)),
                ("occurred_at", fields.BigIntField()),
                ("value", fields.FloatField()),
                ("event_id", fields.CharField(null=True, max_length=256)),
                ("experiment_id", fields.CharField(null=True, max_length=64)),
                ("tenant_id", fields.CharField(null=True, max_length=256)),
            ],
            options={
                "table": "outcome",
                "app": "omniforge",
                "indexes": [Index(fields=["metric", "unit_id"])],
                "pk_attr": "id",
                "table_description": "Measured values of units.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TicketRow",
            fields=[
                ("id", fields.IntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("value", fields.BigIntField()),
            ],
            options={
                "table": "ticket",
                "app": "omniforge",
                "pk_attr": "id",
                "table_description": "One row that every change increments first.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ChangeRow",
            fields=[
                ("sequence", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("subject", fields.CharField(max_length=32)),
                (
                    "prompt",
                    fields.ForeignKeyField(
                        "omniforge.PromptRow",
                        source_field="prompt_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("experiment_id", fields.CharField(null=True, max_length=64)),
                ("actor", fields.TextField(unique=False)),
                ("at", fields.BigIntField()),
                ("request_id", fields.TextField(null=True, unique=False)),
                ("experiment", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "change",
                "app": "omniforge",
                "indexes": [Index(fields=["experiment_id", "sequence"])],
                "pk_attr": "sequence",
                "table_description": "Committed changes under the tickets they drew.",
            },
            bases=["Model"],
        ),
        # A prompt's key is unique within its tenant; those that all tenants share count as one tenant.
        ops.RunSQL("CREATE UNIQUE INDEX prompt_key ON prompt (key, COALESCE(tenant_id, ''))", "DROP INDEX prompt_key"),
        ops.RunSQL("CREATE UNIQUE INDEX metric_key ON metric (key, COALESCE(tenant_id, ''))", "DROP INDEX metric_key"),
        # At most one experiment of a prompt is RUNNING, whatever the processes do at the same time.
        ops.RunSQL(
            "CREATE UNIQUE INDEX one_running_per_prompt ON experiment (prompt_id) WHERE status = 'RUNNING'",
            "DROP INDEX one_running_per_prompt",
        ),
        # An event id counts once for each sender's tenant; outcomes without one all count.
        ops.RunSQL(
            "CREATE UNIQUE INDEX outcome_event ON outcome (event_id, COALESCE(tenant_id, '')) "
            "WHERE event_id IS NOT NULL",
            "DROP INDEX outcome_event",
        ),
        ops.RunSQL("INSERT INTO ticket (id, value) VALUES (1, 0)", "DELETE FROM ticket"),
    ]
