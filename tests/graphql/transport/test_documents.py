"""Documents: what is refused, how little that costs, and what must pass."""

import itertools

import msgspec
import pytest
from graphql import OperationType, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.graphql.transport import documents as documents_module
from omniforge_graph.graphql.transport.cache import BoundedCache
from omniforge_graph.graphql.transport.cost import Tariff
from omniforge_graph.graphql.transport.documents import DocumentCache, Operation, Refusal
from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.graphql.transport.structure import StructureCheck


def chain(links: int, body: str) -> str:
    """A query whose fragments each spread the next one twice, by `body` with the next one's name in it."""
    fragments = " ".join(f"fragment f{n} on Query {{ {body.format(next=f'f{n + 1}')} }}" for n in range(links))
    return f"{{ ...f0 }} {fragments} fragment f{links} on Query {{ hello }}"


FRAGMENT_BOMB = chain(40, "...{next} ...{next}")
ALIAS_BOMB = chain(14, "a: items {{ edges {{ node {{ id }} }} }} ...{next} ...{next}")
REPEATS = "{ items { " + "pageInfo { hasNextPage } " * 70 + "} }"
REPEATED_LEAVES = "{ items { pageInfo {" + "hasNextPage " * 500 + "} } }"
VARIABLES = "query (" + " ".join(f"$v{n}: Int" for n in range(100_000)) + ") { hello }"
CYCLE = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
DASHBOARD = """
query Dashboard { items(first: 100) { edges { cursor node {
  id a: id b: id c: id d: id e: id f: id
  variants { name one: name two: name three: name four: name five: name six: name }
  items(first: 5) { edges { cursor node { id g: id h: id i: id } } } } } } }
"""


@pytest.fixture
def documents(schema):
    return DocumentCache(schema._schema)


@pytest.fixture
def validations(monkeypatch):
    """Counts how often graphql-core's validation is called."""
    calls = []
    original = documents_module.validate

    def counted(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(documents_module, "validate", counted)
    return calls


def code(verdict):
    assert isinstance(verdict, Refusal), verdict
    return verdict.errors[0]["extensions"]["code"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FRAGMENT_BOMB, "DOCUMENT_TOO_COMPLEX"),
        (ALIAS_BOMB, "DOCUMENT_TOO_COMPLEX"),
        (REPEATS, "DOCUMENT_TOO_COMPLEX"),
        (REPEATED_LEAVES, "DOCUMENT_TOO_COMPLEX"),
        (VARIABLES, "DOCUMENT_TOO_LARGE"),
        ("query (" + " ".join(f"$v{n}: Int" for n in range(51)) + ") { hello }", "DOCUMENT_TOO_LARGE"),
        ("{ " + "hello " * 2_001 + "}", "DOCUMENT_TOO_LARGE"),
        ("{ " + "items { edges { node { " * 6 + "id" + " } } }" * 6 + " }", "DOCUMENT_TOO_DEEP"),
        ("{ " + " ".join(f"a{n}: hello" for n in range(51)) + " }", "DOCUMENT_TOO_COMPLEX"),
        (
            "{ items { " + " ".join(f"a{n}: pageInfo {{ hasNextPage }}" for n in range(101)) + " } }",
            "DOCUMENT_TOO_COMPLEX",
        ),
        ("{ hello " + "@skip(if: true) " * 101 + "}", "DOCUMENT_TOO_COMPLEX"),
        (" ".join(f"query q{n} {{ hello }}" for n in range(51)), "DOCUMENT_TOO_LARGE"),
        ("{ a(x: " + "[" * 500 + "]" * 500 + ") }", "GRAPHQL_PARSE_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
    ],
)
def test_hostile_documents_are_refused_before_validation(documents, validations, text, expected):
    assert code(documents.prepare(text)) == expected
    assert validations == []


@pytest.mark.parametrize("text", [FRAGMENT_BOMB, ALIAS_BOMB, REPEATS, REPEATED_LEAVES, CYCLE])
def test_measuring_never_takes_more_steps_than_the_limit(text):
    check = StructureCheck(parse(text), Limits())
    check.run()
    assert check.steps <= Limits().selections + 1


def test_measuring_a_bomb_stops_at_the_limit_on_selections_alone():
    limits = Limits(root_fields=10**9, overlaps=10**9, aliases=10**9)
    check = StructureCheck(parse(FRAGMENT_BOMB), limits)
    excess = check.run()
    assert excess is not None
    assert excess.code == "DOCUMENT_TOO_COMPLEX"
    assert check.steps == limits.selections + 1


