"""The published schema: printed by the code, described throughout, never broken for its clients."""

import subprocess
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
)

from omniforge_graph.errors import ErrorCode
from omniforge_graph.graphql.schema import print_schema

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "schema.graphql"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(print_schema())


def test_the_published_schema_is_the_one_in_the_code() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == print_schema(), "run make schema"


def committed() -> str | None:
    """The schema before the latest change to it, be that change committed or not; None if this is no checkout."""

    def git(*arguments: str) -> str | None:
        ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return ran.stdout if ran.returncode == 0 else None

    changes = (git("log", "-2", "--format=%H", "--", PUBLISHED.name) or "").split()
    versions = [git("show", f"{commit}:{PUBLISHED.name}") for commit in changes]
    now = PUBLISHED.read_text(encoding="utf-8")
    return next((version for version in versions if version not in (None, now)), versions[0] if versions else None)


def test_no_client_is_broken_by_a_change() -> None:
    before = committed()
    if before is None:
        pytest.skip("this is no git checkout")
    changes = find_breaking_changes(build_schema(before), build_schema(print_schema()))
    assert [change.description for change in changes] == []


def test_a_removed_field_would_be_noticed() -> None:
    broken = print_schema().replace("  sampleRatio: SampleRatio!\n", "  renamed: SampleRatio!\n")
    changes = find_breaking_changes(build_schema(print_schema()), build_schema(broken))
    assert [change.description for change in changes] == ["Field Analysis.sampleRatio was removed."]


def test_every_type_field_argument_and_value_is_described(schema) -> None:
    silent: list[str] = []
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in {"String", "Int", "Float", "Boolean", "ID"}:
            continue
        if not kind.description:
            silent.append(name)
        if isinstance(kind, GraphQLEnumType):
            silent += [f"{name}.{value}" for value, each in kind.values.items() if not each.description]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, each in kind.fields.items():
                if not each.description:
                    silent.append(f"{name}.{field}")
                for argument, given in getattr(each, "args", {}).items():
                    if not given.description:
                        silent.append(f"{name}.{field}({argument})")
    assert silent == []


def test_every_code_of_an_error_is_in_the_schema(schema) -> None:
    assert set(schema.type_map["ErrorCode"].values) == {code.value for code in ErrorCode}


def test_mutations_take_one_input_and_answer_with_a_payload(schema) -> None:
    for name, field in schema.mutation_type.fields.items():
        assert list(field.args) == ["input"], name
        payload = field.type.of_type
        assert str(field.args["input"].type).endswith("!")
        assert "errors" in payload.fields or {"accepted", "duplicates", "rejected"} <= set(payload.fields), name
