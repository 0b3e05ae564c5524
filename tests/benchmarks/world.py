"""What is in the database before anything is measured; made through the public API."""

from dataclasses import dataclass
from typing import Any

import httpx

EXPERIMENTS = 20
BATCH = 5_000
TEXT = "You are a support agent. Answer in the customer's language, briefly, and name the next step. " * 5


def _mutation(name: str, answer: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {answer} }} }}"


CREATE_PROMPT = _mutation("createPrompt", "prompt { id currentVersion { id } } errors { message }")
CREATE_VERSION = _mutation("createPromptVersion", "promptVersion { id } errors { message }")
CREATE_EXPERIMENT = _mutation("createExperiment", "experiment { id } errors { message }")
START = _mutation("startExperiment", "experiment { id } errors { message }")
EXPOSE = _mutation("recordExposures", "accepted rejected { message }")
OUTCOMES = _mutation("recordOutcomes", "accepted rejected { message }")


@dataclass(frozen=True, slots=True)
class World:
    """The names in it."""

    prompt_keys: tuple[str, ...]
    """Shared prompts, each with a running experiment on its two versions."""
    watched_experiment: str
    """The experiment with exposed units; nobody selects from it."""


def make_world(port: int, units: int, experiments: int = EXPERIMENTS) -> World:
    """Make prompts and experiments, and let one experiment have `units` exposed units with an outcome each."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:

        def do(query: str, **values: Any) -> dict[str, Any]:
            answer = http.post("/graphql", json={"query": query, "variables": {"input": values}}).json()
            payload: dict[str, Any] = next(iter((answer.get("data") or {}).values()), None) or {}
            if answer.get("errors") or payload.get("errors") or payload.get("rejected") or not payload:
                raise RuntimeError(f"The server refused to be prepared: {str(answer)[:500]}")
            return payload

        keys = tuple(f"bench-{number}" for number in range(experiments))
        made = [_experiment(do, key) for key in keys]
        watched = made[-1]
        names = [f"unit-{number}" for number in range(units)]
        for start in range(0, units, BATCH):
            batch = names[start : start + BATCH]
            do(EXPOSE, events=[{"experimentId": watched, "unitId": name} for name in batch])
            solved = [{"unitId": name, "metric": "solved", "value": int(name[-1] in "037")} for name in batch]
            do(OUTCOMES, events=solved)
    return World(keys[:-1], watched)


def _experiment(do: Any, key: str) -> str:
    prompt = do(CREATE_PROMPT, key=key, name=key, content=f"1 {TEXT}")["prompt"]
    second = do(CREATE_VERSION, promptId=prompt["id"], content=f"2 {TEXT}")["promptVersion"]
    variants = [
        {"name": name, "promptVersionId": version, "trafficPercentage": 50}
        for name, version in (("old", prompt["currentVersion"]["id"]), ("new", second["id"]))
    ]
    quality = {"key": "quality", "kind": "CONTINUOUS"}
    made = do(
        CREATE_EXPERIMENT, promptId=prompt["id"], name=key, successMetric="solved", metrics=[quality], variants=variants
    )
    do(START, experimentId=made["experiment"]["id"])
    return str(made["experiment"]["id"])
