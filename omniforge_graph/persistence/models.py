"""The tables. Rows are read and written as plain SQL; the models say what the migrations have to build.

Times are BIGINT microseconds since 1970 in UTC: SQLite has no type for time, and whole numbers compare, index and
come back the same on every engine. JSON is kept as TEXT: JSONB would turn 1e22 into an integer and sort the keys.
What these classes cannot express is SQL in the migrations: unique indexes over expressions or with a condition, and the
tables `unit_total` and `exposure_count`, whose keys are two columns. They hold what `totals` makes of the events and
nothing else.
The first line of each docstring becomes the table's comment on PostgreSQL.
"""

# ruff: noqa: D106 - Meta is Tortoise's own word for a table's settings

from tortoise import fields
from tortoise.fields import OnDelete
from tortoise.models import Model

ID_LENGTH = 64
KEY_LENGTH = 128
UNIT_LENGTH = 256


class PromptRow(Model):
    """Prompts, each with its current version.

    `current_version` is empty only between two statements of the transaction that adds the prompt.
    """

    id = fields.CharField(max_length=ID_LENGTH, primary_key=True)
    tenant_id = fields.CharField(max_length=UNIT_LENGTH, null=True)
    key = fields.CharField(max_length=KEY_LENGTH)
    name = fields.TextField()
    description = fields.TextField()
    layer = fields.TextField(null=True)
    revision = fields.BigIntField()
    created_at = fields.BigIntField()
    created_by = fields.TextField()
    current_version: fields.ForeignKeyNullableRelation["VersionRow"] = fields.ForeignKeyField(
        "omniforge.VersionRow", related_name=False, on_delete=OnDelete.RESTRICT, null=True
    )

    class Meta:
        table = "prompt"


