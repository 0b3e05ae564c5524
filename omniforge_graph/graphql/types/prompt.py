"""Prompts and their versions."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain import prompt as domain
from omniforge_graph.graphql.connections import After, Before, Connection, First, Last, connect, read_page
from omniforge_graph.graphql.context import Info

if TYPE_CHECKING:
    from omniforge_graph.graphql.types.experiment import Experiment


@strawberry.type(description="An immutable snapshot of a prompt's content.")
class PromptVersion:
    """An immutable snapshot of a prompt's content."""

    id: ID = strawberry.field(description="Its id.")
    number: int = strawberry.field(description="Its number within the prompt, from 1.")
    content: str = strawberry.field(description="The text of the prompt.")
    checksum: str = strawberry.field(description="The SHA-256 of the content, in hexadecimal.")
    message: str | None = strawberry.field(description="What changed, in its author's words.")
    model: str | None = strawberry.field(description="The model it is meant for.")
    parameters: JSON = strawberry.field(description="The model's parameters it is meant for.")
    created_at: datetime = strawberry.field(description="When it was created.")
    created_by: str = strawberry.field(description="Who created it.")
    prompt_id: strawberry.Private[str]
    known_prompt: strawberry.Private[domain.Prompt | None]

    @strawberry.field(description="The prompt it belongs to.")
    async def prompt(self, info: Info) -> "Prompt":
        """Load the prompt, unless the version came with it."""
        prompt = self.known_prompt or await info.context.loaders.prompts.load(self.prompt_id)
        assert prompt is not None
        return Prompt.of(prompt)

    @classmethod
    def of(cls, version: domain.PromptVersion, prompt: domain.Prompt | None = None) -> "PromptVersion":
        """Build it from the domain's value, and its prompt where it is at hand."""
        return cls(
            id=ID(version.id),
            number=version.number,
            content=version.content,
            checksum=version.checksum,
            message=version.message,
            model=version.model,
            parameters=JSON(version.parameters),
            created_at=version.created_at,
            created_by=version.created_by,
            prompt_id=version.prompt_id,
            known_prompt=prompt,
        )


@strawberry.type(description="A named template. One of its versions is current.")
class Prompt:
    """A named template."""

    id: ID = strawberry.field(description="Its id.")
    key: str = strawberry.field(description="Its key, unique within its tenant or among the shared prompts.")
    name: str = strawberry.field(description="Its name, for people.")
    description: str = strawberry.field(description="What it is for.")
    layer: str | None = strawberry.field(description="The layer it is made for, such as system, tenant or agent.")
    tenant_id: ID | None = strawberry.field(description="The tenant it belongs to; null if all tenants share it.")
    current_version: PromptVersion = strawberry.field(description="The version in use outside experiments.")
    revision: int = strawberry.field(description="How often its current version has been set, counted from 1.")
    created_at: datetime = strawberry.field(description="When it was created.")
    created_by: str = strawberry.field(description="Who created it.")

    @strawberry.field(description="Its versions, the newest first.")
    async def versions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[PromptVersion]:
        """Load a page of versions; prompts of one response share a query."""
        loaders = info.context.loaders
        page = await loaders.version_pages.load((self.id, read_page(first, after, last, before, numeric=True)))

        async def count() -> int:
            return await loaders.version_counts.load(self.id) or 0

        return connect(page, PromptVersion.of, lambda version: str(version.number), count)

    @strawberry.field(description="The experiment that runs on it, if any.")
    async def running_experiment(
        self, info: Info
    ) -> Annotated["Experiment", strawberry.lazy("omniforge_graph.graphql.types.experiment")] | None:
        """Load the running experiment."""
        from omniforge_graph.graphql.types.experiment import Experiment  # noqa: PLC0415 - the two types are mutual

        running = await info.context.loaders.running_on(self.id)
        return Experiment.of(running) if running else None

    @classmethod
    def of(cls, prompt: domain.Prompt) -> "Prompt":
        """Build it from the domain's value."""
        return cls(
            id=ID(prompt.id),
            key=prompt.key,
            name=prompt.name,
            description=prompt.description,
            layer=prompt.layer,
            tenant_id=ID(prompt.tenant_id) if prompt.tenant_id is not None else None,
            current_version=PromptVersion.of(prompt.current_version, prompt),
            revision=prompt.revision,
            created_at=prompt.created_at,
            created_by=prompt.created_by,
        )
