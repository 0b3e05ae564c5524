"""A planned experiment over HTTP, on both engines: planned, watched, sliced and decided; and plans that are refused."""

import random
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.journey

OPERATIONS = (Path(__file__).parent / "operations.graphql").read_text(encoding="utf-8")
METRICS = [
    {"key": "won", "kind": "BINARY"},
    {"key": "rating", "kind": "CONTINUOUS", "aggregation": "MEAN", "cap": {"lower": 1, "upper": 5}},
    {"key": "cost", "kind": "CONTINUOUS", "direction": "LOWER_IS_BETTER", "covariates": ["cost"]},
]
PLAN = {"horizon": 1200, "goals": ["rating"], "guardrails": [{"metric": "cost", "margin": 0.3}]}
OTHERS = ["KEEP_CONTROL", "CONTINUE", "INCONCLUSIVE", "INVALID"]


def assigned(server, prompt: dict, units: list[str]) -> dict[str, str]:
    """Return the variant's name of each unit, fifty to a request."""
    found = {}
    for start in range(0, len(units), 50):
        some = units[start : start + 50]
        fields = [
            f'u{n}: selectVariant(prompts: $p, tenantId: "t", unitId: "{unit}", track: false) {{ variantName }}'
            for n, unit in enumerate(some)
        ]
        slots = {"p": [{"slot": "system", "promptId": prompt["id"]}]}
        answer = server.post("query($p: [PromptSlotInput!]!) {" + " ".join(fields) + "}", slots)
        found |= {unit: answer["data"][f"u{n}"]["variantName"] for n, unit in enumerate(some)}
    return found


def expose(server, prompt: dict, experiment_id: str, start: int, count: int) -> None:
    """Send units through: v2 wins far more often, is rated alike and costs a little more."""
    chance = random.Random(start)
    variants = assigned(server, prompt, [f"unit-{n}" for n in range(start, start + count)])
    plans = [{"attributes": {"plan": "pro", "seats": 3}}, {"attributes": {"plan": "free"}}, {}]
    exposures = [{"experimentId": experiment_id, "unitId": unit, **plans[n % 3]} for n, unit in enumerate(variants)]
    assert server.do("RecordExposures", events=exposures)["accepted"] == count
    outcomes = []
    for unit, variant in variants.items():
        treated = variant == "v2"
        values = {
            "won": float(chance.random() < (0.5 if treated else 0.2)),
            "rating": chance.gauss(3, 1),
            "cost": chance.gauss(1.05 if treated else 1, 0.2),
        }
        outcomes += [{"unitId": unit, "metric": key, "value": value} for key, value in values.items()]
    assert server.do("RecordOutcomes", events=outcomes)["accepted"] == 3 * count


