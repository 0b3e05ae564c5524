"""Prompts and their immutable, numbered versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from omniforge_graph.domain.text import (
    MAX_CONTENT,
    MAX_DESCRIPTION,
    MAX_IDENTIFIER,
    clean_json,
    clean_key,
    clean_optional,
    clean_text,
)


def checksum(content: str) -> str:
    """Return the SHA-256 of the content's UTF-8 bytes, in hexadecimal."""
    return sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """An immutable snapshot of a prompt's content, numbered from 1 within its prompt."""

    id: str
    prompt_id: str
    number: int
    content: str
    checksum: str
    created_at: datetime
    created_by: str
    message: str | None = None
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named template. One of its versions is current; `tenant_id` None means that all tenants share it."""

    id: str
    key: str
    name: str
    current_version: PromptVersion
    created_at: datetime
    created_by: str
    tenant_id: str | None = None
    description: str = ""
    layer: str | None = None
    revision: int = 1

    @property
    def current_version_id(self) -> str:
        """The id of the version in use outside experiments."""
        return self.current_version.id

    def with_current(self, version: PromptVersion) -> "Prompt":
        """Return the prompt with another current version and the next revision."""
        return replace(self, current_version=version, revision=self.revision + 1)


def nearest(prompts: Iterable[Prompt], tenant_id: str | None) -> Prompt | None:
    """Return, of the prompts with one key, the one that a tenant means by it: its own, else the shared one."""
    by_owner = {prompt.tenant_id: prompt for prompt in prompts}
    return by_owner.get(tenant_id) or by_owner.get(None)


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """The content of a version before it has an id and a number; checked on creation."""

    content: str
    message: str | None = None
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clean_text(self.content, ("content",), maximum=MAX_CONTENT)
        clean_optional(self.message, ("message",), maximum=MAX_DESCRIPTION)
        clean_optional(self.model, ("model",))
        object.__setattr__(self, "parameters", clean_json(self.parameters, ("parameters",)))


@dataclass(frozen=True, slots=True)
class PromptDraft:
    """A prompt before it has an id; checked on creation."""

    key: str
    name: str
    version: VersionDraft
    description: str = ""
    layer: str | None = None
    tenant_id: str | None = None

    def __post_init__(self) -> None:
        clean_key(self.key, ("key",))
        clean_text(self.name, ("name",))
        clean_text(self.description, ("description",), maximum=MAX_DESCRIPTION, required=False)
        clean_optional(self.layer, ("layer",))
        if self.tenant_id is not None:
            clean_text(self.tenant_id, ("tenantId",), maximum=MAX_IDENTIFIER)
