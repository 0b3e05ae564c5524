"""What every resolver of one request shares: the use cases, who asks, and the loaders."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias

import strawberry

from omniforge_graph.domain.caller import Caller
from omniforge_graph.graphql.loaders import Loaders
from omniforge_graph.graphql.transport import BackgroundQueue
from omniforge_graph.services.assembly import Services

ACTOR_HEADER = "omniforge-actor"
TENANT_HEADER = "omniforge-tenant"
REQUEST_ID_HEADER = "x-request-id"


class Context:
    """The context of one request."""

    __slots__ = ("_loaders", "background", "caller", "services")

    def __init__(self, services: Services, caller: Caller, background: BackgroundQueue | None = None) -> None:
        self.services = services
        self.caller = caller
        self.background = background
        self._loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """The loaders, made when the first is needed: selection needs none."""
        if self._loaders is None:
            self._loaders = Loaders(self.services, self.caller)
        return self._loaders

    def forget(self) -> None:
        """Forget what was loaded: after a mutation, what comes next in the document must see what it did."""
        self._loaders = None


Info: TypeAlias = strawberry.Info[Context, None]


def read_caller(headers: Mapping[str, str]) -> Caller:
    """Return who asks, from headers that the gateway in front sets: the actor, the tenant, the request's id.

    Without a tenant header the caller is not confined. Raises `TextError` for a header that cannot be stored.
    """
    return Caller(
        actor=_read(headers, ACTOR_HEADER) or "anonymous",
        tenant_id=_read(headers, TENANT_HEADER),
        request_id=_read(headers, REQUEST_ID_HEADER),
    )


def _read(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's text: UTF-8 where it is that, else the Latin-1 that HTTP once meant; None if it is empty."""
    value = headers.get(name) or ""
    with suppress(UnicodeDecodeError):
        value = value.encode("latin-1").decode()
    return value or None
