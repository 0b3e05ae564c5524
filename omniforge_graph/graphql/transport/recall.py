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
    """What a body said: a query and the values of its variables.

    The query is alive as long as the cache of documents keeps it: large as it is, nothing here does.
    """

    __slots__ = ("operation", "values")

    def __init__(self, operation: Operation, values: Mapping[str, Any]) -> None:
        self.operation: Callable[[], Operation | None] = ref(operation)
        """Returns the query, None if it is gone."""
        self.values = values


class Answer:
    """An answer that may be given again, and what to ask before."""

    __slots__ = ("again", "body", "content_length")

    def __init__(self, body: bytes, again: Again) -> None:
        self.body = body
        self.content_length = (b"content-length", b"%d" % len(body))
        self.again = again


class Recall:
    """A bounded memory of what bodies say, and of the answers to them.

    A body is remembered when it comes for the second time. When there is no more room everything is forgotten, which
    needs no order kept at every look. Bodies share equal answers: thousands of units have the same few, and what is
    shared stays in the processor's cache, which makes a good part of the time.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Recalled] = {}
        self._answered: dict[bytes, Answer] = {}
        self._answers: dict[bytes, Answer] = {}
        self._glances: set[int] = set()
        self._size = 0
        self.get = self._known.get
        """Returns what a body said, None if it is not remembered."""
        self.answer_to = self._answered.get
        """Returns the answer to a body, None if there is none to be given again."""

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

    def keep_answer(self, body: bytes, data: Mapping[str, Any], again: Again) -> None:
        """Remember the answer to a body that is remembered, if all of it is one value that never changes."""
        if len(data) != 1 or type(next(iter(data.values()))) is not msgspec.Raw:
            return None
        text = encode({"data": data})
        answer = self._answers.get(text)
        if answer is None or answer.again is not again:
            self._size += len(text) if answer is None else 0
            if self._size > MOST_ANSWER_BYTES:
                return self.forget()
            answer = self._answers[text] = Answer(text, again)
        self._answered[body] = answer
        return None

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._answered.clear()
        self._answers.clear()
        self._size = 0
