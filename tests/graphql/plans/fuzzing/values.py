"""Values for arguments and variables of any input type: sensible, strange and wrong ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)

from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.spelling import Name

TEXTS = ("a", "", "naïve ☃", 'quote " \\ slash', "line\nline", "\U0001f600", "null", "0", "\u2028", "\x00", "x" * 300)
INTS = (1, 0, 2, -1, 7, 100, 2**31 - 1, -(2**31))
FLOATS = (0.5, 0, 1, -2.5, 1e300, 5e-324, -0.0, 3)
TIMES = (
    "2026-03-01T12:40:00Z",
    "2026-03-01T12:40:00.123456+02:00",
    "2026-03-01",
    "20260301T124000Z",
    "2026-03-01 12:40",
)
JSONS = (
    None,
    {},
    {"a": [1, {"b": None}], "é": "\n"},
    [],
    [1, 2.5, "x", False],
    "text",
    0,
    -1.5,
    True,
    {"a": {"a": {}}},
)
LEAVES = {
    "Int": INTS,
    "Float": FLOATS,
    "Boolean": (True, False),
    "ID": (*TEXTS, *INTS),
    "DateTime": TIMES,
    "Date": ("2026-03-01", "2024-02-29"),
    "Time": ("12:40:00", "12:40:00.5"),
    "Decimal": ("1.50", "0", "-3e2"),
    "UUID": ("00000000-0000-0000-0000-000000000005",),
    "JSON": JSONS,
}
"""Values of scalars by name; any other takes text."""
WRONG = (True, 2**31, 1.5, "x", "", [], {}, [[]], {"x": 1}, [None], None, 2**70, 1e400, "NaN", -1)


@dataclass(frozen=True)
class Values:
    """Makes values. The pools hold real ids and the like by ``Type.field.argument`` or by name; so do those astray."""

    pools: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    astray: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    choices: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)
    shapes: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def chosen(self, dice: Dice, owner: str, names: Mapping[str, bool], wrong: int) -> list[str]:
        """Return which of an owner's arguments or fields are given; `names` says of each whether it is required."""
        if owner in self.choices and dice.chance(80 if wrong else 96):
            return list(dice.pick(self.choices[owner]))
        return [name for name, required in names.items() if required or dice.chance(35)]

    def value(
        self,
        dice: Dice,
        kind: GraphQLInputType,
        place: str,
        wrong: int = 0,
        variable: Callable[[GraphQLInputType, str, bool], Name | None] | None = None,
        *,
        has_default: bool = False,
    ) -> Any:
        """Return a value of a type for ``Type.field.argument``; `wrong` so often in a hundred.

        `variable` may put a variable in its place or anywhere inside; `has_default` says that there is another value.
        """
        if variable is not None and (found := variable(kind, place, has_default)) is not None:
            return found
        if wrong and dice.chance(wrong):
            return dice.pick(WRONG)
        if isinstance(kind, GraphQLNonNull):
            return self._present(dice, kind.of_type, place, wrong, variable)
        return None if dice.chance(6) else self._present(dice, kind, place, wrong, variable)

    def _present(self, dice: Dice, kind: Any, place: str, wrong: int, variable: Any) -> Any:
        name = place.rpartition(".")[2]
        if wrong and name in self.astray and dice.chance(2 * wrong):
            return dice.pick(self.astray[name])
        nested = isinstance(kind, GraphQLList | GraphQLInputObjectType)
        if place in self.pools and (not nested or dice.chance(75)):
            return _named(dice.pick(self.pools[place]), kind)
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(dice, kind, wrong, variable)
        if isinstance(kind, GraphQLList):
            return self._list(dice, kind.of_type, f"{place}[]", wrong, variable)
        return dice.pick(self.pools[name]) if name in self.pools else self._leaf(dice, kind)

    def _leaf(self, dice: Dice, kind: Any) -> Any:
        if isinstance(kind, GraphQLEnumType):
            return Name(dice.pick(list(kind.values)))
        return dice.pick(LEAVES.get(kind.name, TEXTS))

    def _list(self, dice: Dice, kind: Any, place: str, wrong: int, variable: Any) -> Any:
        """Return a list, seldom a single value, which GraphQL takes for a list of one."""
        if dice.chance(6):
            return self.value(dice, kind, place, wrong, variable)
        size = dice.pick((1, 2, 1, 3)) if not wrong or dice.chance(95) else dice.pick((0, 101))
        return [self.value(dice, kind, place, wrong, variable) for _ in range(size)]

    def _object(self, dice: Dice, kind: GraphQLInputObjectType, wrong: int, variable: Any) -> Any:
        if kind.name in self.shapes and dice.chance(85):
            return _named(dice.pick(self.shapes[kind.name]), kind)
        required = {name: is_required_input_field(each) for name, each in kind.fields.items()}
        given = self.chosen(dice, kind.name, required, wrong)
        made = {
            name: self.value(
                dice,
                kind.fields[name].type,
                f"{kind.name}.{name}",
                wrong,
                variable,
                has_default=not required[name],
            )
            for name in given
        }
        if wrong and dice.chance(wrong):
            made["noSuchField"] = 1
        if wrong and made and dice.chance(wrong):
            made.pop(dice.pick(list(made)))
        return made


def _named(shape: Any, kind: Any) -> Any:
    """Return a shape with the values of enums as names, which a literal spells without quotes."""
    inner = getattr(kind, "of_type", None)
    if inner is not None and not isinstance(kind, GraphQLList):
        return _named(shape, inner)
    if isinstance(shape, list):
        return [_named(each, inner) for each in shape]
    if isinstance(shape, Mapping):
        return {name: _named(value, kind.fields[name].type) for name, value in shape.items()}
    return Name(shape) if isinstance(kind, GraphQLEnumType) and isinstance(shape, str) else shape
