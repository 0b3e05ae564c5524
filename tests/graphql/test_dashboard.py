"""The dashboard's query: everything nested, few statements, the same answer by a plan and by graphql-core."""

from typing import Any

import msgspec
import pytest
from graphql import execute, parse

from omniforge_graph import open_database
from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.event import ExposureEvent
from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.domain.plan import AnalysisPlan, Guardrail
from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.graphql.connections import decode_cursor
from omniforge_graph.graphql.context import Context
from omniforge_graph.graphql.plans import Renderings, StepAside, compile_plan
from omniforge_graph.graphql.schema import schema
from omniforge_graph.persistence.postgres import PostgresSession
from omniforge_graph.persistence.sqlite import SqliteSession
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.assembly import assemble

DASHBOARD = """
query ($first: Int!) {
  experiments(first: $first) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node {
      id name description status revision createdAt startDate endDate results
      prompt {
        key currentVersion { ...V }
        versions(first: 5) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { ...V } } }
      }
      variants { id name trafficPercentage isControl exposureCount promptVersion { ...V } }
      promotedVariant { name }
      metrics { ...M } successMetric { ...M }
      allocation { strategy options hashAlgorithm seed }
      analysisPlan { test options confidenceLevel monitoring horizon goals guardrails { metric margin relative } }
    } }
  }
}
fragment V on PromptVersion { id number content checksum message model parameters createdAt createdBy }
fragment M on Metric { key kind direction aggregation numerator quantile cap { upper } covariates }
"""
RUNNING = "{ prompts { edges { node { key runningExperiment { name } versions { totalCount } } } } }"
KEPT = 6
"""Experiments, their number, prompts, the newest versions, their number, exposures."""
READ = 6 + 5
"""The same, and what is read once: experiments, prompts, the variants' versions, pages, the pages' versions."""


class Asker:
    """Asks one process's services by a plan and by graphql-core."""

    def __init__(self, services: Any) -> None:
        self.services = services
        self.statements: list[str] = []
        self._plans: dict[str, Any] = {}

    async def core(self, query: str, variables: dict[str, Any], caller: Caller | None = None) -> bytes:
        """Return the JSON of graphql-core's data; there must be no errors."""
        self.statements.clear()
        context = Context(self.services, caller or Caller())
        executed = execute(schema._schema, parse(query), context_value=context, variable_values=variables)
        result = await executed
        assert not result.errors, result.errors
        return msgspec.json.encode(result.data)

    async def plan(self, query: str, variables: dict[str, Any], caller: Caller | None = None) -> bytes:
        """Return the JSON of the plan's data; it must not step aside."""
        self.statements.clear()
        if query not in self._plans:
            document = parse(query)
            self._plans[query] = compile_plan(schema._schema, document, document.definitions[0], Renderings())
        context = Context(self.services, caller or Caller())
        return msgspec.json.encode(await self._plans[query].run(context, msgspec.json.encode(variables)))

    async def both(self, query: str, caller: Caller | None = None, **variables: Any) -> Any:
        """Return what both answer, the plan twice, for it keeps what it rendered."""
        answers = [await ask(query, variables, caller) for ask in (self.core, self.plan, self.plan)]
        assert answers[0] == answers[1] == answers[2]
        return msgspec.json.decode(answers[0])


@pytest.fixture
async def asker(database_url, monkeypatch):
    """Asks a database that `other`, another process, fills."""
    async with open_database(database_url) as repository:
        made = Asker(assemble(repository, installed_plugins()))
        for kind in (SqliteSession, PostgresSession):
            monkeypatch.setattr(kind, "rows", _counted(kind.rows, made.statements))
        yield made


def _counted(rows, statements):
    async def counted(self, sql, *values):
        statements.append(sql)
        return await rows(self, sql, *values)

    return counted


@pytest.fixture
async def other(database_url):
    """The services of another process."""
    async with open_database(database_url) as repository:
        yield assemble(repository, installed_plugins())


async def fill(
    services: Any, start: int, end: int, tenant_id: str | None = None, extra: tuple[Metric, ...] = ()
) -> list[Any]:
    """Make experiments of three variants on prompts of seven versions, exposed to one unit more each."""
    plan = AnalysisPlan(goals=("quality",), guardrails=(Guardrail("cost", 0.1),), horizon=1_000)
    metrics = (Metric("quality", MetricKind.CONTINUOUS), Metric("cost", MetricKind.CONTINUOUS))
    caller = Caller(tenant_id=tenant_id)
    made = []
    for number in range(start, end):
        prompt = await services.prompts.create_prompt(PromptDraft(f"p{number}", "n", VersionDraft("0")))
        versions = [prompt.current_version]
        for text in range(1, 7):
            draft = VersionDraft(f"{text} é", parameters={"temperature": text / 10})
            versions.append(await services.prompts.create_version(prompt.id, draft))
        variants = [
            {"name": name, "prompt_version_id": version.id, "traffic_percentage": share}
            for name, version, share in zip("abc", versions[4:], (50, 25, 25), strict=True)
        ]
        experiment = await services.experiments.create_experiment(
            prompt.id,
            f"e{number}",
            "",
            "won",
            variants,
            "ann",
            metrics=(*metrics, *extra),
            analysis=plan,
            caller=caller,
        )
        made.append(await services.experiments.start_experiment(experiment.id, caller=caller))
        await services.recorder.record_exposures(
            [ExposureEvent(experiment.id, f"u{unit}") for unit in range(number + 1)]
        )
    return made