def test_a_document_over_the_length_is_not_even_parsed(documents, monkeypatch):
    monkeypatch.setattr(documents_module, "parse", lambda *_, **__: pytest.fail("parsed"))
    assert code(documents.prepare(VARIABLES)) == "DOCUMENT_TOO_LARGE"


def test_a_bomb_in_a_fragment_that_nothing_spreads_is_found(documents, validations):
    unused = "{ hello } fragment unused on Query " + REPEATS
    assert code(documents.prepare(unused)) == "DOCUMENT_TOO_COMPLEX"
    shadowed = "{ ...f } fragment f on Query " + REPEATS + " fragment f on Query { hello }"
    assert code(documents.prepare(shadowed)) == "DOCUMENT_TOO_COMPLEX"
    assert validations == []


def test_a_fragment_cycle_is_named_by_validation(documents):
    verdict = documents.prepare(CYCLE)
    assert code(verdict) == "GRAPHQL_VALIDATION_FAILED"
    assert "within itself" in verdict.errors[0]["message"]


@pytest.mark.parametrize("described", [True, False])
def test_introspection_as_graphiql_asks_it_passes(documents, described):
    query = get_introspection_query(
        descriptions=described, input_value_deprecation=True, schema_description=True, directive_is_repeatable=True
    )
    assert isinstance(documents.prepare(query), Operation)


def test_introspection_that_goes_in_circles_is_refused(documents):
    circles = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    assert code(documents.prepare(circles)) == "GRAPHQL_VALIDATION_FAILED"


def test_introspection_is_priced_by_the_size_of_the_schema(schema, documents):
    types = len(schema._schema.type_map)
    assert price(documents, "{ __schema { types { name } } }").fields == 1 + 1 + types
    wide = "{ __schema { " + " ".join(f"t{n}: types {{ fields {{ args {{ name }} }} }}" for n in range(50)) + " } }"
    assert code(DocumentCache(schema._schema, Limits(cost=5_000)).prepare(wide)) == "DOCUMENT_TOO_COMPLEX"


def test_a_dashboard_of_a_hundred_experiments_passes(documents):
    assert isinstance(documents.prepare(DASHBOARD), Operation)


def price(documents, text, variables=None):
    document = parse(text)
    return Tariff(documents._schema, documents.limits).price(document, document.definitions[0], variables)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("{ hello id }", 2),
        ("{ items(first: 10) { edges { node { id } } pageInfo { hasNextPage } } }", 1 + 1 + 10 + 10 + 1 + 1),
        ("{ items { edges { cursor } } }", 1 + 1 + 20),
        ("{ items(first: null) { edges { cursor } } }", 1 + 1 + 20),
        ("{ items(first: 3, last: 7) { edges { cursor } } }", 1 + 1 + 7),
        ("{ items(first: 5000) { edges { cursor } } }", 1 + 1 + 100),
        ("{ items(first: -5) { edges { cursor } } }", 1 + 1 + 1),
        ("{ variants { name } }", 1 + 5),
        ("{ ...f } fragment f on Query { items(first: 2) { ...g } } fragment g on Connection { edges { cursor } }", 4),
        ("{ ... on Query { items(first: 2) { ... { edges { cursor } } } } }", 4),
        ("{ items(first: 4) { edges { node { items(first: 3) { edges { cursor } } } } } }", 1 + 1 + 4 + 4 + 4 + 4 * 3),
        ("query ($n: Int) { items(first: $n) { edges { cursor } } }", 1 + 1 + 100),
    ],
)
def test_cost_counts_fields_times_the_lists_they_stand_in(documents, text, fields):
    assert price(documents, text).fields == fields


@pytest.mark.parametrize(
    ("definition", "variables", "page"),
    [
        ("$n: Int", {"n": 3}, 3),
        ("$n: Int", {"n": None}, 20),
        ("$n: Int", {}, 20),
        ("$n: Int = 4", {}, 4),
        ("$n: Int = 4", {"n": 6}, 6),
        ("$n: Int", {"n": 10**9}, 100),
        ("$n: Int", {"n": -(10**9)}, 1),
        ("$n: Int", {"n": "many"}, 100),
    ],
)
def test_cost_uses_the_variables_of_the_request(documents, definition, variables, page):
    text = f"query ({definition}) {{ items(first: $n) {{ edges {{ cursor }} }} }}"
    assert price(documents, text, variables).fields == 2 + page


NESTED = """query Nested($n: Int) { items(first: $n) { edges { node { items(first: $n) { edges { node {
items(first: $n) { edges { cursor } } } } } } } } }"""


