"""What to select, and what happened."""

from datetime import datetime

import strawberry
from strawberry import ID
from strawberry.scalars import JSON


@strawberry.input(description="A slot of the caller's prompt and the prompt that fills it, by id or by key.")
class PromptSlotInput:
    """A slot of the caller's prompt."""

    slot: str = strawberry.field(description="The slot's name, such as system, tenant or agent.")
    prompt_id: ID | None = strawberry.field(default=None, description="The prompt's id.")
    prompt_key: str | None = strawberry.field(
        default=None, description="The prompt's key: the tenant's own prompt first, else the shared one."
    )


@strawberry.input(description="A unit met its variant.")
class ExposureInput:
    """A unit met its variant."""

    experiment_id: ID = strawberry.field(description="The experiment.")
    unit_id: ID = strawberry.field(description="The unit: by default the tenant.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now unless given.")
    attributes: JSON | None = strawberry.field(
        default=None,
        description="What to slice by, a JSON object of at most 20 keys with text, numbers or truth values. Those of a "
        "unit's first exposure count.",
    )


@strawberry.input(description="Exposures, at most 5,000.")
class RecordExposuresInput:
    """Exposures."""

    events: list[ExposureInput] = strawberry.field(description="1 to 5,000 exposures.")


@strawberry.input(description="A measured value for a unit and a metric.")
class OutcomeInput:
    """A measured value for a unit and a metric."""

    unit_id: ID = strawberry.field(description="The unit that was exposed.")
    metric: str = strawberry.field(description="The metric's key.")
    value: float = strawberry.field(description="The value: 0 or 1 for BINARY, a whole number for COUNT.")
    event_id: ID | None = strawberry.field(default=None, description="Recorded once under this id, however often sent.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now unless given.")
    experiment_id: ID | None = strawberry.field(
        default=None, description="Count for this experiment only; else for all in which the unit was exposed."
    )


@strawberry.input(description="Outcomes, at most 5,000.")
class RecordOutcomesInput:
    """Outcomes."""

    events: list[OutcomeInput] = strawberry.field(description="1 to 5,000 outcomes.")
