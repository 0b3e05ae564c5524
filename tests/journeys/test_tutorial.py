"""The tutorial is true: each request runs as written, in order, and is answered as shown."""

import ast
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z0-9_]*_ID\b")


def learn(shown, real, ids):
    """Take the real ids from an answer, from the places where the page shows a placeholder."""
    if isinstance(shown, dict):
        for key in shown.keys() & real.keys():
            learn(shown[key], real[key], ids)
    elif isinstance(shown, list):
        for left, right in zip(shown, real, strict=False):
            learn(left, right, ids)
    elif isinstance(shown, str) and PLACEHOLDER.fullmatch(shown):
        ids.setdefault(shown, real)


def agree(shown, real):
    """Whether an answer is the one shown; the page rounds numbers to four digits."""
    if isinstance(shown, dict):
        return shown.keys() == real.keys() and all(agree(shown[key], real[key]) for key in shown)
    if isinstance(shown, list):
        return len(shown) == len(real) and all(map(agree, shown, real))
    return real == pytest.approx(shown, rel=1e-3) if isinstance(shown, float) else shown == real


def fill(text, ids):
    return PLACEHOLDER.sub(lambda found: ids.get(found[0], found[0]), text)


def request_of(kind, text, ids):
    """Return the GraphQL request that a block sends, None if it sends none."""
    if kind == "graphql":
        return {"query": fill(text, ids)}
    sent = re.search(r"^curl .*-d '(.*)'$", text, re.MULTILINE | re.DOTALL)
    return json.loads(sent[1]) if kind == "sh" and sent else None


def test_the_tutorial_runs_as_written(sqlite_server, tmp_path):
    ids, compared = {}, 0
    for (kind, text), (next_kind, shown) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if text.startswith("# file: traffic.py"):
            script = tmp_path / "traffic.py"
            script.write_text(text.replace("http://127.0.0.1:8000", sqlite_server.url), encoding="utf-8")
        elif kind == "sh" and "traffic.py" in text:
            ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
            assert ast.literal_eval(ran.stdout) == ast.literal_eval(shown)
        elif request := request_of(kind, text, ids):
            answer = sqlite_server.post(**request)
            assert "errors" not in answer, answer
            if next_kind != "json":
                continue
            learn(json.loads(shown), answer, ids)
            # Tracked exposures are written a moment after the selection.
            deadline = time.monotonic() + 10
            expected = json.loads(fill(shown, ids))
            while not agree(expected, answer) and "mutation" not in text and time.monotonic() < deadline:
                time.sleep(0.1)
                answer = sqlite_server.post(**request)
            assert agree(expected, answer), answer
            compared += 1
    assert compared > 10
    assert set(ids) == set(PLACEHOLDER.findall(PAGE))
