"""GraphQL over HTTP and WebSocket for any Strawberry schema: strict, bounded, masked, and fast."""

from omniforge_graph.graphql.transport.answering import MakeContext
from omniforge_graph.graphql.transport.app import GraphQLApp
from omniforge_graph.graphql.transport.background import BackgroundQueue
from omniforge_graph.graphql.transport.engine import Engine
from omniforge_graph.graphql.transport.headers import Headers
from omniforge_graph.graphql.transport.http import Observe
from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.graphql.transport.masking import ErrorMask
from omniforge_graph.graphql.transport.request import Request
from omniforge_graph.graphql.transport.response import Response
from omniforge_graph.graphql.transport.websocket import SocketLimits

__all__ = [
    "BackgroundQueue",
    "Engine",
    "ErrorMask",
    "GraphQLApp",
    "Headers",
    "Limits",
    "MakeContext",
    "Observe",
    "Request",
    "Response",
    "SocketLimits",
]
