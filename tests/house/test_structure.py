"""The house rules that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import omniforge_graph
from omniforge_graph.errors import ErrorCode, OmniForgeError

ROOT = Path(__file__).parents[2]
SOURCES = [path for top in ("omniforge_graph", "plugins") for path in sorted((ROOT / top).rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_one_thought(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert path.stem not in {"utils", "helpers", "common", "base", "misc"}


def test_plugins_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "plugins" / "__init__.py").exists()


def test_imports_go_down_only() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def every_error() -> list[type[OmniForgeError]]:
    found, waiting = [], [OmniForgeError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = dict(re.findall(r"── (\w+)\s+([A-Z_]+)", sys.modules[OmniForgeError.__module__].__doc__ or ""))
    real = {kind.__name__: kind.code.value for kind in every_error() if kind is not OmniForgeError}
    assert drawn == {name: code for name, code in real.items() if name in drawn}
    assert {name for name in real if name not in drawn and not real[name]} == set()
    assert set(real.values()) == {code.value for code in ErrorCode}


def test_every_error_code_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    for code in ErrorCode:
        assert f"`{code}`" in page
        assert code.meaning in page


def test_every_setting_is_documented() -> None:
    from omniforge_graph.config import PREFIX, Settings

    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for name in Settings.__struct_fields__:
        assert f"`{PREFIX}{name.upper()}`" in page


def test_every_command_is_documented() -> None:
    from omniforge_graph.cli import app

    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert f"omniforge-graph {command.name or command.callback.__name__}" in page


def test_the_public_names_are_listed_and_load() -> None:
    assert omniforge_graph.__all__ == sorted(omniforge_graph.__all__)
    for name in omniforge_graph.__all__:
        assert getattr(omniforge_graph, name).__name__ == name
    promised = {"ExperimentManager", "TrafficAllocator", "ExperimentAnalyzer", "AnalysisResult", "PromptRepository"}
    assert promised <= set(omniforge_graph.__all__)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"tortoise", "scipy", "numpy", "strawberry", "starlette"}
    program = f"import sys, omniforge_graph; print(sorted({heavy} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_annotations_are_not_postponed(path: Path) -> None:
    """Strawberry, msgspec and pluggy read annotations at run time; strings would hide their mistakes until then."""
    imported = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
    assert "__future__" not in {node.module for node in imported}
