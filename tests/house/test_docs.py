"""The documentation is true as far as a machine can tell."""

import inspect
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest
import typer
from graphql import build_schema, parse, validate

from omniforge_graph.cli import app
from omniforge_graph.cli.serve import as_environment
from omniforge_graph.config import Settings
from omniforge_graph.graphql.schema import print_schema
from omniforge_graph.graphql.transport import codes
from omniforge_graph.graphql.transport.limits import Limits
from omniforge_graph.plugin import Flag
from omniforge_graph.plugin.manager import installed_plugins

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"
METHODS = REFERENCE / "methods"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMANDS = {command.name or command.callback.__name__: command for command in app.registered_commands}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(*kinds: str) -> list:
    found = [(page, kind, text) for page in PAGES for kind, text in BLOCK.findall(read(page)) if kind in kinds]
    return [pytest.param(text, id=f"{name_of(page)}:{number}") for number, (page, _, text) in enumerate(found)]


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors that Git hosts give a page's headings."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of a page's tables by their first cell, without code marks."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    tables = [[cell.strip().replace("`", "") for cell in line.split("|")] for line in lines]
    return {first: rest for first, *rest in tables}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", read(page))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert not anchor or anchor in anchors(target), f"{link} names a heading that is not there"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(read(index))}
    assert set((ROOT / "docs").rglob("*.md")) - {index} <= linked


@cache
def schema():
    return build_schema(print_schema())


@pytest.mark.parametrize("text", blocks("graphql"))
def test_graphql_is_valid(text: str) -> None:
    assert validate(schema(), parse(text)) == []


def curl_requests() -> list:
    requests = []
    for page in PAGES:
        for _, text in BLOCK.findall(read(page)):
            requests += [
                pytest.param(sent, id=name_of(page))
                for sent in re.findall(r"^curl .*?-d '(.*?)'$", text, re.MULTILINE | re.DOTALL)
            ]
    return requests


@pytest.mark.parametrize("sent", curl_requests())
def test_requests_by_curl_are_valid(sent: str) -> None:
    assert validate(schema(), parse(json.loads(sent)["query"])) == []


@pytest.mark.parametrize("text", blocks("python"))
def test_python_compiles(text: str) -> None:
    if not re.match(r"omniforge_\w+\(.*\) -> ", text):  # the signature of a hook
        compile(text, "page", "exec")


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_json(text: str) -> None:
    json.loads(text)


def test_the_notebook_runs(tmp_path: Path) -> None:
    page = read(ROOT / "docs" / "how-to" / "use-the-python-api.md")
    (script,) = [text for _, text in BLOCK.findall(page) if "# file: notebook.py" in text]
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"It prints `{ran.stdout.strip()}`" in page


def test_the_algorithm_shown_is_the_one_used() -> None:
    from omniforge_graph.domain.bucketing import HashAlgorithm, point

    (text,) = [text for kind, text in BLOCK.findall(read(REFERENCE / "allocation.md")) if kind == "python"]
    shown: dict = {}
    exec(compile(text, "page", "exec"), shown)
    for unit in ("a", "user-17", "ünit", "0"):
        assert shown["point"]("tour", unit) == point(HashAlgorithm.SHA_256, "tour", unit)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_documented_with_their_defaults(name: str) -> None:
    page = read(REFERENCE / "cli.md")
    (section,) = re.findall(rf"^## omniforge-graph {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    command = typer.main.get_command(app).commands[name]
    shown = {first: rest[0] for first, rest in rows(section).items() if first.startswith("--")}
    real = {}
    for option in command.params:
        if option.param_type_name == "option" and "--help" not in option.opts:
            told = option.show_default if isinstance(option.show_default, str) else option.default
            real[", ".join([*option.opts, *option.secondary_opts])] = "" if told in (None, False) else str(told)
    assert shown == real


def test_settings_are_documented_with_their_defaults() -> None:
    shown = {first: rest[0] for first, rest in rows(read(REFERENCE / "settings.md")).items() if "OMNIFORGE_" in first}
    assert shown == as_environment(Settings())


def test_settings_are_documented_with_their_ranges() -> None:
    shown = {first: rest[2] for first, rest in rows(read(REFERENCE / "settings.md")).items() if "OMNIFORGE_" in first}
    for field in msgspec.inspect.type_info(Settings).fields:
        kind = field.type.type if isinstance(field.type, msgspec.inspect.Metadata) else field.type
        for bound in (getattr(kind, name, None) for name in ("ge", "gt", "le", "lt")):
            text = shown[f"OMNIFORGE_{field.name.upper()}"]
            assert bound is None or re.search(rf"\b{bound}\b", text), (field.name, bound)


def test_options_of_settings_exist() -> None:
    serve = typer.main.get_command(app).commands["serve"]
    real = {option for each in serve.params for option in (*each.opts, *each.secondary_opts)}
    told = {first: rest[1] for first, rest in rows(read(REFERENCE / "settings.md")).items() if "OMNIFORGE_" in first}
    assert {option for cell in told.values() for option in cell.split(", ") if option} == real - {"--help"}


def test_errors_of_the_transport_are_documented() -> None:
    shown = rows(read(REFERENCE / "errors.md"))
    source = inspect.getsource(codes.Code)
    for code, meaning in re.findall(r'    (\w+) = "\w+"\n    """(.*?)"""', source):
        assert shown[code][0] == meaning.replace("`", "")
    assert set(codes.Code) <= shown.keys()


