"""`demo`: a prompt, an experiment and simulated traffic, all through the public API."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import Progress

PROMPT_KEY = "support-reply"
SEED = 20_260
FIRST_UNITS = 3_000
HORIZON = 6_000
LOOK_EVERY = 500
"""Units between the looks that make the path of the estimates."""
CONCURRENCY = 8

VERSIONS = {
    "control": "You are a support agent. Answer the customer's question.",
    "steps": "You are a support agent. Answer in numbered steps, then ask whether that solved the problem.",
    "empathic": "You are a support agent. Name the customer's concern first, then answer it in plain words.",
}
SHARES = {"control": 34, "steps": 33, "empathic": 33}
RESOLVED = {"control": 0.42, "steps": 0.44, "empathic": 0.51}
"""The truth that the experiment has to find: how often each variant's reply resolves a ticket."""
COST = {"control": 0.011, "steps": 0.016, "empathic": 0.012}
COST_MARGIN = 0.25
"""The guardrail: no variant may cost a quarter more than the control. That of the steps does."""
LANGUAGES = {"en": 0.0, "de": 0.02, "ja": -0.08}
"""How much more often tickets in each language are resolved, whatever the variant."""

CREATE_PROMPT = """mutation($input: CreatePromptInput!) {
  createPrompt(input: $input) { prompt { id currentVersion { id } } errors { message } } }"""
CREATE_VERSION = """mutation($input: CreatePromptVersionInput!) {
  createPromptVersion(input: $input) { promptVersion { id } errors { message } } }"""
CREATE_EXPERIMENT = """mutation($input: CreateExperimentInput!) {
  createExperiment(input: $input) { experiment { id } errors { message } } }"""
START = """mutation($input: StartExperimentInput!) {
  startExperiment(input: $input) { experiment { id } errors { message } } }"""
FIND = """query($key: String!) { prompt(key: $key) { id runningExperiment { id } } }"""
ANY_EXPERIMENT = """query($id: ID!) { experiments(first: 1, filter: { promptId: $id }) { edges { node { id } } } }"""
SELECT = """query($prompts: [PromptSlotInput!]!, $tenantId: ID!) {
  selectVariant(prompts: $prompts, tenantId: $tenantId, track: false) {
    experimentId variantName promptVersion { content } } }"""
RECORD = """mutation($exposures: RecordExposuresInput!, $outcomes: RecordOutcomesInput!) {
  recordExposures(input: $exposures) { accepted rejected { index message } }
  recordOutcomes(input: $outcomes) { accepted rejected { index message } } }"""
LOOK = """query($id: ID!) { experiment(id: $id) { analysis { recommendation { summary } } } }"""


class DemoError(RuntimeError):
    """The server answered in a way the demonstration cannot go on from."""


