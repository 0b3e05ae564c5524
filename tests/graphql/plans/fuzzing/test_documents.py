"""What the fuzzer asks: it can ask for everything, in every way, and most of it makes sense."""

import re
from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from graphql import FieldNode, TypeInfo, TypeInfoVisitor, VariableNode, Visitor, get_named_type, parse, validate, visit

from tests.graphql.plans.fuzzing.dice import Dice
from tests.graphql.plans.fuzzing.documents import Writer
from tests.graphql.plans.fuzzing.ground import GRAPHQL, RARITY, Ground
from tests.graphql.plans.fuzzing.requests import spoil

DOCUMENTS = 600
FEATURES = {
    "a named fragment": r"\.\.\.F\d",
    "a fragment in a fragment": r"fragment F\d+ on \w+ \{[^\n]*\.\.\.F\d",
    "an inline fragment without a type": r"\.\.\. (@|\{)",
    "an inline fragment on a type": r"\.\.\. on \w+",
    "a fragment with conditions": r"\.\.\.F\d+ @(skip|include)",
    "both conditions": r"@include\(if: \S+\) @skip",
    "a condition by a variable": r"@skip\(if: \$",
    "a condition by a literal": r"@include\(if: (true|false)",
    "an alias": r"\b[ab]: \w+",
    "an alias that is another field": r"\bid: (?!id\b)\w+",
    "the name of a type": r"__typename",
    "a null": r": null",
    "a default": r"\$v\d+: \w+ = ",
    "a default for what must not be null": r"\$v\d+: \w+! = ",
    "a variable within a literal": r"[:\[] \{?[^()]*: \$v\d",
    "several operations": r"query Q0[^\0]*query Q1|query Q1[^\0]*query Q0",
    "an operation without a name": r"^(query \(|\{)",
    "a list": r"\[\{",
}


class Asked(Visitor):
    """Strikes out the fields that documents select and the arguments that they give."""

    def __init__(self, info: TypeInfo, missing: set[tuple[str, bool]]) -> None:
        super().__init__()
        self.info = info
        self.missing = missing

    def enter_field(self, node: FieldNode, *_rest: object) -> None:
        place = f"{self.info.get_parent_type()}.{node.name.value}"
        self.missing.discard((place, False))
        for each in node.arguments or ():
            self.missing.discard((f"{place}.{each.name.value}", isinstance(each.value, VariableNode)))


def documents(ground: Ground, rarity: Mapping[str, int], count: int) -> Iterator[str]:
    values = ground.asker().values
    written = (Writer(Dice.seeded(number), GRAPHQL, values, rarity) for number in range(count))
    return (writer.document([GRAPHQL.query_type]).text for writer in written)


@pytest.fixture(scope="module")
def texts(ground) -> list[str]:
    return list(documents(ground, RARITY, DOCUMENTS))


def test_nearly_every_document_is_valid(texts) -> None:
    invalid = [text for text in texts[:300] if validate(GRAPHQL, parse(text))]
    assert len(invalid) <= 6, invalid[0]


async def test_most_requests_have_an_answer(ground) -> None:
    asker, side = ground.asker(), ground.pair().plain_side
    answers = [await side.answer(request) for number in range(60) for request in asker.requests(Dice.seeded(number), 8)]
    assert sum(answer.is_clean for answer in answers) >= 0.6 * len(answers)


@pytest.mark.parametrize("feature", FEATURES)
def test_documents_have_every_feature(texts, feature) -> None:
    assert sum(bool(re.search(FEATURES[feature], text, re.MULTILINE)) for text in texts) >= 5


def all_there_is() -> set[tuple[str, bool]]:
    """Every field below the root, and each of its arguments by variable and by literal."""
    waiting, found = [GRAPHQL.query_type], set()
    while waiting:
        kind = waiting.pop()
        for name, each in getattr(kind, "fields", {}).items():
            if (place := (f"{kind}.{name}", False)) not in found:
                found |= {place, *product((f"{kind}.{name}.{argument}" for argument in each.args), (True, False))}
                waiting.append(get_named_type(each.type))
    return found


def test_everything_that_can_be_asked_is_asked(ground) -> None:
    info, missing = TypeInfo(GRAPHQL), all_there_is()
    assert len(missing) > 250
    for text in documents(ground, {}, 10_000):
        visit(parse(text), TypeInfoVisitor(info, Asked(info, missing)))
        if not missing:
            return
    raise AssertionError(missing)


def test_a_spoilt_document_is_another_one_and_often_wrong(texts) -> None:
    spoilt = [spoil(Dice.seeded(number), text) for number, text in enumerate(texts[:200])]
    assert sum(one != other for one, other in zip(spoilt, texts, strict=False)) > 150
