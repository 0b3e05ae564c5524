"""Several processes on one database: what one commits is in force in the others, for selection and subscriptions."""

import time

import httpx
import pytest

pytestmark = pytest.mark.journey

SELECT = 'query($p: [PromptSlotInput!]!) { selectVariant(prompts: $p, tenantId: "t") { experimentId } }'
SECONDS = 20
"""A machine under load may take longer than the interval; the interval itself is in the options below."""


def selected(client: httpx.Client, prompt: dict) -> str | None:
    """Ask one process; return the id of the experiment that it selects for, if any."""
    body = {"query": SELECT, "variables": {"p": [{"slot": "s", "promptId": prompt["id"]}]}}
    answer = client.post("/graphql", json=body).json()
    assert "errors" not in answer, answer
    found = answer["data"]["selectVariant"]
    return found and found["experimentId"]


def wait_for(expected: str | None, prompt: dict, *clients: httpx.Client) -> None:
    """Wait until all processes select as expected."""
    deadline = time.monotonic() + SECONDS
    while {selected(client, prompt) for client in clients} != {expected}:
        assert time.monotonic() < deadline, "a change is not in force everywhere"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        ("sqlite", ()),
        ("postgres", ()),
        ("postgres", ("--refresh-interval", "60")),  # so it is the notification that tells
    ],
)
def test_a_change_is_in_force_in_the_other_process(engine, options, launch, new_database) -> None:
    url = new_database(engine)
    first, second = launch(url, *options), launch(url, *options)
    prompt = first.prompt()
    experiment = first.experiment(prompt, start=False)
    assert selected(second.http, prompt) is None  # made a moment ago elsewhere, and found
    with second.subscription(experiment["id"]) as receive:
        assert receive()["experiment"]["status"] == "DRAFT"
        first.do("StartExperiment", experimentId=experiment["id"])
        assert receive()["experiment"]["status"] == "RUNNING"
        # Whoever is told of a change finds it in force.
        assert selected(second.http, prompt) == experiment["id"]
        second.do("StopExperiment", experimentId=experiment["id"])
        wait_for(None, prompt, first.http, second.http)
        assert receive()["experiment"]["status"] == "PAUSED"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_all_workers_of_a_server_follow(engine, launch, new_database) -> None:
    server = launch(new_database(engine), "--workers", "2")
    clients = [httpx.Client(base_url=server.url, timeout=30) for _ in range(8)]  # connections stay with their worker
    prompt = server.prompt()
    experiment = server.experiment(prompt)
    wait_for(experiment["id"], prompt, *clients)
    server.do("StopExperiment", experimentId=experiment["id"])
    wait_for(None, prompt, *clients)
    for client in clients:
        client.close()
