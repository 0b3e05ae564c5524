"""One rule for every text that people give us, so that all databases and all clients agree on it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omniforge_graph.errors import TextError, ValidationError

MAX_KEY = 128
MAX_NAME = 200
MAX_DESCRIPTION = 10_000
MAX_CONTENT = 200_000
MAX_IDENTIFIER = 256
MAX_JSON = 256 * 1024

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
# In JSON text: an even number of backslashes before it is backslashes, and then no escape.
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# NUL cannot be stored by PostgreSQL, a lone surrogate cannot be encoded at all.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether every database can hold the text. What is not cannot be the id or key of anything."""
    if text.isascii():  # what the expression takes a hundred times as long to find out
        return "\0" not in text
    return not _UNSTORABLE.search(text)


def is_ordinary(value: object, maximum: int = MAX_NAME) -> bool:
    """Whether `clean_text` would take it, told at a glance. False says nothing: ask `clean_text`."""
    # A printable text holds neither NUL nor a lone surrogate.
    return isinstance(value, str) and 0 < len(value) <= maximum and value.isprintable() and not value.isspace()


def clean_text(
    value: object,
    path: Sequence[str | int],
    *,
    maximum: int = MAX_NAME,
    required: bool = True,
    name: str | None = None,
) -> str:
    """Return `value` if it can be stored everywhere; raise `TextError` naming `path` if it cannot.

    `name` is what the message calls it, where that is not the end of the path.
    """
    name = name or str(path[-1] if path else "text")
    if not isinstance(value, str):
        raise TextError(f"{name} must be text, not {type(value).__name__}.", path=path)
    if required and not value.strip():
        raise TextError(f"{name} must not be empty.", path=path)
    if len(value) > maximum:
        raise TextError(f"{name} has {len(value):,} characters; at most {maximum:,} are allowed.", path=path)
    if found := _UNSTORABLE.search(value):
        raise TextError(
            f"{name} holds the character U+{ord(found[0]):04X} at position {found.start()}, "
            "which cannot be stored; remove it.",
            path=path,
        )
    return value


def are_clean(texts: Sequence[Any], *, maximum: int = MAX_NAME) -> bool:
    """Whether `clean_text` takes every one of the values, found out for all at once: a twentieth of the time."""
    try:
        whole = "".join(texts)
    except TypeError:  # not all of them are text
        return False
    return is_storable(whole) and all(map(str.strip, texts)) and max(map(len, texts), default=0) <= maximum


def clean_key(value: object, path: Sequence[str | int], *, name: str | None = None) -> str:
    """Return a key people type: letters, digits and ``. _ : / -``, at most 128 characters; `name` as for a text."""
    text = clean_text(value, path, maximum=MAX_KEY, name=name)
    if not _KEY.fullmatch(text):
        raise TextError(
            f"{name or path[-1]} {text!r} is not a key: use letters, digits and . _ : / - and begin with a letter or "
            "digit.",
            path=path,
        )
    return text


def clean_optional(value: object, path: Sequence[str | int], *, maximum: int = MAX_NAME) -> str | None:
    """Return None for an absent or blank text, else the text under the same rule as `clean_text`."""
    if value is None:
        return None
    return clean_text(value, path, maximum=maximum, required=False) or None


def clean_json(value: object, path: Sequence[str | int], *, maximum: int = MAX_JSON) -> Mapping[str, Any]:
    """Return a JSON object as plain data; refuse what JSON cannot say (NaN, other types), what cannot be stored, and
    what takes more than `maximum` characters.
    """
    name = path[-1]
    if not isinstance(value, Mapping):
        raise ValidationError(f"{name} must be a JSON object, not {type(value).__name__}.", path=path)
    try:
        encoded = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise ValidationError(f"{name} must be plain JSON data: {problem}.", path=path) from None
    if len(encoded) > maximum:
        raise ValidationError(f"{name} takes {len(encoded):,} characters; at most {maximum:,} are kept.", path=path)
    if _ESCAPED_NUL.search(encoded) or _UNSTORABLE.search(encoded):
        raise ValidationError(f"{name} holds a character that cannot be stored (NUL or a lone surrogate).", path=path)
    plain: Mapping[str, Any] = json.loads(encoded)
    return plain
