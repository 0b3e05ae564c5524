"""Everything a client may get wrong, over HTTP: a typed error that names the field, and nothing changed."""

import pytest

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def prompt(server) -> dict:
    return server.prompt(versions=2)


def variants(prompt: dict, *shares: float, **second) -> list[dict]:
    made = [
        {"name": f"v{n}", "promptVersionId": prompt["versions"][n % 2], "trafficPercentage": share}
        for n, share in enumerate(shares or (50, 50))
    ]
    made[-1] |= second
    return made


BAD_EXPERIMENTS = {
    "unknown prompt": ({"promptId": "prm_nope"}, "NotFoundError", "PROMPT_NOT_FOUND", ["promptId"]),
    "empty name": ({"name": ""}, "InvalidInputError", "INVALID_TEXT", ["name"]),
    "NUL in the name": ({"name": "a\x00"}, "InvalidInputError", "INVALID_TEXT", ["name"]),
    "a long name": ({"name": "x" * 201}, "InvalidInputError", "INVALID_TEXT", ["name"]),
    "a metric that is no key": ({"successMetric": "a b"}, "InvalidInputError", "INVALID_TEXT", ["successMetric"]),
    "no variants": ({"variants": []}, "InvalidInputError", "VALIDATION_FAILED", ["variants"]),
    "unknown strategy": (
        {"allocation": {"strategy": "nope"}},
        "NotFoundError",
        "UNKNOWN_PLUGIN",
        ["allocation", "strategy"],
    ),
    "unknown option": (
        {"allocation": {"options": {"x": 1}}},
        "InvalidInputError",
        "VALIDATION_FAILED",
        ["allocation", "options", "x"],
    ),
    "options that are no object": (
        {"analysis": {"options": [1]}},
        "InvalidInputError",
        "VALIDATION_FAILED",
        ["analysis", "options"],
    ),
    "confidence of 2": (
        {"analysis": {"confidenceLevel": 2}},
        "InvalidInputError",
        "VALIDATION_FAILED",
        ["analysis", "confidenceLevel"],
    ),
    "unknown test": ({"analysis": {"test": "nope"}}, "NotFoundError", "UNKNOWN_PLUGIN", ["analysis", "test"]),
    "a test for another kind": (
        {"analysis": {"test": "z_test"}, "metrics": [{"key": "won2", "kind": "COUNT"}], "successMetric": "won2"},
        "InvalidInputError",
        "INCOMPATIBLE_TEST",
        ["analysis", "test"],
    ),
    "a bad metric": (
        {"metrics": [{"key": "m", "kind": "BINARY", "aggregation": "MEAN"}]},
        "InvalidInputError",
        "VALIDATION_FAILED",
        ["metrics", "0", "aggregation"],
    ),
}


@pytest.mark.parametrize("case", BAD_EXPERIMENTS)
def test_a_wrong_experiment_is_refused(server, prompt, case) -> None:
    wrong, kind, code, path = BAD_EXPERIMENTS[case]
    good = {"promptId": prompt["id"], "name": "n", "successMetric": "won", "variants": variants(prompt)}
    before = server.data("Experiments", {"filter": {}})["totalCount"]
    error = server.refuse("CreateExperiment", **(good | wrong))
    assert (error["__typename"], error["code"], error["path"]) == (kind, code, ["input", *path])
    assert server.data("Experiments", {"filter": {}})["totalCount"] == before


BAD_VARIANTS = {
    "99.99 %": ((50, 49.99), {}, "INVALID_SHARES", ["variants"], "99.99"),
    "100.01 %": ((50, 50.01), {}, "INVALID_SHARES", ["variants"], "100.01"),
    "three decimals": ((50, 49.999), {}, "INVALID_SHARES", ["variants", "1", "trafficPercentage"], "two decimals"),
    "zero": ((100, 0), {}, "INVALID_SHARES", ["variants", "1", "trafficPercentage"], "above 0"),
    "negative": ((150, -50), {}, "INVALID_SHARES", ["variants", "0", "trafficPercentage"], "at most 100"),
    "one variant": ((100,), {}, "VALIDATION_FAILED", ["variants"], "2 to 50"),
    "same names": ((50, 50), {"name": "V0"}, "VALIDATION_FAILED", ["variants", "1", "name"], "must differ"),
    "unknown version": (
        (50, 50),
        {"promptVersionId": "ver_nope"},
        "PROMPT_VERSION_NOT_FOUND",
        ["variants", "1", "promptVersionId"],
        "ver_nope",
    ),
}