@pytest.mark.parametrize("size", [2, 6])
async def test_a_dashboard_takes_few_statements_however_much_it_shows(asker, other, size) -> None:
    await fill(other, 0, size)
    first = await asker.plan(DASHBOARD, {"first": 100})
    assert len(asker.statements) == READ, asker.statements
    for ask in (asker.plan, asker.core):
        assert await ask(DASHBOARD, {"first": 100}) == first
        assert len(asker.statements) == KEPT, asker.statements


async def test_what_changes_shows_at_once(asker, other) -> None:
    one, two = await fill(other, 0, 2)
    before = await asker.both(DASHBOARD, first=2)
    added = await other.prompts.create_version(one.prompt_id, VersionDraft("new"))
    await other.experiments.stop_experiment(one.id)
    await other.prompts.set_current_version(one.prompt_id, added.id)
    await other.recorder.record_exposures([ExposureEvent(two.id, "late")])
    nodes = {
        edge["node"]["name"]: edge["node"] for edge in (await asker.both(DASHBOARD, first=2))["experiments"]["edges"]
    }
    assert (nodes["e0"]["status"], nodes["e1"]["status"]) == ("PAUSED", "RUNNING")
    assert nodes["e0"]["prompt"]["currentVersion"]["content"] == "new"
    assert nodes["e0"]["prompt"]["versions"]["totalCount"] == 8
    assert [edge["node"]["number"] for edge in nodes["e0"]["prompt"]["versions"]["edges"]] == [8, 7, 6, 5, 4]
    assert sum(variant["exposureCount"] for variant in nodes["e1"]["variants"]) == 3
    (unchanged,) = (edge for edge in before["experiments"]["edges"] if edge["node"]["name"] == "e1")
    for variant in unchanged["node"]["variants"] + nodes["e1"]["variants"]:
        del variant["exposureCount"]
    assert nodes["e1"] == unchanged["node"]


async def test_everything_is_what_was_stored(asker, other) -> None:
    made = await fill(other, 0, 4)
    answer = (await asker.both(DASHBOARD, first=3))["experiments"]
    assert answer["totalCount"] == 4
    cursors = [edge["cursor"] for edge in answer["edges"]]
    assert [decode_cursor(cursor, "after") for cursor in cursors] == [each.id for each in made[:0:-1]]
    assert answer["pageInfo"] == {
        "hasNextPage": True, "hasPreviousPage": False, "startCursor": cursors[0], "endCursor": cursors[-1],
    }  # fmt: skip
    for edge, experiment in zip(answer["edges"], made[:0:-1], strict=True):
        node = edge["node"]
        assert (node["id"], node["name"], node["status"]) == (experiment.id, experiment.name, "RUNNING")
        assert [each["key"] for each in node["metrics"]] == ["won", "quality", "cost"]
        assert node["successMetric"] == node["metrics"][0]
        assert node["analysisPlan"]["guardrails"] == [{"metric": "cost", "margin": 0.1, "relative": True}]
        assert node["allocation"]["seed"] == experiment.allocation.seed
        assert [(each["name"], each["promptVersion"]["number"]) for each in node["variants"]] == [
            ("a", 5), ("b", 6), ("c", 7),
        ]  # fmt: skip
        assert sum(each["exposureCount"] for each in node["variants"]) == int(experiment.name[1:]) + 1
        versions = node["prompt"]["versions"]
        assert (versions["totalCount"], versions["pageInfo"]["hasNextPage"]) == (7, True)
        assert [each["node"]["content"] for each in versions["edges"]] == [f"{text} é" for text in range(6, 1, -1)]
        assert versions["edges"][0]["node"] == node["variants"][2]["promptVersion"]


async def test_a_confined_caller_does_not_learn_what_runs_for_another_tenant(asker, other) -> None:
    await fill(other, 0, 1, tenant_id="acme")
    await fill(other, 1, 2)
    for tenant, expected in (("acme", ["e1", "e0"]), ("umbrella", ["e1", None]), (None, ["e1", "e0"])):
        answer = await asker.both(RUNNING, Caller(tenant_id=tenant))
        running = [edge["node"]["runningExperiment"] for edge in answer["prompts"]["edges"]]
        assert [each and each["name"] for each in running] == expected


async def test_a_metric_that_one_experiment_lacks_fails_that_one_only(asker, other) -> None:
    await fill(other, 0, 1, extra=(Metric("speed", MetricKind.CONTINUOUS),))
    await fill(other, 1, 2)
    document = parse('{ experiments { edges { node { name analysisHistory(metric: "speed") { number } } } } }')
    plan = compile_plan(schema._schema, document, document.definitions[0], Renderings())
    with pytest.raises(StepAside):
        await plan.run(Context(asker.services, Caller()), None)
    result = await execute(schema._schema, document, context_value=Context(asker.services, Caller()))
    (error,) = result.errors
    assert error.path == ["experiments", "edges", 0, "node", "analysisHistory"]
    assert "does not measure 'speed'" in error.message
