"""Requests: a document, an operation of it and its variables, plain or spoilt."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphql import GraphQLObjectType, GraphQLSchema, is_non_null_type

from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.documents import Document, Variable, Writer
from tests.graphql.plans.fuzzing.spelling import as_json
from tests.graphql.plans.fuzzing.values import JSONS, Values

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\.\.\.|[$@]?\w+|-?[\d.eE+]+|\s+|.', re.DOTALL)
STRAY = (
    "noSuchField",
    "null",
    "$nothing",
    "{ id }",
    "@skip(if: true)",
    "...F0",
    "... on Query { __typename }",
    "!",
    "first: 1",
)


@dataclass(frozen=True)
class Request:
    """What a client sends; the variables are JSON as they were spelt, None where there are none."""

    query: str
    operation_name: str | None
    variables: str | None


@dataclass(frozen=True)
class Asker:
    """Makes requests over a schema."""

    schema: GraphQLSchema
    roots: Sequence[GraphQLObjectType]
    values: Values
    rarity: Mapping[str, int]
    narrow: int = 0

    def requests(self, dice: Dice, count: int) -> list[Request]:
        """Return requests of one document, each with variables of its own; some are not as they should be."""
        plain = dice.chance(90)
        wrong = 0 if plain or dice.chance(50) else 5
        writer = Writer(dice, self.schema, self.values, self.rarity, narrow=self.narrow, wrong=wrong)
        document = writer.document(self.roots)
        text = document.text if plain or dice.chance(30) else spoil(dice, document.text)
        return [self._request(dice, document, text, wrong=0 if number % 4 else 6) for number in range(count)]

    def _request(self, dice: Dice, document: Document, text: str, wrong: int) -> Request:
        name = dice.pick(list(document.operations))
        variables = self.variables(dice, document.operations[name], wrong)
        if dice.chance(2):
            name = dice.pick(("Q0", "Q1", "nothing", ""))
        if name is not None and len(document.operations) == 1 and dice.chance(30):
            name = None
        return Request(text, name, variables)

    def variables(self, dice: Dice, definitions: Sequence[Variable], wrong: int) -> str | None:
        """Return values for an operation's variables as JSON: given, null, left out, too many or wrong."""
        made = {}
        for each in definitions:
            optional = not is_non_null_type(each.kind) or each.default is not None
            if (optional and dice.chance(12)) or (wrong and dice.chance(wrong)):
                continue
            made[each.name] = self.values.value(dice, each.kind, each.place, wrong)
        if dice.chance(4):
            made["unasked"] = dice.pick(JSONS)
        if not made and dice.chance(50):
            return None
        return as_json({name: made[name] for name in dice.shuffled(list(made))}, dice)


def spoil(dice: Dice, text: str) -> str:
    """Return a document with one token left out, doubled, exchanged for another of its own or for a stray one."""
    tokens = _TOKEN.findall(text)
    place = dice.below(len(tokens))
    match dice.below(4):
        case 0:
            tokens[place] = " "
        case 1:
            tokens[place] += f" {tokens[place]}"
        case 2:
            tokens[place] = dice.pick(tokens)
        case _:
            tokens[place] = f" {dice.pick(STRAY)} "
    return "".join(tokens)
