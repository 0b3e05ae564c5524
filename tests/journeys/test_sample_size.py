"""Planning over the wire: what the API says is what the engine says."""

import pytest

pytestmark = pytest.mark.journey

PLAN = """
query Plan($input: SampleSizeInput!) {
  sampleSize(input: $input) {
    unitsPerVariant variantUnits totalUnits days effect relativeEffect power inflation expectedUnits assumptions
  }
}
"""


def ask(server, **given):
    return server.post(PLAN, {"input": given}, operationName="Plan")


def test_units_power_and_effect(sqlite_server) -> None:
    given = {"kind": "BINARY", "baseline": 0.1}
    planned = ask(sqlite_server, **given, minimumDetectableEffect=0.02, dailyUnits=500)["data"]["sampleSize"]
    assert (planned["unitsPerVariant"], planned["totalUnits"], planned["days"]) == (3841, 7682, 16)
    found = ask(sqlite_server, **given, totalUnits=7682)["data"]["sampleSize"]
    assert found["effect"] == pytest.approx(0.02, rel=1e-4)
    reached = ask(sqlite_server, **given, minimumDetectableEffect=0.02, totalUnits=7682)["data"]["sampleSize"]
    assert reached["power"] == pytest.approx(0.8, abs=1e-4)


def test_everything_at_once(sqlite_server) -> None:
    planned = ask(
        sqlite_server,
        kind="RATIO",
        baseline=2,
        relative=True,
        direction="LOWER_IS_BETTER",
        spread={"denominatorMean": 3, "numeratorDeviation": 4, "denominatorDeviation": 2, "correlation": 0.7},
        margin=0.05,
        covariateCorrelation=0.5,
        variants=3,
        shares=[50, 25, 25],
        monitoring="GROUP_SEQUENTIAL",
        looks=5,
        spending="KIM_DEMETS",
        spendingParameter=3,
        dailyUnits=100,
    )["data"]["sampleSize"]
    first, *others = planned["variantUnits"]
    assert others[0] == others[1] == pytest.approx(first / 2, abs=1)
    assert planned["totalUnits"] == sum(planned["variantUnits"])
    assert planned["expectedUnits"] < planned["totalUnits"]
    assert "5 even looks" in " ".join(planned["assumptions"])


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"kind": "BINARY", "baseline": 0.1}, ["minimumDetectableEffect"]),
        ({"kind": "QUANTILE", "baseline": 1, "standardDeviation": 1, "totalUnits": 100}, ["quantile"]),
        (
            {
                "kind": "RATIO",
                "baseline": 1,
                "spread": {"denominatorMean": 0, "numeratorDeviation": 1, "denominatorDeviation": 1},
                "totalUnits": 100,
            },
            ["spread", "denominatorMean"],
        ),
        ({"kind": "BINARY", "baseline": 0.1, "shares": [1, -1], "totalUnits": 100}, ["shares", 1]),
    ],
)
def test_a_refusal_names_the_input(sqlite_server, given, path) -> None:
    (error,) = ask(sqlite_server, **given)["errors"]
    assert error["extensions"]["code"] == "VALIDATION_FAILED"
    assert error["extensions"]["inputPath"] == path
