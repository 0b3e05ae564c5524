"""What a client may say in the subprotocol graphql-transport-ws."""

from typing import Any

import msgspec

from omniforge_graph.graphql.transport.request import Request


class ConnectionInit(msgspec.Struct, frozen=True, tag_field="type", tag="connection_init"):
    """The client opens the conversation; its payload is not used."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """Either side asks whether the other is there."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping, or a sign of life."""

    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    """The client starts an operation of any kind under an id of its choice."""

    id: str
    payload: Request


class Complete(msgspec.Struct, frozen=True, tag_field="type", tag="complete"):
    """The client ends an operation."""

    id: str


decode = msgspec.json.Decoder(ConnectionInit | Ping | Pong | Subscribe | Complete).decode
"""Read a message. Raises ValueError or RecursionError, with what is wrong, for anything else than the above."""
