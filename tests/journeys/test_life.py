"""The whole way over HTTP, on both engines: from a prompt to a promoted variant."""

import random

import pytest

pytestmark = pytest.mark.journey


def test_an_experiment_from_its_first_version_to_its_promotion(server) -> None:
    prompt = server.prompt(versions=2, layer="system", description="greets", parameters={"temperature": 0.2})
    assert prompt["currentVersion"]["parameters"] == {"temperature": 0.2}
    experiment = server.experiment(prompt, start=False)
    assert (experiment["status"], experiment["revision"], experiment["startDate"]) == ("DRAFT", 1, None)
    assert experiment["successMetric"] == {"key": "won", "kind": "BINARY", "direction": "HIGHER_IS_BETTER"}
    assert [variant["isControl"] for variant in experiment["variants"]] == [True, False]
    experiment_id = experiment["id"]
    slots = [{"slot": "system", "promptId": prompt["id"]}]
    assert server.data("Select", {"prompts": slots, "tenantId": "acme"}) is None
    started = server.do("StartExperiment", experimentId=experiment_id, expectedRevision=1)["experiment"]
    assert (started["status"], started["revision"]) == ("RUNNING", 2)

    truth = {"v1": 0.2, "v2": 0.5}
    chance = random.Random(7)
    units = [f"unit-{n}" for n in range(1200)]
    outcomes, seen = [], {}
    for unit in units:
        selection = server.data("Select", {"prompts": slots, "tenantId": "acme", "unitId": unit, "track": True})
        assert selection["experimentId"] == experiment_id
        assert selection["promptVersion"]["content"] == f"version {selection['variantName'][1]}"
        seen[unit] = selection["variantName"]
        value = float(chance.random() < truth[seen[unit]])
        outcomes.append({"unitId": unit, "metric": "won", "value": value, "eventId": f"e-{unit}"})
    receipt = server.do("RecordExposures", events=[{"experimentId": experiment_id, "unitId": u} for u in units])
    assert receipt["accepted"] + receipt["duplicates"] == len(units)
    receipt = server.do("RecordOutcomes", events=outcomes)
    assert (receipt["accepted"], receipt["duplicates"], receipt["rejected"]) == (1200, 0, [])
    assert server.do("RecordOutcomes", events=outcomes[:10])["duplicates"] == 10

    analysis = server.data("Results", {"id": experiment_id})["analysis"]
    by_name = {stats["variant"]["name"]: stats for stats in analysis["variantStats"]}
    for name, stats in by_name.items():
        mine = [each["value"] for each in outcomes if seen[each["unitId"]] == name]
        assert stats["units"] == len(mine)
        assert stats["conversions"] == sum(mine)
        assert stats["conversionRate"] == pytest.approx(sum(mine) / len(mine), rel=1e-12)
    assert analysis["isSignificant"]
    # The default plan may be looked at every day: so large an effect is decided before the planned units arrive.
    assert min(stats["units"] for stats in by_name.values()) < analysis["requiredUnits"]
    assert (analysis["sampleSizeSufficient"], analysis["winner"]) == (True, {"name": "v2"})
    assert analysis["recommendation"]["verdict"] == "SHIP"
    assert analysis["sampleRatio"]["mismatch"] is False
    assert sum(analysis["sampleRatio"]["observed"]) == 1200

    winner = experiment["variants"][1]
    promoted = server.do("PromoteVariant", experimentId=experiment_id, variantId=winner["id"])
    assert promoted["prompt"]["currentVersion"]["id"] == prompt["versions"][1]
    assert promoted["experiment"]["status"] == "COMPLETED"
    assert promoted["experiment"]["promotedVariant"] == {"id": winner["id"], "name": "v2"}
    assert promoted["experiment"]["results"]["analysis"]["metric"] == "won"
    (after,) = server.data("SelectAll", {"prompts": slots, "tenantId": "acme"})
    assert (after["reason"], after["promptVersion"]["number"]) == ("CURRENT_VERSION", 2)
    kept = server.data("Experiment", {"id": experiment_id})
    assert [entry["subject"] for entry in kept["history"]] == [
        "EXPERIMENT_CREATED",
        "EXPERIMENT_STARTED",
        "VARIANT_PROMOTED",
    ]
    assert sum(variant["exposureCount"] for variant in kept["variants"]) == 1200


def test_pausing_completing_and_rolling_back(server) -> None:
    prompt = server.prompt(versions=3)
    experiment = server.experiment(prompt)
    stopped = server.do("StopExperiment", experimentId=experiment["id"])["experiment"]
    assert stopped["status"] == "PAUSED"
    server.do("StartExperiment", experimentId=experiment["id"])
    done = server.do("CompleteExperiment", experimentId=experiment["id"], results={"note": "enough", "n": [1, 2.5]})
    assert done["experiment"]["results"] == {"note": "enough", "n": [1, 2.5]}
    forward = server.do("SetCurrentVersion", promptId=prompt["id"], promptVersionId=prompt["versions"][2])
    assert forward["prompt"]["currentVersion"]["number"] == 3
    back = server.do("SetCurrentVersion", promptId=prompt["id"], promptVersionId=prompt["versions"][0])
    assert back["prompt"]["currentVersion"]["number"] == 1
    cancelled = server.do("CancelExperiment", experimentId=server.experiment(prompt)["id"])
    assert cancelled["experiment"]["status"] == "CANCELLED"


