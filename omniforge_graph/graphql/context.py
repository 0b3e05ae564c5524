"""What every resolver of one request shares: the use cases, who asks, and what is collected to be loaded together."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeAlias

import strawberry

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.selection import VariantSelection
from omniforge_graph.graphql.plans import Batches
from omniforge_graph.graphql.transport import BackgroundQueue, Headers
from omniforge_graph.services.assembly import Services

ACTOR_HEADER = "omniforge-actor"
TENANT_HEADER = "omniforge-tenant"
REQUEST_ID_HEADER = "x-request-id"

_ACTOR, _TENANT, _REQUEST_ID = (name.encode() for name in (ACTOR_HEADER, TENANT_HEADER, REQUEST_ID_HEADER))
CALLER_HEADERS: Final = frozenset({_ACTOR, _TENANT, _REQUEST_ID})

_ORDINARY: Final = re.compile(rb"[!-~](?:[ -~]{0,98}[!-~])?").fullmatch
"""Matches what is certainly an actor or a request's id."""

ANONYMOUS: Final = Caller(actor="anonymous")
"""Who asks when none of `CALLER_HEADERS` was sent."""


class Context:
    """The context of one request."""

    __slots__ = ("_batches", "background", "caller", "selected", "services")

    def __init__(self, services: Services, caller: Caller, background: BackgroundQueue | None = None) -> None:
        self.services = services
        self.caller = caller
        self.background = background
        self.selected: tuple[VariantSelection, str, bool] | None = None
        """What `selectVariant` took from the snapshot at hand, for which unit, and whether that is tracked."""
        self._batches: Batches | None = None

    @classmethod
    def of(cls, services: Services, headers: Headers, background: BackgroundQueue | None) -> "Context":
        """Return the context of a request with these headers. Raises what `read_caller` does."""
        plain = CALLER_HEADERS.isdisjoint(headers.raw)
        return cls(services, ANONYMOUS if plain else read_caller(headers), background)

    @property
    def batches(self) -> Batches:
        """What the request's batched fields collect, made when the first is needed."""
        if self._batches is None:
            self._batches = Batches()
        return self._batches


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


def vary(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Return what of the headers the answer to a query depends on: the tenant. None if `read_caller` must see them.

    Who asks, and in which request, is for the history of changes.
    """
    if CALLER_HEADERS.isdisjoint(headers):
        return b""
    told = headers.get(_ACTOR), headers.get(_REQUEST_ID)
    if any(each and not _ORDINARY(each) for each in told):
        return None
    return headers.get(_TENANT, b"")


def _read(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's text: UTF-8 where it is that, else the Latin-1 that HTTP once meant; None if it is empty."""
    value = headers.get(name) or ""
    with suppress(UnicodeDecodeError):
        value = value.encode("latin-1").decode()
    return value or None
