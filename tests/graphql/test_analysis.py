"""What a dashboard draws: the path of estimates, slices and densities; and what each of them costs."""

import pytest

from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft

UNITS = 400
PATH = """{ experiments(first: 50) { edges { node { name analysisHistory {
  number totalUnits units effects { metric { key } treatment { name } absoluteEffect { estimate lower upper } }
} } } } }"""
DENSITY = """query($id: ID!, $test: String) { experiment(id: $id) { analysis(test: $test) {
  comparisons { absoluteEffect { estimate lower upper } probabilityBetter }
  variantStats { probabilityBest }
  density { treatment { name } points { effect density } }
} } }"""


async def running(services, number: int = 0, units: int = UNITS) -> str:
    """Start an experiment in which every third unit of one variant and every second of the other wins."""
    prompt = await services.prompts.create_prompt(PromptDraft(f"p{number}", "n", VersionDraft("one")))
    variants = [
        {"name": name, "prompt_version_id": prompt.current_version_id, "traffic_percentage": 50} for name in "ab"
    ]
    draft = await services.experiments.create_experiment(prompt.id, f"e{number}", "", "won", variants, "ann")
    await services.experiments.start_experiment(draft.id)
    names = [f"u{n}" for n in range(units)]
    attributes = [{"language": "de" if n % 4 else "en"} for n in range(units)]
    exposures = [ExposureEvent(draft.id, name, attributes=each) for name, each in zip(names, attributes, strict=True)]
    outcomes = [OutcomeEvent(name, "won", float(n % 3 == 0), experiment_id=draft.id) for n, name in enumerate(names)]
    if units:
        await services.recorder.record_exposures(exposures)
        await services.recorder.record_outcomes(outcomes)
    return draft.id


async def test_the_paths_of_a_list_are_read_in_one_statement(api) -> None:
    for number in range(4):
        experiment_id = await running(api.services, number)
        await api.data("query($id: ID!) { experiment(id: $id) { analysis { test } } }", {"id": experiment_id})
    listed = await api.data(PATH)
    assert len(api.statements) == 2, api.statements
    for edge in listed["experiments"]["edges"]:
        (look,) = edge["node"]["analysisHistory"]
        assert (look["number"], look["totalUnits"], sum(look["units"])) == (1, UNITS, UNITS)
        (effect,) = look["effects"]
        assert (effect["metric"], effect["treatment"]) == ({"key": "won"}, {"name": "b"})
        ends = effect["absoluteEffect"]
        assert ends["lower"] < ends["estimate"] < ends["upper"]


async def test_a_density_is_drawn_only_for_a_test_with_a_posterior(api) -> None:
    experiment_id = await running(api.services)
    found = await api.data(DENSITY, {"id": experiment_id, "test": "bayesian"})
    analysis = found["experiment"]["analysis"]
    (drawn,) = analysis["density"]
    assert drawn["treatment"] == {"name": "b"}
    effects = [point["effect"] for point in drawn["points"]]
    densities = [point["density"] for point in drawn["points"]]
    step = effects[1] - effects[0]
    assert sum(densities) * step == pytest.approx(1, abs=1e-3)
    mean = sum(effect * density for effect, density in zip(effects, densities, strict=True)) * step
    assert mean == pytest.approx(analysis["comparisons"][0]["absoluteEffect"]["estimate"], abs=step)
    assert sum(stats["probabilityBest"] for stats in analysis["variantStats"]) == pytest.approx(1)
    plain = await api.data(DENSITY, {"id": experiment_id})
    assert plain["experiment"]["analysis"]["density"] is None


async def test_without_units_a_density_has_no_points(api) -> None:
    experiment_id = await running(api.services, units=0)
    found = await api.data(DENSITY, {"id": experiment_id, "test": "bayesian"})
    assert found["experiment"]["analysis"]["density"] == [{"treatment": {"name": "b"}, "points": []}]


async def test_slices_come_from_the_most_units_to_the_fewest(api) -> None:
    experiment_id = await running(api.services)
    query = """query($id: ID!) { experiment(id: $id) { slices(dimension: "language") {
      slices { value units comparisons { validPValue adjustedPValue } } } } }"""
    found = await api.data(query, {"id": experiment_id})
    slices = found["experiment"]["slices"]["slices"]
    assert [(each["value"], each["units"]) for each in slices] == [("de", 300), ("en", 100)]
    for each in slices:
        assert each["comparisons"][0]["adjustedPValue"] >= each["comparisons"][0]["validPValue"]


@pytest.mark.parametrize(
    "field", ['slices(dimension: "d") { test }', "analysis { density { treatment { id } } }", "analysisHistory { at }"]
)
async def test_a_document_cannot_order_them_without_end(api, field) -> None:
    many = " ".join(f"a{n}: {field}" for n in range(10))
    body = await api.run("{ experiments(first: 100) { edges { node { " + many + " } } } }")
    assert body["errors"][0]["extensions"]["code"] == "DOCUMENT_TOO_COMPLEX"


async def test_plugins_tell_what_their_tests_can_judge(api) -> None:
    listed = await api.data("{ plugins { offers { kind name kinds sequential } } }")
    offers = {offer["name"]: offer for plugin in listed["plugins"] for offer in plugin["offers"]}
    assert offers["z_test"] == {
        "kind": "STATISTICAL_TEST",
        "name": "z_test",
        "kinds": ["BINARY"],
        "sequential": True,
    }
    assert offers["bayesian"]["sequential"] is False
    assert "BINARY" in offers["bayesian"]["kinds"]
    assert (offers["weighted"]["kinds"], offers["weighted"]["sequential"]) == (None, None)
