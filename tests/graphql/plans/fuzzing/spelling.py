"""How values are written: as literals of GraphQL, and as JSON in any of the spellings that mean the same."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.graphql.plans.fuzzing.dice import Dice

TOO_LARGE = "1e400"
_is_name = re.compile(r"[_A-Za-z]\w*", re.ASCII).fullmatch


@dataclass(frozen=True)
class Name:
    """A bare word of a literal: an enum's value or a variable."""

    text: str


def literal(value: Any) -> str:
    """Return a value in GraphQL's own notation."""
    if isinstance(value, Mapping):
        fields = ", ".join(f"{key}: {literal(each)}" for key, each in value.items() if _is_name(key))
        return f"{{{fields}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return value.text if isinstance(value, Name) else _plain(value)


def as_json(value: Any, dice: Dice) -> str:
    """Return a value as JSON, now and then in an odd spelling: spaces, fractions of 0, a key given twice."""
    odd = dice.chance(10)
    comma = ", " if odd else ","
    if isinstance(value, Mapping):
        members = [(json.dumps(key), as_json(each, dice)) for key, each in value.items()]
        if odd and members and dice.chance(30):
            members = [(members[-1][0], dice.pick(("1", "null", "{}", "[[]]", '"x"', "true"))), *members]
        return f"{{{comma.join(f'{key}:{text}' for key, text in members)}}}"
    if isinstance(value, list | tuple):
        return f"[{comma.join(as_json(each, dice) for each in value)}]"
    if isinstance(value, Name):
        return json.dumps(value.text)
    if odd and isinstance(value, int) and not isinstance(value, bool):
        return f"{value}{dice.pick(('.0', 'e0', '.00E+0'))}"
    return _plain(value, escape=not odd)


def _plain(value: Any, *, escape: bool = True) -> str:
    if isinstance(value, float) and math.isinf(value):
        return TOO_LARGE
    return json.dumps(value, ensure_ascii=escape)
