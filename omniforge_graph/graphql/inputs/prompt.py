"""Prompts and versions to create or choose."""

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.graphql.inputs.nesting import read_object


@strawberry.input(description="A prompt to create, with the content of its first version.")
class CreatePromptInput:
    """A prompt to create."""

    key: str = strawberry.field(description="Letters, digits and . _ : / -; unique within the tenant.")
    name: str = strawberry.field(description="Its name, for people.")
    content: str = strawberry.field(description="The text of its first version.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    layer: str | None = strawberry.field(default=None, description="Its layer, such as system, tenant or agent.")
    tenant_id: ID | None = strawberry.field(default=None, description="Its tenant; without one all tenants share it.")
    model: str | None = strawberry.field(default=None, description="The model the first version is meant for.")
    parameters: JSON | None = strawberry.field(default=None, description="The model's parameters, a JSON object.")

    def to_draft(self) -> PromptDraft:
        """Return the domain's value; raises `ValidationError`."""
        version = VersionDraft(self.content, model=self.model, parameters=read_object(self.parameters, "parameters"))
        return PromptDraft(
            key=self.key,
            name=self.name,
            version=version,
            description=self.description or "",
            layer=self.layer,
            tenant_id=self.tenant_id,
        )


@strawberry.input(description="A version to add to a prompt.")
class CreatePromptVersionInput:
    """A version to add to a prompt."""

    prompt_id: ID = strawberry.field(description="The prompt.")
    content: str = strawberry.field(description="The text.")
    message: str | None = strawberry.field(default=None, description="What changed.")
    model: str | None = strawberry.field(default=None, description="The model it is meant for.")
    parameters: JSON | None = strawberry.field(default=None, description="The model's parameters, a JSON object.")

    def to_draft(self) -> VersionDraft:
        """Return the domain's value; raises `ValidationError`."""
        return VersionDraft(self.content, self.message, self.model, read_object(self.parameters, "parameters"))


@strawberry.input(description="Which version of a prompt shall be current; an older one rolls back.")
class SetCurrentVersionInput:
    """Which version of a prompt shall be current."""

    prompt_id: ID = strawberry.field(description="The prompt.")
    prompt_version_id: ID = strawberry.field(description="One of its versions.")
    pause_experiment: bool = strawberry.field(
        default=False, description="Pause the experiment that runs on the prompt, instead of refusing."
    )
