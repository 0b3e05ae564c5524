"""What a running server shows to Prometheus, and what the reference says of it."""

import os
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

pytestmark = pytest.mark.journey

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(omniforge_\w+)` \| (\w+) \|(.*?)\| (.*) \|$", re.MULTILINE)
SECRETS = ["tenant-of-ours", "unit-of-ours", "prompt-of-ours"]


def scrape(server) -> dict:
    answer = server.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["cache-control"] == "no-store"
    return {family.name: family for family in parse(answer.text)}


def total(families: dict, name: str) -> float:
    return sum(sample.value for sample in families[name].samples)


def test_every_metric_is_documented_and_nothing_else(sqlite_server) -> None:
    documented = {
        name.removesuffix("_total") if kind == "counter" else name: (kind, meaning, set(re.findall(r"\w+", labels)))
        for name, kind, labels, meaning in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }
    sqlite_server.post("{ __typename }")
    shown = {
        name: (
            family.type,
            family.documentation,
            {label for sample in family.samples for label in sample.labels} - {"worker", "le"},
        )
        for name, family in scrape(sqlite_server).items()
    }
    assert shown == documented


def test_nobody_is_named(sqlite_server) -> None:
    tenant, unit, key = SECRETS
    prompt = sqlite_server.prompt(key=key)
    experiment = sqlite_server.experiment(prompt)
    slots = [{"slot": "s", "promptId": prompt["id"]}]
    sqlite_server.data("Select", {"prompts": slots, "tenantId": tenant, "unitId": unit, "track": True})
    text = sqlite_server.http.get("/metrics").text
    for secret in (*SECRETS, prompt["id"], experiment["id"], experiment["variants"][0]["id"]):
        assert secret not in text


def test_events_and_exposures_are_counted(sqlite_server) -> None:
    before = scrape(sqlite_server)
    prompt = sqlite_server.prompt()
    experiment = sqlite_server.experiment(prompt)
    events = [{"experimentId": experiment["id"], "unitId": f"u{n}"} for n in range(5)]
    sqlite_server.do("RecordExposures", events=events)
    sqlite_server.do("RecordExposures", events=[*events[:2], {"experimentId": "exp_of_nobody", "unitId": "u"}])
    slots = [{"slot": "s", "promptId": prompt["id"]}]
    for _ in range(2):
        sqlite_server.data("Select", {"prompts": slots, "tenantId": "tracked", "track": True})
    after = scrape(sqlite_server)
    grown = {name: total(after, name) - total(before, name) for name in after if after[name].type == "counter"}
    assert grown["omniforge_exposures_tracked"] == 1
    assert grown["omniforge_events_rejected"] == 1
    assert grown["omniforge_events_recorded"] in (5, 6)  # the tracked one may be on its way
    assert grown["omniforge_events_duplicate"] == 2
    assert total(after, "omniforge_experiments_running") == total(before, "omniforge_experiments_running") + 1
    assert grown["omniforge_selections"] == 2


def test_requests_are_counted_by_who_answered(sqlite_server) -> None:
    def counts() -> dict[tuple, float]:
        requests = scrape(sqlite_server)["omniforge_requests"].samples
        return {(each.labels["kind"], each.labels["status"]): each.value for each in requests}

    before = counts()
    sqlite_server.post("{ nothing }")
    sqlite_server.http.post("/graphql", content=b"{", headers={"content-type": "application/json"})
    for _ in range(9):
        sqlite_server.post("query Counted { prompts { edges { node { id } } } }")
    after = counts()
    grown = {key: value - before.get(key, 0) for key, value in after.items()}
    assert sum(grown.values()) == 11
    assert sum(value for (kind, _), value in grown.items() if kind == "refused") == 2
    plans = os.environ.get("OMNIFORGE_OPERATION_PLANS") != "false"  # the suite must pass without them, too
    assert grown["plan" if plans else "graphql-core", "2xx"] >= 7
