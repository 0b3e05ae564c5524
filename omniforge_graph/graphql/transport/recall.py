"""Answers to requests that come again byte for byte: a service asks for the same unit many times.

An answer is given again only where the resolver has told until when it would give the same one, and only to requests
that nothing else tells apart.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

LONGEST_BODY: Final = 2_048
"""Bytes of a body that is worth remembering: longer ones are batches, which do not come again."""
LONGEST_ANSWER: Final = 65_536
"""Bytes of an answer that is worth remembering: few longer ones would take all the room."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Of bodies, with what it takes to find them, and of answers: some 10,000 units. To forget them takes 2 to 4 ms."""
MOST_GLANCES: Final = 32_768
"""Bodies seen once, of which only the hash is kept; more than there is room for bodies of a usual length."""
_ENTRY_BYTES: Final = 200

Again: TypeAlias = Callable[[], bool]
"""Whether the same answer is right once more; it does what else the execution would have done, such as counting."""

encode = msgspec.json.Encoder().encode


class Answer:
    """An answer that may be given again, and what to ask before."""

    __slots__ = ("again", "body", "content_length")

    def __init__(self, body: bytes, again: Again) -> None:
        self.body = body
        self.content_length = (b"content-length", b"%d" % len(body))
        self.again = again


class Recall:
    """A bounded memory of answers by the bodies that asked for them.

    An answer is remembered when its body comes for the second time. When there is no more room only the hashes are
    kept: bodies that still come are remembered at their next look, and no order has to be kept at every look. Bodies
    share equal answers: thousands of units have the same few, and what is shared stays in the processor's cache, which
    makes a good part of the time.
    """

    def __init__(self) -> None:
        self._answered: dict[bytes, Answer] = {}
        self._answers: dict[bytes, Answer] = {}
        self._glances: set[int] = set()
        self._size = 0
        self.get = self._answered.get
        """Returns the answer to a body, None if none is remembered."""

    def __len__(self) -> int:
        return len(self._answered)

    def is_worth(self, body: bytes) -> bool:
        """Note a body that could be answered again; return whether it came before, and so is worth it."""
        if len(body) > LONGEST_BODY:
            return False
        glance = hash(body)
        if glance in self._glances:
            return True
        if len(self._glances) >= MOST_GLANCES:
            self._glances.clear()
        self._glances.add(glance)
        return False

    def keep(self, body: bytes, data: Mapping[str, Any], again: Again) -> None:
        """Remember the answer to a body, if all of it is one value that never changes, and not too long."""
        if len(data) != 1 or type(next(iter(data.values()))) is not msgspec.Raw:
            return
        text = encode({"data": data})
        if len(text) > LONGEST_ANSWER:
            return
        answer = self._answers.get(text)
        if answer is None:
            self._size += len(text)
            answer = self._answers[text] = Answer(text, again)
        elif answer.again is not again:
            # Of the same bytes: other bodies keep the former one, and its bytes are counted once.
            answer = self._answers[text] = Answer(answer.body, again)
        if body not in self._answered:
            self._size += len(body) + _ENTRY_BYTES
        self._answered[body] = answer
        if self._size > MOST_BYTES:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._glances = set(map(hash, self._answered))
        self._answered.clear()
        self._answers.clear()
        self._size = 0
