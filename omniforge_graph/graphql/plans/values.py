"""Values that resolvers return, where they are not exactly of the expected class."""

from collections.abc import Iterable, Sequence
from inspect import iscoroutine
from typing import Any

from graphql import Undefined
from graphql.pyutils import is_async_iterable, is_awaitable, is_iterable

from omniforge_graph.graphql.plans.errors import StepAside


def refuse_awkward(value: Any) -> None:
    """Raise `StepAside` for what graphql-core would await, raise or take for absent."""
    if is_awaitable(value):
        if iscoroutine(value):
            value.close()
        raise StepAside("A value is to be awaited where none was expected.")
    if isinstance(value, Exception):
        raise StepAside("A field failed.") from value
    if value is Undefined:
        raise StepAside("A value is undefined.")


def refuse_null(value: Any) -> None:
    """Raise `StepAside` for null, and for what is awkward."""
    if value is None:
        raise StepAside("A non-null field is null.")
    refuse_awkward(value)


def given(value: Any) -> Any:
    """Return an argument that must not be null."""
    if value is None:
        raise StepAside("A non-null argument is null.")
    return value


def sequence(value: Any) -> Sequence[Any]:
    """Return the items of what a resolver gave as a list."""
    if type(value) is tuple:
        return value
    refuse_null(value)
    if is_async_iterable(value) or not is_iterable(value):
        raise StepAside("A list is none, or comes bit by bit.")
    items: Iterable[Any] = value
    return list(items)