@dataclass
class Client:
    """A GraphQL client that expects no errors."""

    http: httpx.AsyncClient

    async def call(self, query: str, variables: Mapping[str, Any]) -> Any:
        """Return the first field of `data`; raise `DemoError` for any error."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        answer = response.json()
        if answer.get("errors"):
            raise DemoError(answer["errors"][0]["message"])
        value = next(iter(answer["data"].values()))
        if isinstance(value, dict) and value.get("errors"):
            raise DemoError(value["errors"][0]["message"])
        return value


def demo(
    url: Annotated[str, typer.Option(help="The server's address.")] = "http://127.0.0.1:8000",
    units: Annotated[int, typer.Option(min=0, help="Units to send at once.")] = FIRST_UNITS,
    rate: Annotated[float, typer.Option(min=0, max=50, help="Units per second afterwards; 0 ends there.")] = 2.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Create a prompt with a running experiment and send it simulated traffic."""
    console = Console(quiet=quiet)
    try:
        asyncio.run(_run(url, units, rate, console))
    except (DemoError, httpx.HTTPError) as problem:
        Console(stderr=True).print(f"The demonstration stops: {problem}", soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        return


async def _run(url: str, units: int, rate: float, console: Console) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        with console.status(f"Waiting for the server at {url}"):
            await _until_ready(http)
        client = Client(http)
        experiment_id = await seed(client)
        if experiment_id is None:
            console.print("The demonstration's experiment is over; nothing is left to simulate.")
            return
        console.print(f"Experiment {experiment_id} runs on prompt {PROMPT_KEY!r}.")
        # A run of its own each time: new units, and the same units again only if the clock stood still.
        chance = random.Random(SEED + time.time_ns())  # noqa: S311 - a simulation
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Simulating traffic", total=units)
            remaining = iter(range(units))

            async def worker() -> None:
                for number in remaining:
                    await simulate(client, chance)
                    progress.advance(task)
                    if (number + 1) % LOOK_EVERY == 0:
                        await client.call(LOOK, {"id": experiment_id})

            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        while rate:
            await asyncio.sleep(1 / rate)
            await simulate(client, chance)


async def _until_ready(http: httpx.AsyncClient) -> None:
    for _ in range(150):
        try:
            if (await http.get("/health/ready")).json()["status"] == "ready":
                return
        except (httpx.TransportError, ValueError, KeyError):
            pass
        await asyncio.sleep(0.2)
    raise DemoError(f"no server is ready at {http.base_url}.")


async def seed(client: Client) -> str | None:
    """Create the prompt and the experiment unless they exist; return the running experiment's id, if it runs."""
    try:
        found = await client.call(FIND, {"key": PROMPT_KEY})
    except DemoError:
        found = None
    if found is not None:
        if found["runningExperiment"] is not None:
            return str(found["runningExperiment"]["id"])
        if (await client.call(ANY_EXPERIMENT, {"id": found["id"]}))["edges"]:
            return None  # Somebody ended it, and may want to see it ended.
    created = await client.call(
        CREATE_PROMPT,
        {
            "input": {
                "key": PROMPT_KEY,
                "name": "Support reply",
                "description": "Drafts the first answer to a customer's ticket.",
                "layer": "system",
                "content": VERSIONS["control"],
            }
        },
    )
    prompt = created["prompt"]
    ids = {"control": prompt["currentVersion"]["id"]}
    for name in ("steps", "empathic"):
        draft = {"promptId": prompt["id"], "content": VERSIONS[name], "message": f"The {name} draft"}
        ids[name] = (await client.call(CREATE_VERSION, {"input": draft}))["promptVersion"]["id"]
    variants = [
        {"name": name, "promptVersionId": ids[name], "trafficPercentage": share} for name, share in SHARES.items()
    ]
    experiment = await client.call(
        CREATE_EXPERIMENT,
        {
            "input": {
                "promptId": prompt["id"],
                "name": "Does another tone resolve more tickets?",
                "description": "Simulated traffic; the empathic version is truly better.",
                "successMetric": "resolved",
                "variants": variants,
                "metrics": [
                    {"key": "resolved", "kind": "BINARY"},
                    {"key": "cost", "kind": "CONTINUOUS", "direction": "LOWER_IS_BETTER"},
                ],
                "analysis": {"horizon": HORIZON, "guardrails": [{"metric": "cost", "margin": COST_MARGIN}]},
            }
        },
    )
    started = await client.call(START, {"input": {"experimentId": experiment["experiment"]["id"]}})
    return str(started["experiment"]["id"])


async def simulate(client: Client, chance: random.Random) -> None:
    """Send one unit through: select a variant, use it, record what came of it."""
    unit = f"demo-{chance.getrandbits(48):012x}"
    slots = [{"slot": "system", "promptKey": PROMPT_KEY}]
    selection = await client.call(SELECT, {"prompts": slots, "tenantId": unit})
    if selection is None:
        return  # Paused or over: the unit gets the current version, and there is nothing to record.
    variant, experiment_id = selection["variantName"], selection["experimentId"]
    language = chance.choice(list(LANGUAGES))
    exposure = {"unitId": unit, "experimentId": experiment_id, "attributes": {"language": language}}
    resolved = chance.random() < RESOLVED.get(variant, 0.4) + LANGUAGES[language]
    values = {
        "resolved": float(resolved),
        "cost": round(chance.lognormvariate(0, 0.4) * COST.get(variant, 0.012), 6),
    }
    outcomes = [
        {"unitId": unit, "experimentId": experiment_id, "metric": metric, "value": value}
        for metric, value in values.items()
    ]
    await client.call(RECORD, {"exposures": {"events": [exposure]}, "outcomes": {"events": outcomes}})
