"""Which version of a prompt to use."""

import strawberry
from strawberry import ID

from omniforge_graph.domain import selection as domain
from omniforge_graph.graphql.enums import SelectionReason
from omniforge_graph.graphql.once import while_alive
from omniforge_graph.graphql.plans import Stable
from omniforge_graph.graphql.types.prompt import PromptVersion


@strawberry.type(description="The version of a prompt to use for a unit, and why.")
class Selection(Stable):
    """The version of a prompt to use for a unit, and why."""

    slot: str = strawberry.field(description="The slot it answers.")
    reason: SelectionReason = strawberry.field(description="Why this version.")
    prompt_id: ID = strawberry.field(description="The prompt.")
    prompt_version: PromptVersion = strawberry.field(description="The version to use, with its text.")
    experiment_id: ID | None = strawberry.field(description="The experiment that assigned it, if one did.")
    variant_id: ID | None = strawberry.field(description="The assigned variant, if an experiment runs.")
    variant_name: str | None = strawberry.field(description="The assigned variant's name, if an experiment runs.")

    @classmethod
    @while_alive
    def of(cls, selection: domain.VariantSelection) -> "Selection":
        """Build it from the domain's value."""
        return cls(
            slot=selection.slot,
            reason=selection.reason,
            prompt_id=ID(selection.prompt_id),
            prompt_version=PromptVersion.with_prompt(selection.prompt_version, selection.prompt),
            experiment_id=ID(selection.experiment_id) if selection.experiment_id is not None else None,
            variant_id=ID(selection.variant_id) if selection.variant_id is not None else None,
            variant_name=selection.variant_name,
        )