@pytest.mark.parametrize("case", BAD_VARIANTS)
def test_wrong_variants_are_refused(server, prompt, case) -> None:
    shares, second, code, path, word = BAD_VARIANTS[case]
    error = server.refuse(
        "CreateExperiment",
        promptId=prompt["id"],
        name="n",
        successMetric="won",
        variants=variants(prompt, *shares, **second),
    )
    assert (error["code"], error["path"]) == (code, ["input", *path])
    assert word in error["message"]


def test_a_foreign_version_is_refused(server, prompt) -> None:
    foreign = server.prompt()["versions"][0]
    wrong = variants(prompt, 50, 50, promptVersionId=foreign)
    error = server.refuse("CreateExperiment", promptId=prompt["id"], name="n", successMetric="won", variants=wrong)
    assert error["code"] == "PROMPT_VERSION_NOT_FOUND"


def test_a_wrong_state_says_what_is_allowed(server) -> None:
    draft = server.experiment(start=False)
    for operation in ("StopExperiment", "CompleteExperiment"):
        error = server.refuse(operation, experimentId=draft["id"])
        assert (error["__typename"], error["code"], error["current"]) == (
            "InvalidTransitionError",
            "INVALID_TRANSITION",
            "DRAFT",
        )
    assert error["allowed"] == ["RUNNING", "PAUSED"]
    error = server.refuse("PromoteVariant", experimentId=draft["id"], variantId=draft["variants"][0]["id"])
    assert error["allowed"] == ["RUNNING", "PAUSED", "COMPLETED"]
    error = server.refuse("StartExperiment", experimentId="exp_nope")
    assert (error["code"], error["path"]) == ("EXPERIMENT_NOT_FOUND", ["input", "experimentId"])
    error = server.refuse("StartExperiment", experimentId=draft["id"], expectedRevision=9)
    assert (error["__typename"], error["expected"], error["actual"]) == ("StaleRevisionError", 9, 1)
    assert server.data("Experiment", {"id": draft["id"]})["status"] == "DRAFT"


def test_a_second_running_experiment_and_a_change_by_hand_are_conflicts(server) -> None:
    prompt = server.prompt()
    running, other = server.experiment(prompt), server.experiment(prompt, start=False)
    error = server.refuse("StartExperiment", experimentId=other["id"])
    assert (error["code"], error["experimentId"]) == ("ALREADY_RUNNING", running["id"])
    error = server.refuse("SetCurrentVersion", promptId=prompt["id"], promptVersionId=prompt["versions"][1])
    assert (error["code"], error["experimentId"]) == ("EXPERIMENT_RUNNING", running["id"])
    changed = server.do(
        "SetCurrentVersion", promptId=prompt["id"], promptVersionId=prompt["versions"][1], pauseExperiment=True
    )
    assert changed["prompt"]["currentVersion"]["number"] == 2
    assert server.data("Experiment", {"id": running["id"]})["status"] == "PAUSED"


def test_a_second_promotion_is_a_conflict(server) -> None:
    experiment = server.experiment()
    first, second = (variant["id"] for variant in experiment["variants"])
    server.do("PromoteVariant", experimentId=experiment["id"], variantId=first)
    error = server.refuse("PromoteVariant", experimentId=experiment["id"], variantId=second)
    assert error["code"] == "ALREADY_PROMOTED"
    error = server.refuse("PromoteVariant", experimentId=server.experiment()["id"], variantId="var_nope")
    assert (error["code"], error["path"]) == ("VARIANT_NOT_FOUND", ["input", "variantId"])


def test_prompts_are_refused_with_their_field(server, prompt) -> None:
    good = {"key": "fine", "name": "n", "content": "c"}
    for wrong, path in (
        ({"key": "a b"}, "key"),
        ({"name": " "}, "name"),
        ({"content": ""}, "content"),
        ({"content": "x" * 200_001}, "content"),
        ({"parameters": [1]}, "parameters"),
        ({"parameters": {"a": "\x00"}}, "parameters"),
    ):
        error = server.refuse("CreatePrompt", **(good | wrong))
        assert (error["__typename"], error["path"]) == ("InvalidInputError", ["input", path])
    error = server.refuse("CreatePrompt", **(good | {"key": prompt["key"]}))
    assert (error["code"], error["path"]) == ("DUPLICATE", ["input", "key"])
    error = server.refuse("CreatePromptVersion", promptId="prm_nope", content="c")
    assert error["code"] == "PROMPT_NOT_FOUND"


