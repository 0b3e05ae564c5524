"""The reference of hooks is true: every hook with its signature, every argument, and a test of its own."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from omniforge_graph.plugin import hookspecs
from omniforge_graph.plugin.hooks import HOOKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def specification(hook):
    """The hook's definition as it is written in the source, without body and comment."""
    tree = ast.parse(inspect.getsource(getattr(hookspecs, hook)))
    definition = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return f"{hook}({ast.unparse(definition.args)}) -> {ast.unparse(definition.returns)}"


def test_the_page_documents_the_hooks_and_nothing_else():
    assert tuple(SECTIONS) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_true_signature(hook):
    (shown,) = re.findall(r"```python\n(.*?)\n```", SECTIONS[hook], re.DOTALL)
    assert shown == specification(hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_when_with_what_and_what_a_failure_does(hook):
    section = SECTIONS[hook]
    for heading in ("**Called** ", "**Arguments**", "**Result**: ", "**A failure**"):
        assert section.count(heading) == 1, f"{hook} lacks {heading}"
    arguments = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert re.findall(r"^- `(\w+)`: ", section, re.MULTILINE) == arguments
    assert f"(#{hook})" in PAGE.split("\n## ")[0], "the table at the top lists it"


def test_each_hook_has_a_test_named_after_it():
    tree = ast.parse((ROOT / "tests" / "plugin" / "test_hooks.py").read_text(encoding="utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert {f"test_{hook}" for hook in HOOKS} <= tests