def test_pages_sized_by_variables_are_priced_for_each_request(documents):
    assert isinstance(documents.prepare(NESTED, None, msgspec.Raw(b'{"n": 10}')), Operation)
    refused = documents.prepare(NESTED, None, msgspec.Raw(b'{"n": 100}'))
    assert code(refused) == "DOCUMENT_TOO_COMPLEX"
    assert "smaller pages" in refused.errors[0]["message"]
    assert isinstance(documents.prepare(NESTED, None, msgspec.Raw(b'{"n": 10}')), Operation)


def test_pages_sized_by_literals_are_refused_once_and_for_all(documents):
    text = NESTED.replace("($n: Int)", "").replace("$n", "100")
    assert code(documents.prepare(text)) == "DOCUMENT_TOO_COMPLEX"


def test_an_operation_is_chosen_by_its_name(documents):
    text = 'query A { hello } mutation B { write(text: "") }'
    first, second = documents.prepare(text, "A"), documents.prepare(text, "B")
    assert isinstance(first, Operation)
    assert isinstance(second, Operation)
    assert (first.name, first.kind) == ("A", OperationType.QUERY)
    assert (second.name, second.kind) == ("B", OperationType.MUTATION)


@pytest.mark.parametrize("name", [None, "C", ""])
def test_an_operation_that_is_not_named_or_not_there_is_an_error(documents, name):
    verdict = documents.prepare("query A { hello } query B { hello }", name)
    assert code(verdict) == "OPERATION_NOT_CHOSEN"
    assert "'A', 'B'" in verdict.errors[0]["message"]


def test_a_lone_operation_needs_no_name_but_a_wrong_one_is_refused(documents):
    assert isinstance(documents.prepare("query A { hello }"), Operation)
    assert code(documents.prepare("query A { hello }", "B")) == "OPERATION_NOT_CHOSEN"
    assert code(documents.prepare("{ hello }", "B")) == "OPERATION_NOT_CHOSEN"


def test_validation_errors_carry_code_and_place_and_at_most_twenty(documents):
    (error,) = documents.prepare("{ helo }").errors
    assert error["message"] == "Cannot query field 'helo' on type 'Query'. Did you mean 'hello'?"
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}
    many = documents.prepare("{ items { " + " ".join(f"x{n}" for n in range(60)) + " } }")
    assert len(many.errors) == documents_module.MAX_VALIDATION_ERRORS + 1


def test_suggestions_can_be_hidden(schema):
    hidden = DocumentCache(schema._schema, hide_suggestions=True)
    assert hidden.prepare("{ helo }").errors[0]["message"] == "Cannot query field 'helo' on type 'Query'."


def test_a_message_does_not_echo_a_long_document(documents):
    verdict = documents.prepare("{ hello(name: [" + "1 " * 900 + "]) }")
    assert code(verdict) == "GRAPHQL_VALIDATION_FAILED"
    assert len(verdict.errors[0]["message"]) < 1_100


def test_verdicts_good_and_bad_are_kept(documents, validations):
    for text, _ in itertools.product(["{ hello }", "{ helo }"], range(3)):
        documents.prepare(text)
    assert len(validations) == 2
    assert documents.prepare("{ hello }") is documents.prepare("{ hello }")
    assert documents.prepare("{ helo }") is documents.prepare("{ helo }")


def test_refused_documents_do_not_push_out_accepted_ones(schema, validations):
    documents = DocumentCache(schema._schema, Limits(cached_documents=2))
    documents.prepare("{ hello }")
    for number in range(10):
        documents.prepare(f"{{ x{number} }}")
    validations.clear()
    assert isinstance(documents.prepare("{ hello }"), Operation)
    assert validations == []


@given(st.lists(st.tuples(st.booleans(), st.text("ab", max_size=4)), max_size=60))
def test_a_cache_stays_within_its_bounds_and_keeps_the_latest(steps):
    cache = BoundedCache[str](entries=3, characters=6)
    latest = None
    for reading, text in steps:
        if reading:
            assert cache.get(text) in {None, text}
        else:
            cache.put(text, text)
            latest = text
        assert len(cache) <= 3
        assert cache.held == sum(len(kept) for kept in cache._values) <= 6
    assert latest is None or len(latest) > 6 or latest in cache._values or cache.get(latest) is None


def test_a_cache_drops_the_least_recently_used():
    cache = BoundedCache[int](entries=2, characters=100)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    cache.put("x" * 101, 4)
    assert len(cache) == 0
    assert cache.held == 0


@given(text=st.text('{}()[]:$!@."\\#abfragmentonquery01 ', max_size=80))
def test_any_text_gets_a_verdict(schema, text):
    verdict = DocumentCache(schema._schema).prepare(text)
    assert isinstance(verdict, Operation) or code(verdict)