def test_lists_page_forward_and_back_without_gaps(server) -> None:
    made = [server.prompt()["id"] for _ in range(5)]
    forward, after = [], None
    while True:
        page = server.data("Prompts", {"first": 2, "after": after})
        forward += [edge["node"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert forward[:5] == made[::-1]
    assert len(forward) == len(set(forward)) == page["totalCount"]
    assert page["pageInfo"]["hasPreviousPage"] is True
    backward, before = [], None
    while True:
        page = server.data("Prompts", {"last": 2, "before": before})
        backward = [edge["node"]["id"] for edge in page["edges"]] + backward
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert backward == forward
    versions = page["edges"][0]["node"]["versions"]
    assert (versions["totalCount"], [edge["node"]["number"] for edge in versions["edges"]]) == (2, [2, 1])


def test_experiments_are_filtered(server) -> None:
    prompt = server.prompt()
    running, draft = server.experiment(prompt), server.experiment(prompt, start=False)

    def ids(**where) -> list[str]:
        found = server.data("Experiments", {"filter": {"promptId": prompt["id"], **where}})
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"]["id"] for edge in found["edges"]]

    assert ids() == [draft["id"], running["id"]]
    assert ids(status={"eq": "RUNNING"}) == [running["id"]]
    assert ids(status={"in": ["RUNNING", "DRAFT"]}) == [draft["id"], running["id"]]
    assert ids(status={"in": ["RUNNING", "DRAFT"], "eq": "DRAFT"}) == [draft["id"]]
    assert ids(status={"eq": "COMPLETED"}) == []


def test_a_service_selects_for_several_layers_at_once(server) -> None:
    shared, own = server.prompt(key="layered"), server.prompt(key="layered", tenantId="acme")
    experiment = server.experiment(shared)
    slots = [{"slot": "tenant", "promptKey": "layered"}, {"slot": "system", "promptId": shared["id"]}]
    tenant, system = server.data("SelectAll", {"prompts": slots, "tenantId": "acme"})
    assert (tenant["promptVersion"]["id"], tenant["reason"]) == (own["versions"][0], "CURRENT_VERSION")
    assert (system["experimentId"], system["reason"]) == (experiment["id"], "EXPERIMENT")
    first = server.data("Select", {"prompts": slots, "tenantId": "acme"})
    assert first["slot"] == "system"


def test_a_tenant_sees_its_own_and_the_shared_things_only(server) -> None:
    acme = {"omniforge-tenant": "acme", "omniforge-actor": "acme-service"}
    rival = {"omniforge-tenant": "rival"}
    prompt = server.do("CreatePrompt", key="secret", name="s", content="c", headers=acme)["prompt"]
    assert prompt["tenantId"] == "acme"
    assert server.data("Prompt", {"id": prompt["id"]}, headers=acme)["id"] == prompt["id"]
    hidden = server.post("query($id: ID) { prompt(id: $id) { id } }", {"id": prompt["id"]}, headers=rival)
    assert hidden["data"] == {"prompt": None}
    assert hidden["errors"][0]["extensions"]["code"] == "PROMPT_NOT_FOUND"
    listed = server.data("Prompts", {"first": 100}, headers=rival)
    assert prompt["id"] not in [edge["node"]["id"] for edge in listed["edges"]]
    foreign = server.post(
        'query($p: [PromptSlotInput!]!) { selectVariant(prompts: $p, tenantId: "acme") { slot } }',
        {"p": [{"slot": "s", "promptId": prompt["id"]}]},
        headers=rival,
    )
    assert foreign["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_metrics_are_declared_on_their_own(server) -> None:
    declared = server.do("DeclareMetric", key="latency", kind="CONTINUOUS", direction="LOWER_IS_BETTER")["metric"]
    assert declared["aggregation"] == "SUM"
    assert (
        server.do("DeclareMetric", key="latency", kind="CONTINUOUS", direction="LOWER_IS_BETTER")["metric"] == declared
    )
    assert server.refuse("DeclareMetric", key="latency", kind="COUNT")["code"] == "DUPLICATE"
    assert declared in server.data("Metrics")
    experiment = server.experiment(successMetric="latency")
    assert experiment["successMetric"]["kind"] == "CONTINUOUS"
    other = server.experiment(metrics=[{"key": "stars", "kind": "CONTINUOUS", "aggregation": "MEAN"}], start=False)
    assert [metric["key"] for metric in other["metrics"]] == ["won", "stars"]