def test_a_planned_experiment_from_its_plan_to_its_verdict(server) -> None:
    prompt = server.prompt()
    seed = {"seed": "the-same-units-every-time"}
    draft = server.experiment(prompt, start=False, metrics=METRICS, allocation=seed, analysis={"monitoring": "FIXED"})
    planned = server.do("PlanAnalysis", experimentId=draft["id"], expectedRevision=1, analysis=PLAN)["experiment"]
    plan = planned["analysisPlan"]
    assert planned["revision"] == 2
    assert (plan["monitoring"], plan["horizon"], plan["spending"]) == ("GROUP_SEQUENTIAL", 1200, "OBRIEN_FLEMING")
    assert (plan["goals"], plan["correction"]) == (["rating"], "HOLM")
    assert plan["guardrails"] == [{"metric": "cost", "margin": 0.3, "relative": True}]
    stale = server.refuse("PlanAnalysis", experimentId=draft["id"], expectedRevision=1, analysis={})
    assert stale["__typename"] == "StaleRevisionError"
    server.do("StartExperiment", experimentId=draft["id"])
    locked = server.refuse("PlanAnalysis", experimentId=draft["id"], analysis={})
    assert (locked["__typename"], locked["current"], locked["allowed"]) == (
        "InvalidTransitionError",
        "RUNNING",
        ["DRAFT"],
    )

    expose(server, prompt, draft["id"], 0, 600)
    found = server.data("Findings", {"id": draft["id"]})["analysis"]
    assert found["plan"] == plan
    progress = found["progress"]
    assert (progress["monitoring"], progress["looks"], progress["complete"]) == ("GROUP_SEQUENTIAL", 1, False)
    assert (progress["units"], progress["plannedUnits"], progress["missingUnits"]) == (600, 1200, 600)
    assert progress["information"] == 0.5
    # O'Brien and Fleming's function at half the information, two-sided 0.05: z = 2.963 (Lan & DeMets 1983).
    assert progress["nominalAlpha"] == pytest.approx(0.00305, abs=1e-4)
    assert progress["spentAlpha"] == pytest.approx(0.00305, abs=1e-4)
    assert progress["unitsPerDay"] > 0
    assert progress["daysLeft"] == pytest.approx(600 / progress["unitsPerDay"])
    (guarded,) = found["guardrails"]
    assert (guarded["metric"], guarded["treatment"], guarded["state"]) == ({"key": "cost"}, {"name": "v2"}, "PASSED")
    assert 0 < guarded["estimate"] < guarded["bound"] < guarded["margin"] == pytest.approx(0.3, rel=0.1)
    assert (found["winner"], found["recommendation"]["verdict"]) == ({"name": "v2"}, "SHIP")
    assert [each["verdict"] for each in found["recommendation"]["whyNot"]] == OTHERS
    assert all(each["reason"] for each in found["recommendation"]["whyNot"])
    (won,) = found["comparisons"]
    assert won["pValue"] < won["validPValue"] <= won["adjustedPValue"] < 0.05

    again = server.data("Findings", {"id": draft["id"]})["analysis"]["progress"]
    assert again["looks"] == 1
    expose(server, prompt, draft["id"], 600, 600)
    final = server.data("Findings", {"id": draft["id"], "metric": "rating"})["analysis"]
    assert (final["progress"]["complete"], final["progress"]["missingUnits"]) == (True, 0)
    assert final["recommendation"]["verdict"] == "SHIP"

    looks = server.data("Path", {"id": draft["id"]})["analysisHistory"]
    assert [(look["number"], look["totalUnits"], sum(look["units"])) for look in looks] == [
        (1, 600, 600),
        (2, 1200, 1200),
    ]
    for look in looks:
        assert [each["metric"]["key"] for each in look["effects"]] == ["won", "rating", "cost"]
        effect = look["effects"][0]["absoluteEffect"]
        assert effect["lower"] < effect["estimate"] < effect["upper"]
    assert looks[0]["effects"][0]["absoluteEffect"] == won["absoluteEffect"]
    only = server.data("Path", {"id": draft["id"], "metric": "rating"})["analysisHistory"]
    assert [[each["metric"]["key"] for each in look["effects"]] for look in only] == [["rating"], ["rating"]]
    subjects = [entry["subject"] for entry in server.data("Experiment", {"id": draft["id"]})["history"]]
    assert subjects == ["EXPERIMENT_CREATED", "ANALYSIS_PLANNED", "EXPERIMENT_STARTED"]

    by_plan = server.data("Slices", {"id": draft["id"], "dimension": "plan"})["slices"]
    assert (by_plan["dimension"], by_plan["metric"], by_plan["test"]) == ("plan", {"key": "won"}, "z_test")
    assert {each["value"]: each["units"] for each in by_plan["slices"]} == {"pro": 400, "free": 400, "(none)": 400}
    for each in by_plan["slices"]:
        assert sum(stats["units"] for stats in each["variantStats"]) == sum(each["sampleRatio"]["observed"]) == 400
        assert each["comparisons"][0]["isSignificant"]
    assert by_plan["notices"][-1]["code"] == "SLICES_DECIDE_NOTHING"
    seats = server.data("Slices", {"id": draft["id"], "dimension": "seats", "metric": "cost"})["slices"]
    assert {each["value"]: each["units"] for each in seats["slices"]} == {"3": 400, "(none)": 800}
    nowhere = server.data("Slices", {"id": draft["id"], "dimension": "nobody_has_it"})["slices"]
    assert [(each["value"], each["units"]) for each in nowhere["slices"]] == [("(none)", 1200)]


def test_what_is_unknown_is_null(server) -> None:
    experiment = server.experiment(metrics=METRICS, analysis={"goals": ["rating"]})
    for metric in (None, "rating", "cost"):
        found = server.data("Findings", {"id": experiment["id"], "metric": metric})["analysis"]
        assert found["recommendation"]["verdict"] == "CONTINUE"
        assert (found["progress"]["units"], found["progress"]["plannedUnits"], found["progress"]["daysLeft"]) == (
            0,
            None,
            None,
        )
        assert found["comparisons"][0]["absoluteEffect"] == {"estimate": None, "lower": None, "upper": None}
    assert server.data("Path", {"id": experiment["id"]})["analysisHistory"] == []
    assert server.data("Slices", {"id": experiment["id"], "dimension": "plan"})["slices"]["slices"] == []


