"""Text that databases refuse, in every place that takes text: never an internal error, on either engine."""

import json

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    build_schema,
)

from omniforge_graph.graphql.schema import print_schema

pytestmark = pytest.mark.journey

SCHEMA = build_schema(print_schema())
STRANGE = {"NUL": "a\x00b", "a lone surrogate": "\ud800", "nothing": "", "much": "x" * 300, "quotes": "'\";--"}
PLAIN = {"Int": 1, "Float": 50.0, "Boolean": True, "JSON": {"k": 1}, "DateTime": "2026-01-01T00:00:00Z"}


def fill(kind, text: str):
    """Return a value of an input type with `text` wherever a text or an id goes."""
    if isinstance(kind, GraphQLNonNull):
        return fill(kind.of_type, text)
    if isinstance(kind, GraphQLList):
        return [fill(kind.of_type, text)] * 2
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {name: fill(field.type, text) for name, field in kind.fields.items()}
    return {"k": text} if kind.name == "JSON" else PLAIN.get(kind.name, text)


def operations():
    for root, keyword in ((SCHEMA.query_type, "query"), (SCHEMA.mutation_type, "mutation")):
        for name, field in root.fields.items():
            if field.args:
                yield keyword, name, field


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
@pytest.mark.parametrize(
    ("keyword", "name", "field"), list(operations()), ids=lambda each: each if isinstance(each, str) else ""
)
def test_strange_text_is_never_an_internal_error(server, keyword, name, field, text) -> None:
    skipped = {"last", "before"} if "last" in field.args else set()
    declared = ", ".join(f"${arg}: {each.type}" for arg, each in field.args.items() if arg not in skipped)
    passed = ", ".join(f"{arg}: ${arg}" for arg in field.args if arg not in skipped)
    query = f"{keyword}({declared}) {{ {name}({passed}) {{ __typename }} }}"
    variables = {arg: fill(each.type, text) for arg, each in field.args.items() if arg not in skipped}
    # Escaped to ASCII: a lone surrogate has no UTF-8, but JSON can spell it.
    body = json.dumps({"query": query, "variables": variables})
    answer = server.http.post("/graphql", content=body, headers={"content-type": "application/json"}).json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    assert not codes & {"INTERNAL_ERROR", "UNAVAILABLE"}, answer
