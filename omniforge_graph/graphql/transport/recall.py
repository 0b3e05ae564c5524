"""Requests that come again byte for byte: a service asks for the same unit many times.

What a body says is remembered, within bounds. Its answer is given again only where the resolver has told until when it
would give the same one, and only to requests that nothing but their bodies tells apart.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from weakref import ref

import msgspec

from omniforge_graph.graphql.transport.documents import Operation

LONGEST_BODY: Final = 2_048
"""Bytes of a body that is worth remembering: longer ones are batches, which do not come again."""
MOST_BODIES: Final = 4_096
MOST_ANSWER_BYTES: Final = 32 * 1024 * 1024
MOST_GLANCES: Final = 16_384
"""Bodies seen once, of which only the hash is kept."""

Again: TypeAlias = Callable[[], bool]
"""Whether the same answer is right once more; it does what else the execution would have done, such as counting."""

encode = msgspec.json.Encoder().encode


class Recalled:
    """What a body said: a query and the values of its variables, and perhaps an answer that may hold.

    The query is alive as long as the cache of documents keeps it: large as it is, nothing here does.
    """

    __slots__ = ("again", "answer", "content_length", "operation", "values")

    def __init__(self, operation: Operation, values: Mapping[str, Any]) -> None:
        self.operation: Callable[[], Operation | None] = ref(operation)
        """Returns the query, None if it is gone."""
        self.values = values
        self.answer = b""
        self.content_length = (b"content-length", b"0")
        self.again: Again | None = None
        """Asked before the answer is given again; None if there is no answer."""


class Recall:
    """A bounded memory of what bodies say.

    A body is remembered when it comes for the second time. When there is no more room everything is forgotten, which
    needs no order kept at every look.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Recalled] = {}
        self._glances: set[int] = set()
        self._answers = 0
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
            self.forget()
        self._known[body] = recalled

    def keep_answer(self, recalled: Recalled, data: Mapping[str, Any], again: Again | None) -> None:
        """Remember the answer to what a body said, if all of it is one value that never changes."""
        recalled.again = None
        if again is None or len(data) != 1 or type(next(iter(data.values()))) is not msgspec.Raw:
            return
        self._answers -= len(recalled.answer)
        recalled.answer = encode({"data": data})
        recalled.content_length = (b"content-length", b"%d" % len(recalled.answer))
        self._answers += len(recalled.answer)
        if self._answers > MOST_ANSWER_BYTES:
            self.forget()
        recalled.again = again

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._answers = 0
