"""Documents over any schema: nested selections, aliases, merging fields, fragments, directives, variables.

What is written is valid by construction as far as reason goes: one record per place in the response of what each
response key stands for keeps fields that merge from contradicting each other, also across fragments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)
from graphql.utilities import is_type_sub_type_of

from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.spelling import Name, literal
from tests.graphql.plans.fuzzing.values import Values

LIST = 3
"""The length assumed of a list."""
MOST = 60
"""Objects in lists inside lists, by that assumption, where nesting ends."""
SIZES = (10, 20, 35, 50, 80)
ALIASES = ("a", "b", "id", "name", "key", "_1")


@dataclass(frozen=True)
class Variable:
    """A variable of a document: its type, its default as a literal, and where it was first used."""

    name: str
    kind: GraphQLInputType
    default: str | None
    place: str

    @property
    def definition(self) -> str:
        """The definition in an operation's head."""
        return f"${self.name}: {self.kind}" + (f" = {self.default}" if self.default is not None else "")

    def fits(self, schema: GraphQLSchema, kind: GraphQLInputType, *, has_default: bool) -> bool:
        """Return whether the variable may stand at a place of that type."""
        own = self.kind
        if is_non_null_type(kind) and not is_non_null_type(own):
            if not (has_default or self.default not in (None, "null")):
                return False
            kind = kind.of_type
        return is_type_sub_type_of(schema, own, kind)


@dataclass
class Slot:
    """What a response key stands for at its place, and the place below it."""

    name: str
    arguments: str
    kind: str
    variables: frozenset[str]
    below: "Place" = field(default_factory=dict)

    def agrees(self, other: "Slot") -> bool:
        """Return whether both may be merged."""
        same = (self.name, self.arguments, self.kind) == (other.name, other.arguments, other.kind)
        return same and agree(self.below, other.below)


Place = dict[str, Slot]


def agree(place: Place, other: Place) -> bool:
    """Return whether all that two places have in common may be merged."""
    return all(slot.agrees(other[key]) for key, slot in place.items() if key in other)


@dataclass
class Fragment:
    """A named fragment: what it selects, and the variables and fragments it needs."""

    name: str
    kind: Any
    text: str
    place: Place
    needs: frozenset[str]


@dataclass(frozen=True)
class Document:
    """A document's text and the variables of each of its operations by name; None for one without a name."""

    text: str
    operations: Mapping[str | None, Sequence[Variable]]


