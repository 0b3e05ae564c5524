"""Ids and times: made here, in the services, and nowhere below them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

import uuid_utils

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.change import Signature

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


def new_id(kind: str) -> str:
    """Return a new id such as ``exp_0197…``: its kind for the eye, then a time-ordered UUIDv7 for the index."""
    return f"{kind}_{uuid_utils.uuid7().hex}"


def as_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def sign(caller: Caller, now: datetime, actor: str | None = None) -> Signature:
    """Return the caller's signature under a change; `actor` overrides the caller's own name."""
    return Signature(actor=actor or caller.actor, at=now, request_id=caller.request_id)