def test_metrics_keep_their_definition(server) -> None:
    latency = {"key": "p90", "kind": "QUANTILE", "quantile": 0.9, "direction": "LOWER_IS_BETTER"}
    ratio = {"key": "cost_per_call", "kind": "RATIO", "numerator": "spend", "denominator": "calls"}
    declared = [
        {"key": "spend", "kind": "CONTINUOUS", "cap": {"percentile": 0.99}},
        {"key": "calls", "kind": "COUNT", "aggregation": "SUM", "covariates": ["calls"]},
        ratio,
        latency,
    ]
    experiment = server.experiment(metrics=declared, start=False)
    query = """query($id: ID!) { experiment(id: $id) { metrics {
      key kind numerator denominator quantile cap { lower upper percentile } covariates aggregation } } }"""
    answer = server.post(query, {"id": experiment["id"]})["data"]["experiment"]["metrics"]
    by_key = {each["key"]: each for each in answer}
    assert by_key["spend"]["cap"] == {"lower": None, "upper": None, "percentile": 0.99}
    assert by_key["calls"]["covariates"] == ["calls"]
    assert (by_key["cost_per_call"]["numerator"], by_key["cost_per_call"]["denominator"]) == ("spend", "calls")
    assert (by_key["p90"]["quantile"], by_key["p90"]["aggregation"]) == (0.9, "MEAN")
    assert by_key["won"] == {
        "key": "won", "kind": "BINARY", "numerator": None, "denominator": None, "quantile": None, "cap": None,
        "covariates": [], "aggregation": "ANY",
    }  # fmt: skip


