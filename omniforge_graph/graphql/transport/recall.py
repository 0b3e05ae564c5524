"""Requests that come again byte for byte: a service asks for the same unit many times."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from omniforge_graph.graphql.plans import Plan
from omniforge_graph.graphql.transport.documents import Operation

LONGEST_BODY: Final = 2_048
"""Bytes of a body that is worth remembering: longer ones are batches, which do not come again."""
MOST_BODIES: Final = 4_096
MOST_GLANCES: Final = 16_384
"""Bodies seen once, of which only the hash is kept."""


class Recalled(NamedTuple):
    """What a body said: a query with its plan, and the values of its variables."""

    operation: Operation
    plan: Plan
    values: Mapping[str, Any]


class Recall:
    """A bounded memory of what bodies say. It holds what was asked, never what was answered.

    A body is remembered when it comes for the second time. When there is no more room everything is forgotten, which
    needs no order kept at every look.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Recalled] = {}
        self._glances: set[int] = set()
        self.get = self._known.get
        """Returns what a body said, None if it is not remembered."""

    def __len__(self) -> int:
        return len(self._known)

    def is_worth(self, body: bytes) -> bool:
        """Note a body that is not remembered, and return whether it should be."""
        if len(body) > LONGEST_BODY:
            return False
        glance = hash(body)
        if glance in self._glances:
            return True
        if len(self._glances) >= MOST_GLANCES:
            self._glances.clear()
        self._glances.add(glance)
        return False

    def keep(self, body: bytes, recalled: Recalled) -> None:
        """Remember what a body said."""
        if len(self._known) >= MOST_BODIES:
            self._known.clear()
        self._known[body] = recalled