class VersionRow(Model):
    """Prompt versions, never changed and never deleted."""

    id = fields.CharField(max_length=ID_LENGTH, primary_key=True)
    prompt: fields.ForeignKeyRelation["PromptRow"] = fields.ForeignKeyField(
        "omniforge.PromptRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    number = fields.IntField()
    content = fields.TextField()
    checksum = fields.CharField(max_length=64)
    message = fields.TextField(null=True)
    model = fields.TextField(null=True)
    parameters = fields.TextField()
    created_at = fields.BigIntField()
    created_by = fields.TextField()

    class Meta:
        table = "prompt_version"
        unique_together = (("prompt", "number"),)


class ExperimentRow(Model):
    """Experiments without their variants, at most one of a prompt RUNNING."""

    id = fields.CharField(max_length=ID_LENGTH, primary_key=True)
    prompt: fields.ForeignKeyRelation["PromptRow"] = fields.ForeignKeyField(
        "omniforge.PromptRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    tenant_id = fields.CharField(max_length=UNIT_LENGTH, null=True)
    name = fields.TextField()
    description = fields.TextField()
    status = fields.CharField(max_length=16)
    revision = fields.BigIntField()
    metrics = fields.TextField()
    allocation = fields.TextField()
    analysis = fields.TextField()
    results = fields.TextField(null=True)
    promoted_variant_id = fields.CharField(max_length=ID_LENGTH, null=True)
    start_date = fields.BigIntField(null=True)
    end_date = fields.BigIntField(null=True)
    created_at = fields.BigIntField()
    created_by = fields.TextField()

    class Meta:
        table = "experiment"
        indexes = (("prompt_id", "id"),)


class VariantRow(Model):
    """Variants, whose foreign key keeps the version they show from vanishing."""

    id = fields.CharField(max_length=ID_LENGTH, primary_key=True)
    experiment: fields.ForeignKeyRelation["ExperimentRow"] = fields.ForeignKeyField(
        "omniforge.ExperimentRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    prompt_version: fields.ForeignKeyRelation["VersionRow"] = fields.ForeignKeyField(
        "omniforge.VersionRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    position = fields.IntField()
    name = fields.TextField()
    basis_points = fields.IntField()
    is_control = fields.BooleanField()

    class Meta:
        table = "variant"
        unique_together = (("experiment", "position"),)


class MetricRow(Model):
    """Declared metrics, unique per tenant and key."""

    id = fields.BigIntField(primary_key=True)
    tenant_id = fields.CharField(max_length=UNIT_LENGTH, null=True)
    key = fields.CharField(max_length=KEY_LENGTH)
    definition = fields.TextField()

    class Meta:
        table = "metric"


class ExposureRow(Model):
    """First exposures, one per experiment and unit."""

    id = fields.BigIntField(primary_key=True)
    experiment_id = fields.CharField(max_length=ID_LENGTH)
    unit_id = fields.CharField(max_length=UNIT_LENGTH)
    variant: fields.ForeignKeyRelation["VariantRow"] = fields.ForeignKeyField(
        "omniforge.VariantRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    occurred_at = fields.BigIntField()
    attributes = fields.TextField(null=True)

    class Meta:
        table = "exposure"
        unique_together = (("experiment_id", "unit_id"),)
        indexes = (("unit_id",),)


class OutcomeRow(Model):
    """Measured values of units.

    No foreign keys: an outcome may come before the experiments it will count for, and checking one per event would
    lock the experiment's row on PostgreSQL each time.
    """

    id = fields.BigIntField(primary_key=True)
    metric = fields.CharField(max_length=KEY_LENGTH)
    unit_id = fields.CharField(max_length=UNIT_LENGTH)
    occurred_at = fields.BigIntField()
    value = fields.FloatField()
    event_id = fields.CharField(max_length=UNIT_LENGTH, null=True)
    experiment_id = fields.CharField(max_length=ID_LENGTH, null=True)
    tenant_id = fields.CharField(max_length=UNIT_LENGTH, null=True)

    class Meta:
        table = "outcome"
        indexes = (("metric", "unit_id"), ("occurred_at",))


class SourceRow(Model):
    """What each experiment needs of its units: outcomes of a metric, from the exposure on or before it."""

    id = fields.BigIntField(primary_key=True)
    experiment: fields.ForeignKeyRelation["ExperimentRow"] = fields.ForeignKeyField(
        "omniforge.ExperimentRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    metric = fields.CharField(max_length=KEY_LENGTH)
    before_exposure = fields.BooleanField()

    class Meta:
        table = "experiment_source"
        unique_together = (("experiment", "metric", "before_exposure"),)


class LookRow(Model):
    """Looks at experiments that count.

    `payload` is the JSON of the whole look.
    """

    id = fields.BigIntField(primary_key=True)
    experiment: fields.ForeignKeyRelation["ExperimentRow"] = fields.ForeignKeyField(
        "omniforge.ExperimentRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    number = fields.IntField()
    at = fields.BigIntField()
    payload = fields.TextField()

    class Meta:
        table = "look"
        unique_together = (("experiment", "number"),)


class TicketRow(Model):
    """One row that every change increments first.

    Its lock puts the changes in one order, and its value numbers them without gaps.
    """

    id = fields.IntField(primary_key=True, generated=False)
    value = fields.BigIntField()

    class Meta:
        table = "ticket"


class ChangeRow(Model):
    """Committed changes under the tickets they drew.

    `experiment` is the JSON of the experiment as the change left it.
    """

    sequence = fields.BigIntField(primary_key=True, generated=False)
    subject = fields.CharField(max_length=32)
    prompt: fields.ForeignKeyRelation["PromptRow"] = fields.ForeignKeyField(
        "omniforge.PromptRow", related_name=False, on_delete=OnDelete.RESTRICT
    )
    experiment_id = fields.CharField(max_length=ID_LENGTH, null=True)
    actor = fields.TextField()
    at = fields.BigIntField()
    request_id = fields.TextField(null=True)
    experiment = fields.TextField(null=True)

    class Meta:
        table = "change"
        indexes = (("experiment_id", "sequence"),)