QUERIES = {
    "unknown experiment": ("Experiment", {"id": "exp_nope"}, "EXPERIMENT_NOT_FOUND", ["experiment"]),
    "unknown prompt": ("Prompt", {"id": "prm_nope"}, "PROMPT_NOT_FOUND", ["prompt"]),
    "neither id nor key": ("Prompt", {}, "VALIDATION_FAILED", ["prompt"]),
    "a page of 101": ("Prompts", {"first": 101}, "VALIDATION_FAILED", ["prompts"]),
    "first and last": ("Prompts", {"first": 1, "last": 1}, "VALIDATION_FAILED", ["prompts"]),
    "a made-up cursor": ("Prompts", {"after": "!"}, "VALIDATION_FAILED", ["prompts"]),
    "no slots": ("Select", {"prompts": [], "tenantId": "t"}, "VALIDATION_FAILED", ["selectVariant"]),
    "a slot without a prompt": (
        "Select",
        {"prompts": [{"slot": "s"}], "tenantId": "t"},
        "VALIDATION_FAILED",
        ["selectVariant"],
    ),
    "a slot with an unknown prompt": (
        "Select",
        {"prompts": [{"slot": "s", "promptKey": "nope"}], "tenantId": "t"},
        "PROMPT_NOT_FOUND",
        ["selectVariant"],
    ),
    "an empty batch": ("RecordOutcomes", {"input": {"events": []}}, "VALIDATION_FAILED", ["recordOutcomes"]),
    "an analysis of one variant": (
        "Analyze",
        {"input": {"kind": "BINARY", "variants": [{"name": "a", "units": 5, "conversions": 1}]}},
        "VALIDATION_FAILED",
        ["analyze"],
    ),
    "more conversions than units": (
        "Analyze",
        {
            "input": {
                "kind": "BINARY",
                "variants": [
                    {"name": "a", "units": 5, "conversions": 6},
                    {"name": "b", "units": 5, "conversions": 1},
                ],
            }
        },
        "VALIDATION_FAILED",
        ["analyze"],
    ),
    "a plan without an effect": (
        "SampleSize",
        {"input": {"kind": "BINARY", "baseline": 0.1, "minimumDetectableEffect": 0}},
        "VALIDATION_FAILED",
        ["sampleSize"],
    ),
}


@pytest.mark.parametrize("case", QUERIES)
def test_a_wrong_query_answers_with_a_code_and_a_path(sqlite_server, case) -> None:
    from pathlib import Path

    operations = (Path(__file__).parent / "operations.graphql").read_text(encoding="utf-8")
    operation, variables, code, path = QUERIES[case]
    answer = sqlite_server.post(operations, variables, operationName=operation)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == (code, path)
    assert "Traceback" not in str(answer)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_no_nan_gets_in(sqlite_server, value) -> None:
    body = (
        '{"query":"mutation($v:Float!){recordOutcomes(input:{events:[{unitId:\\"u\\",metric:\\"won\\",value:$v}]})'
        '{accepted}}","variables":{"v":' + value + "}}"
    )
    answer = sqlite_server.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert "data" not in answer.json()


def test_ten_megabytes_are_refused_before_they_are_read(sqlite_server) -> None:
    body = {"query": "{ plugins { name } }", "variables": {"x": "y" * 10_000_000}}
    answer = sqlite_server.http.post("/graphql", json=body)
    assert answer.status_code == 413


def test_outcomes_of_a_batch_are_judged_one_by_one(server) -> None:
    experiment = server.experiment()
    server.do("RecordExposures", events=[{"experimentId": experiment["id"], "unitId": "u"}])
    events = [
        {"unitId": "u", "metric": "won", "value": 1},
        {"unitId": "u", "metric": "nope", "value": 1},
        {"unitId": "u", "metric": "won", "value": 0.5},
        {"unitId": "", "metric": "won", "value": 1},
    ]
    receipt = server.do("RecordOutcomes", events=events)
    assert receipt["accepted"] == 1
    assert [(each["index"], each["code"]) for each in receipt["rejected"]] == [
        (1, "METRIC_NOT_FOUND"),
        (2, "VALIDATION_FAILED"),
        (3, "INVALID_TEXT"),
    ]
