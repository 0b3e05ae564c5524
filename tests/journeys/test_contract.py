"""The operations that clients rely on run as they are written, on both engines."""

from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, print_ast, validate

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "contract" / "operations.graphql"

pytestmark = [
    pytest.mark.journey,
    pytest.mark.oracle,
    pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not on this machine"),
]


def operations() -> dict[str, str]:
    found = parse(CONTRACT.read_text(encoding="utf-8")).definitions
    return {node.name.value: print_ast(node) for node in found if isinstance(node, OperationDefinitionNode)}


def test_every_operation_is_valid_against_the_published_schema() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))
    assert validate(schema, parse(CONTRACT.read_text(encoding="utf-8"))) == []


def test_every_operation_runs_as_written(server) -> None:
    text = operations()
    ran = set()

    def run(operation: str, variables: dict | None = None):
        ran.add(operation)
        answer = server.post(text[operation], variables)
        assert "errors" not in answer, (operation, answer)
        (value,) = answer["data"].values()
        if isinstance(value, dict):
            assert value.get("errors", []) == [], (operation, value)
        return value

    def do(operation: str, **fields):
        return run(operation, {"input": fields})

    prompt = do("CreatePrompt", key="contract", name="Contract", content="one", layer="system")["prompt"]
    version = do("CreatePromptVersion", promptId=prompt["id"], content="two", message="why")["promptVersion"]
    assert (version["number"], version["prompt"]["id"]) == (2, prompt["id"])
    do("SetCurrentVersion", promptId=prompt["id"], promptVersionId=version["id"])
    do("SetCurrentVersion", promptId=prompt["id"], promptVersionId=prompt["currentVersion"]["id"])
    listed = run("Prompts", {"first": 10})
    assert listed["edges"][0]["node"]["versions"]["edges"][0]["node"]["message"] == "why"
    halves = [
        {"name": name, "promptVersionId": each, "trafficPercentage": 50}
        for name, each in (("a", prompt["currentVersion"]["id"]), ("b", version["id"]))
    ]
    fields = {"promptId": prompt["id"], "name": "n", "successMetric": "won", "variants": halves}
    experiment = do("CreateExperiment", **fields)["experiment"]
    other = do("CreateExperiment", **fields)["experiment"]
    third = do("CreateExperiment", **fields)["experiment"]
    do("StartExperiment", experimentId=experiment["id"])
    do("StopExperiment", experimentId=experiment["id"])
    do("StartExperiment", experimentId=experiment["id"], expectedRevision=3)
    assert run("Experiments", {"filter": {"status": {"in": ["RUNNING"]}}, "first": 5})["totalCount"] >= 1
    slots = [{"slot": "system", "promptId": prompt["id"]}]
    chosen = run("SelectVariant", {"prompts": slots, "tenantId": "acme"})
    assert chosen["experimentId"] == experiment["id"]
    (same,) = run("SelectVariants", {"prompts": slots, "tenantId": "acme"})
    assert same["variantId"] == chosen["variantId"]
    units = [f"u{n}" for n in range(40)]
    assert (
        do("RecordExposures", events=[{"experimentId": experiment["id"], "unitId": u} for u in units])["accepted"] == 40
    )
    assert do("RecordOutcomes", events=[{"unitId": u, "metric": "won", "value": 1} for u in units])["accepted"] == 40
    for test in (None, "z_test", "chi_square", "bayesian", "welch_t"):
        analysis = run("Results", {"experimentId": experiment["id"], "test": test})["analysis"]
        assert analysis["test"] == (test or "z_test")
        assert sum(stats["units"] for stats in analysis["variantStats"]) >= 40
    numbers = [
        {"name": "a", "units": 1000, "conversions": 100, "isControl": True},
        {"name": "b", "units": 1000, "conversions": 150},
    ]
    analyzed = run("Analyze", {"input": {"kind": "BINARY", "variants": numbers}})
    assert analyzed["isSignificant"]
    assert analyzed["comparisons"][0]["absoluteEffect"]["estimate"] == pytest.approx(0.05, rel=1e-12)
    plan = {"kind": "BINARY", "baseline": 0.1, "minimumDetectableEffect": 0.02, "dailyUnits": 500}
    planned = run("PlanSampleSize", {"input": plan})
    assert planned["totalUnits"] == 2 * planned["unitsPerVariant"]
    assert planned["days"] == -(-planned["totalUnits"] // 500)
    names = {offer["name"] for plugin in run("Plugins") for offer in plugin["offers"]}
    assert {"z_test", "chi_square", "bayesian", "welch_t", "weighted", "even"} <= names
    promoted = do("PromoteVariant", experimentId=experiment["id"], variantId=experiment["variants"][1]["id"])
    assert promoted["prompt"]["currentVersion"]["id"] == version["id"]
    do("StartExperiment", experimentId=other["id"])
    ran.add("ExperimentChanged")
    watch = text["ExperimentChanged"]
    with server.subscription(other["id"], watch, "ExperimentChanged", "experimentId") as receive:
        assert receive()["experiment"]["status"] == "RUNNING"
        do("CompleteExperiment", experimentId=other["id"], results={"k": 1})
        assert receive()["experiment"]["status"] == "COMPLETED"
    do("CancelExperiment", experimentId=third["id"])
    assert ran == set(text)
