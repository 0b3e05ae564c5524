"""Nested reads take a fixed number of statements, however many things they list."""

import pytest

from omniforge_graph.domain.event import ExposureEvent
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft

PROMPTS = """{ prompts(first: 50) { totalCount edges { node {
  key currentVersion { number prompt { key } }
  versions(first: 5) { totalCount edges { node { number prompt { id } } } }
  runningExperiment { name }
} } } }"""
EXPERIMENTS = """{ experiments(first: 50) { totalCount edges { node {
  name prompt { key currentVersion { number } } variants { name exposureCount promptVersion { number prompt { id } } }
} } } }"""
SELECT = """query($p: [PromptSlotInput!]!) {
  selectVariants(prompts: $p, tenantId: "t") { variantName promptVersion { content } }
}"""


async def fill(services, start: int, end: int) -> None:
    for n in range(start, end):
        prompt = await services.prompts.create_prompt(PromptDraft(f"p{n}", "n", VersionDraft("one")))
        second = await services.prompts.create_version(prompt.id, VersionDraft("two"))
        variants = [
            {"name": name, "prompt_version_id": version, "traffic_percentage": 50}
            for name, version in (("a", prompt.current_version_id), ("b", second.id))
        ]
        draft = await services.experiments.create_experiment(prompt.id, f"e{n}", "", "won", variants, "ann")
        await services.experiments.start_experiment(draft.id)
        await services.recorder.record_exposures([ExposureEvent(draft.id, f"u{unit}") for unit in range(3)])


@pytest.mark.parametrize(("query", "expected"), [(PROMPTS, 6), (EXPERIMENTS, 5)])
async def test_a_nested_list_takes_the_same_statements_for_two_as_for_twelve(api, query, expected) -> None:
    await fill(api.services, 0, 2)
    await api.data(query)  # what never changes is read now
    few = await api.data(query)
    statements = len(api.statements)
    await fill(api.services, 2, 12)
    await api.data(query)
    many = await api.data(query)
    counts = [next(iter(data.values()))["totalCount"] for data in (few, many)]
    assert counts == [2, 12]
    assert (statements, len(api.statements)) == (expected, expected), api.statements


async def test_a_total_that_nobody_asks_for_is_not_counted(api) -> None:
    await fill(api.services, 0, 1)
    await api.data("{ prompts { edges { node { key } } } }")
    assert len(api.statements) == 1
    assert not any("COUNT" in statement for statement in api.statements)


async def test_selection_asks_the_database_nothing(api) -> None:
    await fill(api.services, 0, 5)
    slots = {"p": [{"slot": f"s{n}", "promptKey": f"p{n}"} for n in range(5)]}
    await api.data(SELECT, slots)
    selected = await api.data(SELECT, slots)
    assert len(selected["selectVariants"]) == 5
    assert api.statements == []


async def test_histories_and_prompts_by_key_are_read_together(api) -> None:
    await fill(api.services, 0, 6)
    listed = await api.data("{ experiments { edges { node { history { subject status } } } } }")
    assert len(api.statements) == 2, api.statements
    histories = [edge["node"]["history"] for edge in listed["experiments"]["edges"]]
    assert [[entry["status"] for entry in history] for history in histories] == [["DRAFT", "RUNNING"]] * 6
    found = await api.data("{" + " ".join(f'p{n}: prompt(key: "p{n}") {{ key }}' for n in range(6)) + "}")
    assert len(api.statements) == 1, api.statements
    assert [found[f"p{n}"]["key"] for n in range(6)] == [f"p{n}" for n in range(6)]


async def test_a_document_cannot_order_analyses_without_end(api) -> None:
    many = " ".join(f"a{n}: analysis {{ test }}" for n in range(50))
    body = await api.run("{ experiments(first: 100) { edges { node { " + many + " } } } }")
    assert body["errors"][0]["extensions"]["code"] == "DOCUMENT_TOO_COMPLEX"


async def test_a_later_mutation_of_a_document_sees_what_an_earlier_one_did(api) -> None:
    await fill(api.services, 0, 1)
    listed = await api.data("{ experiments { edges { node { id } } } }")
    experiment_id = listed["experiments"]["edges"][0]["node"]["id"]
    nested = "experiment { status prompt { runningExperiment { status } } }"
    document = f"""mutation($id: ID!) {{
      a: stopExperiment(input: {{experimentId: $id}}) {{ {nested} }}
      b: startExperiment(input: {{experimentId: $id}}) {{ {nested} }}
      c: stopExperiment(input: {{experimentId: $id}}) {{ {nested} }}
    }}"""
    answered = await api.data(document, {"id": experiment_id})
    running = [answered[alias]["experiment"]["prompt"]["runningExperiment"] for alias in "abc"]
    assert running == [None, {"status": "RUNNING"}, None]


async def test_the_analyses_of_a_list_are_measured_together(api) -> None:
    await fill(api.services, 0, 6)
    listed = await api.data("""{ experiments { edges { node { name
      analysis { test variantStats { units } } again: analysis(test: "bayesian") { test variantStats { units } }
    } } } }""")
    assert len(api.statements) == 3, api.statements
    for edge in listed["experiments"]["edges"]:
        node = edge["node"]
        assert [node["analysis"]["test"], node["again"]["test"]] == ["z_test", "bayesian"]
        assert sum(stats["units"] for stats in node["analysis"]["variantStats"]) == 3


async def test_one_analysis_that_cannot_be_made_leaves_the_others(api) -> None:
    await fill(api.services, 0, 2)
    body = await api.run("""{ experiments { edges { node {
      good: analysis { test } wrong: analysis(test: "nope") { test } strange: analysis(metric: "nope") { test }
    } } } }""")
    assert [edge["node"]["good"]["test"] for edge in body["data"]["experiments"]["edges"]] == ["z_test", "z_test"]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"UNKNOWN_PLUGIN", "METRIC_NOT_FOUND"}


async def test_an_analysis_takes_three_statements(api) -> None:
    await fill(api.services, 0, 1)
    found = await api.data("{ experiments { edges { node { id } } } }")
    experiment_id = found["experiments"]["edges"][0]["node"]["id"]
    query = """query($id: ID!) { experiment(id: $id) { analysis {
      winner { name } variantStats { variant { name } units } comparisons { treatment { name } pValue } } } }"""
    await api.data(query, {"id": experiment_id})
    assert len(api.statements) == 3, api.statements
