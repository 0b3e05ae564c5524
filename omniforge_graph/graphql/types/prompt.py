"""Prompts and their versions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from omniforge_graph.domain import prompt as domain
from omniforge_graph.domain.page import Page
from omniforge_graph.graphql.connections import (
    After,
    Before,
    Connection,
    Edge,
    First,
    Last,
    connect,
    encode_cursor,
    read_page,
)
from omniforge_graph.graphql.context import Info
from omniforge_graph.graphql.once import once
from omniforge_graph.graphql.plans import Stable, batched, one
from omniforge_graph.services.lookup import visible

if TYPE_CHECKING:
    from omniforge_graph.graphql.types.experiment import Experiment


async def _prompts(versions: Sequence["PromptVersion"], info: Info) -> list["Prompt"]:
    """Read the prompts of versions, but for those that came with their version."""
    missing = {each.prompt_id for each in versions if each.known_prompt is None}
    found = await info.context.services.repository.get_prompts(missing) if missing else {}
    return [Prompt.of(each.known_prompt or found[each.prompt_id]) for each in versions]


async def _versions(prompts: Sequence["Prompt"], info: Info, **arguments: Any) -> list[Connection["PromptVersion"]]:
    """Read the same page of the versions of each prompt."""
    ids = [prompt.id for prompt in prompts]
    pages = await info.context.services.repository.list_versions(ids, read_page(**arguments, numeric=True))
    return [PromptVersion.connection(pages[prompt_id], prompt_id) for prompt_id in ids]


async def _count_versions(prompt_ids: Collection[str], info: Info) -> Mapping[str, int]:
    """Count the versions of prompts."""
    return await info.context.services.repository.count_versions(prompt_ids)


async def _running_experiments(prompts: Sequence["Prompt"], info: Info) -> list["Experiment | None"]:
    """Read the experiments that run on prompts, those that the caller may see."""
    from omniforge_graph.graphql.types.experiment import Experiment  # noqa: PLC0415 - the two types are mutual

    found = await info.context.services.repository.running_experiments({prompt.id for prompt in prompts})
    running = (visible(found.get(prompt.id), info.context.caller) for prompt in prompts)
    return [Experiment.of(each) if each is not None else None for each in running]


@strawberry.type(description="An immutable snapshot of a prompt's content.")
class PromptVersion(Stable):
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

    @strawberry.field(description="The prompt it belongs to.", metadata=batched(_prompts))
    async def prompt(self, info: Info) -> "Prompt":
        """Read the prompt, unless the version came with it."""
        return await one(_prompts, self, info)

    @classmethod
    @once
    def connection(cls, page: Page[domain.PromptVersion], prompt_id: str) -> Connection["PromptVersion"]:
        """Build the connection of a page of a prompt's versions."""
        return connect(page, cls.edge, _count_versions, prompt_id)

    @classmethod
    @once
    def edge(cls, version: domain.PromptVersion) -> Edge["PromptVersion"]:
        """Build its place in a list of versions."""
        return Edge(cursor=encode_cursor(str(version.number)), node=cls.of(version))

    @classmethod
    @once
    def of(cls, version: domain.PromptVersion) -> "PromptVersion":
        """Build it from the domain's value."""
        return cls.with_prompt(version, None)

    @classmethod
    def with_prompt(cls, version: domain.PromptVersion, prompt: domain.Prompt | None) -> "PromptVersion":
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
class Prompt(Stable):
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

    @strawberry.field(description="Its versions, the newest first.", metadata=batched(_versions))
    async def versions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[PromptVersion]:
        """Read a page of versions."""
        return await one(_versions, self, info, first=first, after=after, last=last, before=before)

    @strawberry.field(description="The experiment that runs on it, if any.", metadata=batched(_running_experiments))
    async def running_experiment(
        self, info: Info
    ) -> Annotated["Experiment", strawberry.lazy("omniforge_graph.graphql.types.experiment")] | None:
        """Read the running experiment."""
        return await one(_running_experiments, self, info)

    @classmethod
    @once
    def edge(cls, prompt: domain.Prompt) -> Edge["Prompt"]:
        """Build its place in a list of prompts."""
        return Edge(cursor=encode_cursor(prompt.id), node=cls.of(prompt))

    @classmethod
    @once
    def of(cls, prompt: domain.Prompt) -> "Prompt":
        """Build it from the domain's value."""
        return cls(
            id=ID(prompt.id),
            key=prompt.key,
            name=prompt.name,
            description=prompt.description,
            layer=prompt.layer,
            tenant_id=ID(prompt.tenant_id) if prompt.tenant_id is not None else None,
            current_version=PromptVersion.with_prompt(prompt.current_version, prompt),
            revision=prompt.revision,
            created_at=prompt.created_at,
            created_by=prompt.created_by,
        )