def test_limits_are_documented() -> None:
    limits, page = Limits(), read(REFERENCE / "graphql.md")
    told = [limits.characters, limits.tokens, limits.definitions, limits.variables, limits.depth, limits.selections]
    told += [limits.root_fields, limits.aliases, limits.directives, limits.overlaps, limits.cost]
    (table,) = re.findall(r"^\| what \| limit \|\n(.*?)\n\n", page, re.MULTILINE | re.DOTALL)
    cells = [row.split("|")[2].strip() for row in table.splitlines()[1:]]
    assert cells[: len(told)] == [f"{limit:,}" for limit in told]


def test_costly_fields_are_told_with_their_weight() -> None:
    from omniforge_graph.graphql.schema import WEIGHTS, schema

    page = read(REFERENCE / "graphql.md")
    (told,) = [line for line in page.replace("\n", " ").split(". ") if "`Experiment.analysis`" in line]
    for field, weight in WEIGHTS.items():
        kind, _, name = field.partition(".")
        assert name in schema._schema.get_type(kind).fields
        assert f"`{field}`" in told
        assert f"{weight:g} times" in told


TESTS = {
    name: test for name, test in installed_plugins().tests.items() if type(test).__module__.startswith("omniforge")
}


def choices_of(kind: msgspec.inspect.Type) -> set[str]:
    """Return the words that an option accepts, none for numbers and truth values."""
    match kind:
        case msgspec.inspect.Metadata(type=inner):
            return choices_of(inner)
        case msgspec.inspect.UnionType(types=inner):
            return set().union(*map(choices_of, inner))
        case msgspec.inspect.LiteralType(values=values):
            return set(values)
        case msgspec.inspect.EnumType(cls=values):
            return {each.value for each in values}
    return set()


@pytest.mark.parametrize("name", TESTS)
def test_options_of_tests_are_documented_with_their_defaults(name: str) -> None:
    page = read(METHODS / f"{name.replace('_', '-')}.md")
    shown = {option: default for option, (default, *_) in rows(page).items() if option not in ("option", "---")}
    fields = msgspec.inspect.type_info(TESTS[name].options_type).fields
    assert shown == {
        each.name: str(msgspec.to_builtins(each.default)).lower().replace("none", "null") for each in fields
    }
    for each in fields:
        assert {choice for choice in choices_of(each.type) if f"`{choice}`" not in page} == set()


def test_modules_that_pages_on_methods_name_exist() -> None:
    modules = {path.name for folder in ("omniforge_graph", "plugins") for path in (ROOT / folder).rglob("*.py")}
    for page in METHODS.glob("*.md"):
        named = re.findall(r"`([\w/]+\.py)`", read(page))
        assert named or page.name == "README.md"
        assert {Path(each).name for each in named} <= modules
        assert all((ROOT / each).is_file() for each in named if "/" in each)


def test_notices_are_documented() -> None:
    services = "".join(read(path) for path in (ROOT / "omniforge_graph" / "services").glob("*.py"))
    codes = set(re.findall(r'Notice\(\s*"([A-Z_]+)"', services)) | {flag.value for flag in Flag}
    assert codes >= {"SAMPLE_RATIO_MISMATCH", "NOT_SAFE_TO_PEEK", "SLICES_DECIDE_NOTHING"}
    assert codes - rows(read(ROOT / "docs" / "explanation" / "statistics.md")).keys() == set()
