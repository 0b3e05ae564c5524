"""Real answers of a real model under three system prompts, replayed as an experiment and analysed in full."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "prompt_variants_gpt35.csv"
PUBLISHED_WIN_RATES = {"default": 9.18, "concise": 7.42, "verbose": 12.76}

pytestmark = [
    pytest.mark.journey,
    pytest.mark.oracle,
    pytest.mark.skipif(not DATA.exists(), reason="the data are not on this machine"),
]


@pytest.fixture(scope="module")
def preferences() -> dict[str, dict[str, float]]:
    """Per variant, each instruction's judge preference."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    with DATA.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            found[row["variant"]][row["instruction"]] = float(row["judge_preference"])
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(PUBLISHED_WIN_RATES, 805)
    return found


def test_replayed_over_http_each_unit_gets_what_its_variant_earned(server, preferences) -> None:
    names = list(PUBLISHED_WIN_RATES)
    prompt = server.prompt(versions=3, key="gpt35")
    shares = {"default": 33.34, "concise": 33.33, "verbose": 33.33}
    experiment = server.experiment(
        prompt,
        successMetric="preference",
        metrics=[{"key": "preference", "kind": "CONTINUOUS"}],
        variants=[
            {"name": name, "promptVersionId": version, "trafficPercentage": shares[name]}
            for name, version in zip(names, prompt["versions"], strict=True)
        ],
    )
    slots = [{"slot": "system", "promptKey": "gpt35"}]
    assigned = {}
    for unit in preferences["default"]:
        selection = server.data("Select", {"prompts": slots, "tenantId": unit})
        assigned[unit] = selection["variantName"]
        assert selection["promptVersion"]["number"] == names.index(assigned[unit]) + 1
    exposures = [{"experimentId": experiment["id"], "unitId": unit} for unit in assigned]
    assert server.do("RecordExposures", events=exposures)["accepted"] == 805
    outcomes = [
        {"unitId": unit, "metric": "preference", "value": preferences[name][unit], "eventId": f"gpt35-{unit}"}
        for unit, name in assigned.items()
    ]
    assert server.do("RecordOutcomes", events=outcomes)["accepted"] == 805
    analysis = server.data("Results", {"id": experiment["id"]})["analysis"]
    assert (analysis["test"], analysis["sampleRatio"]["mismatch"]) == ("welch_t", False)
    for stats in analysis["variantStats"]:
        name = stats["variant"]["name"]
        mine = np.array([preferences[name][unit] for unit, given in assigned.items() if given == name])
        assert stats["units"] == len(mine)
        # Sums of at most 805 doubles in [0, 1]: rounding stays below 805 units in the last place.
        assert stats["mean"] == pytest.approx(mine.mean(), rel=805 * 2.3e-16)
        assert stats["standardDeviation"] == pytest.approx(mine.std(ddof=1), rel=2 * 805 * 2.3e-16)
    assert sum(stats["units"] for stats in analysis["variantStats"]) == 805


def test_analysed_in_full_the_means_are_the_published_win_rates(sqlite_server, preferences) -> None:
    variants = []
    for name in PUBLISHED_WIN_RATES:
        values = np.array(list(preferences[name].values()))
        variants.append({"name": name, "units": 805, "mean": values.mean(), "standardDeviation": values.std(ddof=1)})
    analysis = sqlite_server.data("Analyze", {"input": {"kind": "CONTINUOUS", "variants": variants}})
    rates = {stats["name"]: round(100 * stats["mean"], 2) for stats in analysis["variantStats"]}
    assert rates == PUBLISHED_WIN_RATES
    verbose = next(each for each in analysis["comparisons"] if each["treatmentName"] == "verbose")
    assert verbose["absoluteEffect"]["lower"] > 0
    assert analysis["isSignificant"]
    assert not analysis["sampleSizeSufficient"]
    assert analysis["winnerName"] is None