class Writer:
    """Writes one document."""

    def __init__(
        self,
        dice: Dice,
        schema: GraphQLSchema,
        values: Values,
        rarity: Mapping[str, int],
        *,
        narrow: int = 0,
        wrong: int = 0,
    ) -> None:
        self._dice = dice
        self._schema = schema
        self._values = values
        self._rarity = rarity  # how often in a hundred a field is taken when the dice name it
        self._narrow = narrow  # how many operations in a hundred are plain: one field, its arguments variables
        self._wrong = wrong  # how many values in a hundred do not fit
        self._variables: dict[str, Variable] = {}
        self._fragments: dict[str, Fragment] = {}
        self._needs: set[str] = set()  # the variables and fragments of what is being written
        self._left = 0

    def document(self, roots: Sequence[GraphQLObjectType]) -> Document:
        """Write operations on some of these root types; the variables each defines are those it uses."""
        dice = self._dice
        count = 1 if dice.chance(85) else 2 + dice.below(2)
        kinds = {self._schema.query_type: "query", self._schema.mutation_type: "mutation"}
        heads, bodies, operations = [], [], {}
        for number in range(count):
            root = dice.pick(roots)
            named = count > 1 or dice.chance(60)
            self._left = dice.pick(SIZES)
            body, needs = self._apart(lambda root=root: self._root(root))
            used = sorted(self._closure(needs) & self._variables.keys())
            variables = dice.shuffled([self._variables[name] for name in used])
            name = f"Q{number}" if named else None
            head = f"({', '.join(each.definition for each in variables)})" if variables else ""
            word = kinds.get(root, "subscription")
            heads.append("" if word == "query" and not named and not head else f"{word} {name or ''}{head} ")
            bodies.append((body, needs))
            operations[name] = variables
        spread = set().union(*(self._closure(needs) for _, needs in bodies))
        texts = [head + body for head, (body, _) in zip(heads, bodies, strict=True)]
        texts += [each.text for name, each in self._fragments.items() if name in spread]
        return Document("\n".join(dice.shuffled(texts)), operations)

    def _apart(self, write: Any) -> tuple[str, frozenset[str]]:
        """Write something whose needs are its own."""
        outer, self._needs = self._needs, set()
        text = write()
        inner, self._needs = frozenset(self._needs), outer
        return text, inner

    def _closure(self, needs: frozenset[str]) -> set[str]:
        found, waiting = set(), list(needs)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._fragments[name].needs if name in self._fragments else ()
        return found

    # ------------------------------------------------------------ selections

    def _root(self, root: GraphQLObjectType) -> str:
        if self._dice.chance(self._narrow):
            return f"{{ {self._field(root, {}, 0, 1)} }}"
        return self._selections(root, {}, 0, 1)

    def _selections(self, kind: Any, place: Place, depth: int, times: int) -> str:
        parts = [self._selection(kind, place, depth, times) for _ in range(1 + self._dice.below(min(6, depth + 3)))]
        return f"{{ {' '.join(parts)} }}"

    def _selection(self, kind: Any, place: Place, depth: int, times: int) -> str:
        dice, self._left = self._dice, self._left - 1
        roll = dice.below(100)
        if roll >= 82 and self._left > 0 and depth < 7:
            inside = roll < 91 or not (spread := self._spread(kind, place, depth, times))
            return self._inline(kind, place, depth, times) if inside else spread
        if roll >= 76 or isinstance(kind, GraphQLUnionType):
            key = "" if dice.chance(70) else "kind: "
            if self._claim(place, key[:-2] or "__typename", Slot("__typename", "", "String!", frozenset())):
                return f"{key}__typename{self._directives()}"
        return self._field(kind, place, depth, times)

    def _field(self, kind: Any, place: Place, depth: int, times: int) -> str:
        dice = self._dice
        again = [key for key, slot in place.items() if self._has(kind, slot)]
        if again and dice.chance(15):
            key = dice.pick(again)
            slot = place[key]
        elif (name := self._name(kind, depth, times)) is None:
            return f"__typename{self._directives()}" if "__typename" not in place else "t: __typename"
        else:
            arguments, needs = self._apart(lambda: self._arguments(kind, name))
            slot = Slot(name, arguments, str(kind.fields[name].type), needs)
            wanted = [dice.pick(ALIASES)] if dice.chance(20) else []
            free = (f"{name}{number}" for number in range(len(place) + 1))
            key = next(each for each in (*wanted, name, *free) if self._claim(place, each, slot))
            slot = place[key]
        self._needs |= slot.variables
        alias = "" if key == slot.name else f"{key}: "
        text = f"{alias}{slot.name}{slot.arguments}{self._directives()}"
        inner = get_named_type(kind.fields[slot.name].type)
        if not is_composite_type(inner):
            return text
        return f"{text} {self._selections(inner, slot.below, depth + 1, times * _length(kind.fields[slot.name]))}"

    def _claim(self, place: Place, key: str, slot: Slot) -> bool:
        return place.setdefault(key, slot).agrees(slot)

    def _has(self, kind: Any, slot: Slot) -> bool:
        field_ = getattr(kind, "fields", {}).get(slot.name)
        return field_ is not None and str(field_.type) == slot.kind and (self._left > 0 or not _composite(field_))

    def _name(self, kind: Any, depth: int, times: int) -> str | None:
        """Return a field to select, a nested one more often while there is room."""
        if isinstance(kind, GraphQLUnionType):
            return None
        room = self._left > 0 and depth < 9
        fields = {name: each for name, each in kind.fields.items() if self._rarity.get(f"{kind.name}.{name}") != 0}
        nested = [name for name, each in fields.items() if _composite(each) and times * _length(each) <= MOST]
        leaves = [name for name, each in fields.items() if not _composite(each)]
        for _ in range(3):
            deeper = room and nested and (not leaves or self._dice.chance(55))
            options = nested if deeper else leaves or (nested if depth < 12 else [])
            name = self._dice.pick(options) if options else None
            if name is None or self._dice.chance(self._rarity.get(f"{kind.name}.{name}", 100)):
                return name
        return None

    # ------------------------------------------------------------ fragments

    def _inline(self, kind: Any, place: Place, depth: int, times: int) -> str:
        other = self._dice.pick([kind, *self._overlapping(kind)])
        condition = "" if other is kind and self._dice.chance(50) else f" on {other.name}"
        directives = self._directives(40)
        return f"...{condition}{directives} {self._selections(other, place, depth + 1, times)}"

    def _spread(self, kind: Any, place: Place, depth: int, times: int) -> str:
        """Spread a fragment that fits here, a known one or a new one; nothing if it contradicts what is here."""
        overlapping = [kind, *self._overlapping(kind)]
        known = [each for each in self._fragments.values() if each.kind in overlapping and depth + times < 8]
        if known and self._dice.chance(50):
            fragment = self._dice.pick(known)
        else:
            other, own = self._dice.pick(overlapping), Place()
            body, needs = self._apart(lambda: self._selections(other, own, depth + 1, times))
            name = f"F{len(self._fragments)}"
            fragment = Fragment(name, other, f"fragment {name} on {other.name} {body}", own, needs)
        if not agree(fragment.place, place):
            return ""
        self._fragments[fragment.name] = fragment
        _merge(fragment.place, place)
        self._needs.add(fragment.name)
        return f"...{fragment.name}{self._directives()}"

    def _overlapping(self, kind: Any) -> list[Any]:
        """Return the other types that an object of this type may have, so that a fragment on them can apply."""
        possible = self._possible(kind)
        types = self._schema.type_map.values()
        return [
            each for each in types if is_composite_type(each) and each is not kind and possible & self._possible(each)
        ]

    def _possible(self, kind: Any) -> set[str]:
        return {each.name for each in self._schema.get_possible_types(kind)} if is_abstract_type(kind) else {kind.name}

    # ------------------------------------------------------------ arguments, directives, variables

    def _arguments(self, kind: Any, name: str) -> str:
        arguments: Mapping[str, GraphQLArgument] = kind.fields[name].args
        owner = f"{kind.name}.{name}"
        required = {each: is_required_argument(argument) for each, argument in arguments.items()}
        given = self._values.chosen(self._dice, owner, required, self._wrong) if arguments else []
        texts = [
            f"{each}: {literal(self._argument(arguments[each], f'{owner}.{each}'))}"
            for each in self._dice.shuffled(given)
        ]
        return f"({', '.join(texts)})" if texts else ""

    def _argument(self, argument: GraphQLArgument, place: str) -> Any:
        has_default = argument.default_value is not Undefined
        if self._dice.chance(self._narrow) and (whole := self._variable(argument.type, place, has_default, often=100)):
            return whole
        return self._values.value(
            self._dice, argument.type, place, self._wrong, self._variable, has_default=has_default
        )

    def _directives(self, percent: int = 10) -> str:
        if not self._dice.chance(percent if not self._narrow else percent // 5):
            return ""
        names = self._dice.pick((("include",), ("skip",), ("include", "skip")))
        return "".join(f" @{name}(if: {self._condition(name)})" for name in names)

    def _condition(self, name: str) -> str:
        usual = GraphQLNonNull(GraphQLBoolean)
        if self._dice.chance(70) and (variable := self._variable(usual, f"@{name}.if", has_default=False, often=100)):
            return variable.text
        return "true" if (name == "include") != self._dice.chance(30) else "false"

    def _variable(self, kind: GraphQLInputType, place: str, has_default: bool, often: int = 35) -> Name | None:
        """Return a variable to use, a known one or a new one, or None for a literal."""
        dice = self._dice
        if not dice.chance(often):
            return None
        fitting = [each for each in self._variables.values() if each.fits(self._schema, kind, has_default=has_default)]
        alike = [each for each in fitting if each.place == place]
        if alike and dice.chance(50):
            chosen = dice.pick(alike)
        elif fitting and dice.chance(10):
            chosen = dice.pick(fitting)
        else:
            chosen = self._new(kind, place, has_default)
            self._variables[chosen.name] = chosen
        self._needs.add(chosen.name)
        return Name(f"${chosen.name}")

    def _new(self, kind: GraphQLInputType, place: str, has_default: bool) -> Variable:
        dice, name, inner = self._dice, f"v{len(self._variables)}", get_nullable_type(kind)
        may_be_null = inner is kind or has_default
        nullable = dice.chance(80) if inner is kind else dice.chance(50 if has_default else 25)
        own = inner if nullable else GraphQLNonNull(inner)
        default = None
        if dice.chance(20) or (nullable and not may_be_null):
            shown = own if may_be_null else GraphQLNonNull(inner)
            default = literal(self._values.value(dice, shown, place, self._wrong))
        return Variable(name, own, default, place)


def _merge(fragment: Place, place: Place) -> None:
    for key, slot in fragment.items():
        if key in place:
            _merge(slot.below, place[key].below)
        else:
            place[key] = slot


def _composite(field_: GraphQLField) -> bool:
    return is_composite_type(get_named_type(field_.type))


def _length(field_: GraphQLField) -> int:
    return LIST if is_list_type(get_nullable_type(field_.type)) else 1


def fields_of(schema: GraphQLSchema, name: str) -> Sequence[str]:
    """Return the names of an object's fields."""
    return list(schema.type_map[name].fields)
