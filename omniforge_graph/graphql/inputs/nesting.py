"""Nested inputs: JSON that must be an object, and the way to a field at fault."""

from collections.abc import Iterator
from contextlib import contextmanager

from strawberry.scalars import JSON

from omniforge_graph.errors import OmniForgeError, ValidationError


def read_object(value: JSON | None, name: str) -> dict[str, object]:
    """Return the object, empty for None; raises `ValidationError` naming `name`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValidationError(f"{name} must be a JSON object.", path=(name,))
    return value


@contextmanager
def under(*steps: str | int) -> Iterator[None]:
    """Put `steps` before the path of an error raised inside."""
    try:
        yield
    except OmniForgeError as problem:
        problem.path = (*steps, *problem.path)
        raise
