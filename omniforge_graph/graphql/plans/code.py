"""Python that is being written: its lines, and the objects that they name."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


class Code:
    """A module of Python, written function by function.

    Nothing of a request becomes part of the text, and of a document only names, which are identifiers, and quoted text.
    """

    def __init__(self, **names: Any) -> None:
        self._names: dict[str, Any] = names
        self._numbers = count()
        self._lines: list[str] = []
        self._bound: dict[Any, tuple[str, ...]] = {}

    def name(self, prefix: str) -> str:
        """Return a name that nothing has yet."""
        return f"{prefix}_{next(self._numbers)}"

    def bind(self, prefix: str, constant: Any) -> str:
        """Give an object a name."""
        name = self.name(prefix)
        self._names[name] = constant
        return name

    def once(self, key: T, bind: Callable[[T], tuple[str, ...]]) -> tuple[str, ...]:
        """Return the names of what is bound for a key, which is done when it is first asked for."""
        if key not in self._bound:
            self._bound[key] = bind(key)
        return self._bound[key]

    def assign(self, name: str, expression: str) -> None:
        """Write an assignment."""
        self._lines.append(f"{name} = {expression}")

    def function(self, signature: str, body: Sequence[str]) -> None:
        """Write a function, such as `def f(x)` with the lines of its body."""
        self._lines += [f"{signature}:", *(f" {line}" for line in body)]

    def run(self) -> dict[str, Any]:
        """Run what was written and return what it named."""
        code = compile("\n".join(self._lines), "<operation plan>", "exec")
        exec(code, self._names)  # noqa: S102 - see the class: the text is ours
        return self._names