COST = {"key": "cost", "kind": "CONTINUOUS"}
REFUSED = {
    "a cap of nothing": ({"metrics": [COST | {"cap": {}}]}, ["metrics", "0", "cap"]),
    "a cap upside down": ({"metrics": [COST | {"cap": {"lower": 2, "upper": 1}}]}, ["metrics", "0", "cap", "lower"]),
    "a percentile of 2": ({"metrics": [COST | {"cap": {"percentile": 2}}]}, ["metrics", "0", "cap", "percentile"]),
    "a rate with a cap": ({"metrics": [{"key": "x", "kind": "BINARY", "cap": {"upper": 1}}]}, ["metrics", "0", "cap"]),
    "no quantile": ({"metrics": [{"key": "x", "kind": "QUANTILE"}]}, ["metrics", "0", "quantile"]),
    "a numerator of a count": (
        {"metrics": [{"key": "x", "kind": "COUNT", "numerator": "y"}]},
        ["metrics", "0", "numerator"],
    ),
    "an unknown guardrail": (
        {"metrics": [COST], "analysis": {"guardrails": [{"metric": "nope", "margin": 0.1}]}},
        ["analysis", "guardrails", "0", "metric"],
    ),
    "a guardrail without a margin": (
        {"metrics": [COST], "analysis": {"guardrails": [{"metric": "cost", "margin": 0}]}},
        ["analysis", "guardrails", "0", "margin"],
    ),
    "a role twice": (
        {"metrics": [COST], "analysis": {"goals": ["cost"], "guardrails": [{"metric": "cost", "margin": 0.1}]}},
        ["analysis", "guardrails", "0", "metric"],
    ),
    "an unknown goal": ({"analysis": {"goals": ["nope"]}}, ["analysis", "goals", "0"]),
    "the success metric again": ({"analysis": {"goals": ["won"]}}, ["analysis", "goals", "0"]),
    "a horizon of 0": ({"analysis": {"horizon": 0}}, ["analysis", "horizon"]),
    "looks without a horizon": ({"analysis": {"monitoring": "GROUP_SEQUENTIAL"}}, ["analysis", "horizon"]),
    "looks by a test that forbids them": (
        {"analysis": {"test": "bayesian", "monitoring": "ALWAYS_VALID"}},
        ["analysis", "monitoring"],
    ),
    "a parameter of nothing": ({"analysis": {"spendingParameter": 2}}, ["analysis", "spendingParameter"]),
    "a parameter too large": (
        {"analysis": {"spending": "KIM_DEMETS", "spendingParameter": 99}},
        ["analysis", "spendingParameter"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_that_cannot_be_is_refused_by_its_field(sqlite_server, case) -> None:
    wrong, path = REFUSED[case]
    prompt = sqlite_server.prompt()
    draft = sqlite_server.experiment(prompt, start=False, metrics=[COST])
    good = {
        "promptId": prompt["id"],
        "name": "n",
        "successMetric": "won",
        "variants": [
            {"name": f"v{n}", "promptVersionId": each, "trafficPercentage": 50}
            for n, each in enumerate(prompt["versions"])
        ],
    }
    error = sqlite_server.refuse("CreateExperiment", **(good | wrong))
    assert (error["__typename"], error["path"]) == ("InvalidInputError", ["input", *path])
    if "analysis" in wrong:
        error = sqlite_server.refuse("PlanAnalysis", experimentId=draft["id"], analysis=wrong["analysis"])
        assert (error["__typename"], error["path"]) == ("InvalidInputError", ["input", *path])
    assert sqlite_server.data("Experiment", {"id": draft["id"]})["revision"] == 1


def test_attributes_are_judged_event_by_event(sqlite_server) -> None:
    experiment = sqlite_server.experiment()
    wrong = [[1], {"a b": "x"}, {"plan": {"nested": 1}}, {"plan": "x" * 101}, {f"k{n}": n for n in range(21)}]
    events = [
        {"experimentId": experiment["id"], "unitId": f"u{n}", "attributes": each}
        for n, each in enumerate([*wrong, {"plan": "pro", "beta": True, "none": None}])
    ]
    receipt = sqlite_server.do("RecordExposures", events=events)
    assert receipt["accepted"] == 1
    assert [each["index"] for each in receipt["rejected"]] == [0, 1, 2, 3, 4]
    found = sqlite_server.data("Slices", {"id": experiment["id"], "dimension": "beta"})["slices"]
    assert [(each["value"], each["units"]) for each in found["slices"]] == [("true", 1)]


def test_selection_keeps_the_units_attributes_with_the_exposures_it_tracks(sqlite_server) -> None:
    prompt = sqlite_server.prompt()
    experiment = sqlite_server.experiment(prompt)
    ask = """query($p: [PromptSlotInput!]!, $unit: ID!, $a: JSON) {
        selectVariant(prompts: $p, tenantId: "t", unitId: $unit, attributes: $a) { variantName }
    }"""
    slots = [{"slot": "system", "promptId": prompt["id"]}]
    for n in range(6):
        sqlite_server.post(ask, {"p": slots, "unit": f"u{n}", "a": {"plan": "pro" if n < 4 else "free"}})
    deadline = time.monotonic() + 20
    found: list[tuple[str, int]] = []
    while sum(units for _, units in found) < 6 and time.monotonic() < deadline:
        answer = sqlite_server.data("Slices", {"id": experiment["id"], "dimension": "plan"})["slices"]
        found = [(each["value"], each["units"]) for each in answer["slices"]]
    assert found == [("pro", 4), ("free", 2)]
    (error,) = sqlite_server.post(ask, {"p": slots, "unit": "u0", "a": {"a b": 1}})["errors"]
    assert error["extensions"]["code"] == "INVALID_TEXT"


@pytest.mark.parametrize(
    ("operation", "variables", "code"),
    [
        ("Slices", {"dimension": "a b"}, "INVALID_TEXT"),
        ("Slices", {"dimension": "plan", "metric": "nope"}, "METRIC_NOT_FOUND"),
        ("Slices", {"dimension": "plan", "test": "nope"}, "UNKNOWN_PLUGIN"),
        ("Slices", {"dimension": "plan", "test": "z_test", "metric": "cost"}, "INCOMPATIBLE_TEST"),
        ("Path", {"metric": "nope"}, "METRIC_NOT_FOUND"),
    ],
)
def test_a_wrong_question_answers_with_a_code(sqlite_server, operation, variables, code) -> None:
    experiment = sqlite_server.experiment(metrics=[COST])
    answer = sqlite_server.post(OPERATIONS, {"id": experiment["id"], **variables}, operationName=operation)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code


def test_numbers_that_live_elsewhere_may_be_one_of_many_looks(sqlite_server) -> None:
    numbers = {
        "kind": "BINARY",
        "variants": [
            {"name": "a", "units": 500, "conversions": 100},
            {"name": "b", "units": 500, "conversions": 150},
        ],
    }
    query = """query($input: AnalyzeInput!) { analyze(input: $input) {
      progress { monitoring units plannedUnits nominalAlpha } recommendation { verdict whyNot { verdict } }
      comparisons { pValue validPValue adjustedPValue } } }"""

    def analyzed(**more) -> dict:
        return sqlite_server.post(query, {"input": numbers | more})["data"]["analyze"]

    fixed, early = analyzed(), analyzed(monitoring="GROUP_SEQUENTIAL", horizon=2000)
    endless = analyzed(monitoring="ALWAYS_VALID")
    assert [each["progress"]["monitoring"] for each in (fixed, early, endless)] == [
        "FIXED",
        "GROUP_SEQUENTIAL",
        "ALWAYS_VALID",
    ]
    assert fixed["progress"]["nominalAlpha"] == pytest.approx(0.05)
    assert early["progress"]["nominalAlpha"] == pytest.approx(0.00305, abs=1e-4)
    assert fixed["comparisons"][0]["pValue"] == fixed["comparisons"][0]["validPValue"]
    for each in (early, endless):
        assert each["comparisons"][0]["validPValue"] > each["comparisons"][0]["pValue"]
    huge = analyzed(variants=[{"name": name, "units": 2**31 - 1, "conversions": 2**30} for name in "ab"])
    assert huge["progress"]["units"] == 2**32 - 2
