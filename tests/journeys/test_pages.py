"""The pages are true: what they show runs as written, in order, and is answered as shown."""

import ast
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z0-9_]*_ID\b")
ADDRESS = "127.0.0.1:8000"


def blocks_of(page):
    """Return each block with the one that follows it, which is its answer if it is JSON."""
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return list(zip(blocks, [*blocks[1:], ("", "")], strict=True))


def files_of(page, server, folder):
    """Write the files that a page shows into a folder, for this server."""
    for (_, text), _ in blocks_of(page):
        if name := re.match(r"# file: (\S+)\n", text):
            (folder / name[1]).write_text(text.replace(ADDRESS, server.url.removeprefix("http://")), encoding="utf-8")


def learn(shown, real, ids):
    """Take the real ids from an answer, from the places where the page shows a placeholder."""
    if isinstance(shown, dict) and isinstance(real, dict):
        for key in shown.keys() & real.keys():
            learn(shown[key], real[key], ids)
    elif isinstance(shown, list) and isinstance(real, list):
        for left, right in zip(shown, real, strict=False):
            learn(left, right, ids)
    elif isinstance(shown, str) and PLACEHOLDER.fullmatch(shown):
        ids.setdefault(shown, real)


def agree(shown, real):
    """Whether an answer is the one shown; the pages round numbers to four digits."""
    if isinstance(shown, dict):
        return shown.keys() == real.keys() and all(agree(shown[key], real[key]) for key in shown)
    if isinstance(shown, list):
        return len(shown) == len(real) and all(map(agree, shown, real))
    return real == pytest.approx(shown, rel=1e-3) if isinstance(shown, float) else shown == real


def fill(text, ids):
    return PLACEHOLDER.sub(lambda found: ids.get(found[0], found[0]), text)


def request_of(kind, text, ids):
    """Return the GraphQL request that a block sends, with its headers; None if it sends none."""
    if kind == "graphql":
        return {"query": fill(text, ids)}
    sent = re.search(r"^curl (.*?)-d '(.*)'$", text, re.MULTILINE | re.DOTALL)
    if kind != "sh" or not sent:
        return None
    headers = dict(re.findall(r"-H '([\w-]+): (.*?)'", sent[1]))
    return {**json.loads(sent[2]), "headers": headers}


def compare(server, request, shown, ids):
    """Send a request and hold its answer against the page's."""
    answer = server.post(**request)
    learn(json.loads(shown), answer, ids)
    expected = json.loads(fill(shown, ids))
    # Tracked exposures are written a moment after the selection.
    deadline = time.monotonic() + 10
    while not agree(expected, answer) and "mutation" not in request["query"] and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = server.post(**request)
    assert agree(expected, answer), answer


def run(script):
    command = [sys.executable, script.name]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=script.parent, check=True).stdout


def test_the_tutorial(sqlite_server, tmp_path):
    files_of("tutorial.md", sqlite_server, tmp_path)
    ids = {}
    for (kind, text), (next_kind, shown) in blocks_of("tutorial.md"):
        if kind == "sh" and "python traffic.py" in text:
            assert ast.literal_eval(run(tmp_path / "traffic.py")) == ast.literal_eval(shown)
        elif (request := request_of(kind, text, ids)) and next_kind == "json":
            compare(sqlite_server, request, shown, ids)
        elif request:
            assert "errors" not in sqlite_server.post(**request)
    assert set(ids) == set(PLACEHOLDER.findall((DOCS / "tutorial.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["choose-a-metric.md", "plan-a-sample-size.md", "confine-callers-to-a-tenant.md"])
def test_requests_with_answers(sqlite_server, page):
    pairs = [
        (request, shown)
        for (kind, text), (next_kind, shown) in blocks_of(f"how-to/{page}")
        if next_kind == "json" and (request := request_of(kind, text, {}))
    ]
    assert pairs
    for request, shown in pairs:
        compare(sqlite_server, request, shown, {})


@pytest.fixture
def support_reply(sqlite_server):
    """The experiment that the pages on services speak of; ended, so that the next test finds none."""
    prompt = sqlite_server.prompt(key="support-reply")
    metrics = [
        {"key": "resolved", "kind": "BINARY"},
        {"key": "cost", "kind": "CONTINUOUS", "direction": "LOWER_IS_BETTER"},
    ]
    made = sqlite_server.experiment(prompt, successMetric="resolved", metrics=metrics)
    yield made
    sqlite_server.do("CancelExperiment", experimentId=made["id"])


def test_calling_from_a_service(sqlite_server, support_reply, tmp_path):
    page = "how-to/call-from-a-service.md"
    for (kind, text), (next_kind, shown) in blocks_of(page):
        if kind != "sh":
            continue
        request = request_of(kind, text, {})
        if next_kind == "json":
            compare(sqlite_server, request, shown, {})
        else:
            (selection,) = sqlite_server.post(**request)["data"]["selectVariants"]
            assert (selection["reason"], selection["experimentId"]) == ("EXPERIMENT", support_reply["id"])
    files_of(page, sqlite_server, tmp_path)
    assert run(tmp_path / "reply.py").strip() in {"version 1", "version 2"}

    reply = (tmp_path / "reply.py").read_text().replace(sqlite_server.url, "http://127.0.0.1:1")
    (tmp_path / "reply.py").write_text(reply.replace("await prompts.record", "# "))
    assert run(tmp_path / "reply.py") == "You are a support agent.\n", "without a server the fallback is used"


def test_following_an_experiment(sqlite_server, tmp_path):
    page = "how-to/follow-an-experiment.md"
    files_of(page, sqlite_server, tmp_path)
    (shown,) = [text for (kind, text), _ in blocks_of(page) if kind == "text"]
    draft = sqlite_server.experiment(start=False, name="Do steps help?")
    command = [sys.executable, tmp_path / "follow.py", draft["id"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        seen = [follower.stdout.readline()]
        for step in ("StartExperiment", "StopExperiment"):
            sqlite_server.do(step, experimentId=draft["id"])
            seen.append(follower.stdout.readline())
        follower.kill()
    renamed = shown.replace("'plain'", "'v1'").replace("'steps'", "'v2'")
    assert "".join(seen) == renamed
