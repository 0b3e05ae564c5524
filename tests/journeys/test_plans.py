"""Two servers on copies of one database, one with operation plans and one without, answer every operation alike."""

import json
import re
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, OperationType, parse, print_ast
from websockets.sync.client import connect

CONTRACT = Path(__file__).parents[3] / "shared" / "contract" / "operations.graphql"
OURS = Path(__file__).parent / "operations.graphql"
MEDIA = ("application/json", "application/graphql-response+json")
TURNS = (MEDIA[0], MEDIA[1], MEDIA[0], MEDIA[0])
"""What the same request accepts each time: graphql-core has the first, a plan the next, then it is remembered."""

UNITS = [f"u{n}" for n in range(150)]
SLOTS = [{"slot": "system", "promptKey": "tested"}, {"slot": "agent", "promptKey": "plain"}]
NUMBERS = [
    {"name": "a", "units": 1000, "conversions": 100, "isControl": True},
    {"name": "b", "units": 1000, "conversions": 150},
]

CURSOR = re.compile(r'"(\w*[cC]ursor)":"([^"]+)"')
ID = re.compile(r"\b(?:prm|ver|exp|var)_[0-9a-f]{32}\b")
TIME = re.compile(r'"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)"')
PACE = re.compile(r'"(unitsPerDay|units_per_day|daysLeft|days_left)":[^,}]+')
FAULT = re.compile(r'"errorId":"[^"]+"')

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("plans")]


@dataclass(frozen=True)
class Operation:
    """An operation of a file: its document alone, with the fragments it needs."""

    name: str
    kind: OperationType
    document: str


def operations(path: Path) -> dict[str, Operation]:
    """The operations of a file by name."""
    definitions = parse(path.read_text(encoding="utf-8")).definitions
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
    found = {}
    for each in definitions:
        if isinstance(each, OperationDefinitionNode):
            text, spread = print_ast(each), set()
            while missing := {name for name in fragments if f"...{name}" in text.replace(" ", "")} - spread:
                spread |= missing
                text += "".join(f"\n{print_ast(fragments[name])}" for name in sorted(missing))
            found[each.name.value] = Operation(each.name.value, each.operation, text)
    return found


OPERATIONS = operations(OURS)
FILES = [OPERATIONS, operations(CONTRACT)] if CONTRACT.exists() else [OPERATIONS]


@dataclass
class Alike:
    """The two servers; what they made themselves is told apart by the order in which it was first seen."""

    planned: Any
    plain: Any
    known: frozenset[str]
    made: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))

    def plainly(self, text: str, side: int) -> str:
        """An answer without what differs between two servers that do the same."""
        made = self.made[side]
        text = CURSOR.sub(lambda it: f'"{it[1]}":"{urlsafe_b64decode(it[2] + "==").decode()}"', text)
        text = ID.sub(lambda it: it[0] if it[0] in self.known else made.setdefault(it[0], f"new {len(made)}"), text)
        return FAULT.sub("", PACE.sub(r'"\1":0', TIME.sub('"now"', text)))

    def same(self, *answers: httpx.Response) -> httpx.Response:
        """Hold that both answered the same, and return the answer of the one with plans."""
        seen = [
            (each.status_code, each.headers["content-type"], self.plainly(each.text, side))
            for side, each in enumerate(answers)
        ]
        assert seen[0] == seen[1]
        return answers[0]

    def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send the same body to both."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | headers
        both = (self.planned, self.plain)
        return self.same(*(each.http.post("/graphql", content=content, headers=headers) for each in both))

    def get(self, operation: Operation, variables: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Ask both by GET."""
        parameters = {"query": operation.document, "variables": json.dumps(variables)}
        both = (self.planned, self.plain)
        return self.same(*(each.http.get("/graphql", params=parameters, headers=headers) for each in both))

    def over_socket(self, operation: Operation, variables: Mapping[str, Any]) -> list[str]:
        """Ask both over WebSocket, some times on one connection; return the plainly written messages."""
        payload = {"query": operation.document, "variables": variables}
        told = [
            [self.plainly(each, side) for each in _messages(server, payload)]
            for side, server in enumerate((self.planned, self.plain))
        ]
        assert told[0] == told[1]
        return told[0]


def _messages(server: Any, payload: Mapping[str, Any]) -> Iterator[str]:
    with connect(server.url.replace("http", "ws") + "/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(10))["type"] == "connection_ack"
        for number in range(2):
            socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": payload}))
            while True:
                message = socket.recv(10)
                yield message
                if json.loads(message)["type"] in ("complete", "error"):
                    break


@dataclass(frozen=True)
class Made:
    """What was made before the servers parted."""

    tested: dict
    plain: dict
    running: dict
    paused: dict
    drafts: list[dict]


def fill(server: Any) -> Made:
    """Make prompts and experiments in every status, with events and a look."""
    tested, plain = server.prompt(3, key="tested"), server.prompt(2, key="plain")
    cost = {"key": "cost", "kind": "CONTINUOUS", "direction": "LOWER_IS_BETTER"}
    plan = {"guardrails": [{"metric": "cost", "margin": 0.5}]}
    running = server.experiment(tested, metrics=[cost], analysis=plan)
    exposures = [
        {"experimentId": running["id"], "unitId": unit, "attributes": {"plan": ("free", "pro")[number % 2]}}
        for number, unit in enumerate(UNITS)
    ]
    server.do("RecordExposures", events=exposures)
    values = [(unit, "won", number % 3 == 0) for number, unit in enumerate(UNITS)]
    values += [(unit, "cost", number / 7) for number, unit in enumerate(UNITS)]
    server.do("RecordOutcomes", events=[{"unitId": u, "metric": m, "value": float(v)} for u, m, v in values])
    server.data("Results", {"id": running["id"]})
    paused = server.experiment(plain)
    server.do("StopExperiment", experimentId=paused["id"])
    drafts = [server.experiment(server.prompt(2, key=f"draft-{n}"), start=False) for n in range(4)]
    return Made(tested, plain, running, paused, drafts)


@pytest.fixture(scope="module")
def world(launch, new_database, tmp_path_factory) -> tuple[Made, Alike]:
    source, folder = new_database("sqlite"), tmp_path_factory.mktemp("copies")
    server = launch(source)
    made = fill(server)
    server.data("Experiments", {"first": 100})
    urls = []
    for name in ("planned", "plain"):
        with (
            closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as one,
            closing(sqlite3.connect(folder / f"{name}.db")) as other,
        ):
            one.backup(other)
        urls.append(f"sqlite:///{folder / name}.db")
    known = frozenset(ID.findall(json.dumps(made, default=vars)))
    return made, Alike(launch(urls[0], "--operation-plans"), launch(urls[1], "--no-operation-plans"), known)


def variables_of(made: Made) -> dict[str, list[dict[str, Any]]]:
    """What to ask of each query: with and without what is optional, and of what does not exist."""
    ids = [each["id"] for each in (made.running, made.paused, made.drafts[0])]
    selections = [
        {"prompts": SLOTS, "tenantId": "t1"},
        {"prompts": SLOTS, "tenantId": "t1", "unitId": None},
        {"prompts": SLOTS[::-1], "tenantId": "t1", "unitId": "u7"},
        {"prompts": [{"slot": "s", "promptId": made.plain["id"]}], "tenantId": "t2", "unitId": 5},
        {"prompts": [{"slot": "s", "promptId": "prm_0", "promptKey": "tested"}], "tenantId": "t2"},
        {"prompts": [], "tenantId": "t"},
    ]
    results = [{"id": each} for each in (*ids, "exp_0")]
    results += [{"id": ids[0], "metric": metric} for metric in ("cost", None, "nothing")]
    analyzed = {"input": {"kind": "BINARY", "variants": NUMBERS}}
    planned = {"input": {"kind": "BINARY", "baseline": 0.1, "minimumDetectableEffect": 0.02, "dailyUnits": 500}}
    return {
        "Prompt": [{"id": made.tested["id"]}, {"key": "plain"}, {"key": "tested", "tenantId": "acme"}, {"id": "0"}, {}],
        "Prompts": [{}, {"first": 2}, {"last": 3, "before": None}, {"first": 101}, {"first": 2, "after": "x"}],
        "Experiments": [
            {},
            {"first": 3, "filter": {"status": {"in": ["RUNNING", "DRAFT"]}}},
            {"filter": {"promptId": made.plain["id"], "status": {"eq": "PAUSED"}}, "after": None},
            {"filter": None},
        ],
        "Experiment": [{"id": each} for each in (*ids, "exp_0")],
        "Metrics": [{}, {"tenantId": "acme"}],
        "Select": [*selections, {**selections[0], "track": True}, {**selections[0], "track": None}],
        "SelectAll": selections,
        "SelectVariant": selections,
        "SelectVariants": selections,
        "Results": [*results, *({"id": ids[0], "test": test} for test in ("bayesian", "welch_t", "no_such_test"))],
        "Findings": results,
        "Path": results,
        "Slices": [{"id": ids[0], "dimension": each, "metric": "cost"} for each in ("plan", "nothing", "a b")],
        "Analyze": [analyzed, {"input": {**analyzed["input"], "test": "bayesian", "direction": "LOWER_IS_BETTER"}}],
        "SampleSize": [planned, {"input": {**planned["input"], "variants": 1}}],
        "PlanSampleSize": [planned],
        "Plugins": [{}],
        "Watch": [{"id": "exp_0"}],
        "ExperimentChanged": [{"experimentId": "exp_0"}],
    }


def changes_of(made: Made) -> list[tuple[str, dict[str, Any]]]:
    """What to do, in this order: what is done again is refused, which has to look the same too."""
    tested, plain, running = made.tested, made.plain, made.running["id"]
    variants = [
        {"name": name, "promptVersionId": version, "trafficPercentage": 50}
        for name, version in zip("ab", plain["versions"], strict=True)
    ]
    drafts = [each["id"] for each in made.drafts]
    return [
        ("CreatePrompt", {"key": "new", "name": "New", "content": "text", "parameters": {"b": [1, None]}}),
        ("CreatePromptVersion", {"promptId": plain["id"], "content": "version 3"}),
        ("SetCurrentVersion", {"promptId": plain["id"], "promptVersionId": plain["versions"][1]}),
        ("DeclareMetric", {"key": "tokens", "kind": "COUNT"}),
        ("CreateExperiment", {"promptId": plain["id"], "name": "n", "successMetric": "won", "variants": variants}),
        ("PlanAnalysis", {"experimentId": drafts[0], "analysis": {"confidenceLevel": 0.9}}),
        ("StartExperiment", {"experimentId": drafts[0], "expectedRevision": 2}),
        ("StopExperiment", {"experimentId": drafts[0]}),
        ("RecordExposures", {"events": [{"experimentId": running, "unitId": unit} for unit in ("n1", "n2", "u3")]}),
        ("RecordExposures", {"events": [{"experimentId": "exp_0", "unitId": "n1", "occurredAt": "2020-01-01"}]}),
        ("RecordExposures", {"events": []}),
        ("RecordOutcomes", {"events": [{"unitId": "n1", "metric": "won", "value": 1, "eventId": "e1"}]}),
        ("RecordOutcomes", {"events": [{"unitId": "n1", "metric": "won", "value": 0.5}, {"unitId": 5, "metric": 6}]}),
        ("CancelExperiment", {"experimentId": drafts[1]}),
        ("CompleteExperiment", {"experimentId": made.paused["id"], "results": {"k": [1.5, "x"]}}),
        ("PromoteVariant", {"experimentId": running, "variantId": made.running["variants"][1]["id"]}),
        ("PromoteVariant", {"experimentId": running, "variantId": "var_0", "expectedRevision": 1}),
        ("SetCurrentVersion", {"promptId": tested["id"], "promptVersionId": tested["versions"][0]}),
    ]


def fitting(operation: Operation, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables by the names that the operation gives them."""
    renamed = {
        "experimentId" if name == "id" and "$experimentId" in operation.document else name: value
        for name, value in variables.items()
    }
    return {name: value for name, value in renamed.items() if f"${name}:" in operation.document}


def test_every_query_is_answered_alike_however_it_is_sent(world) -> None:
    made, alike = world
    asked = variables_of(made)
    for found in FILES:
        for operation in found.values():
            if operation.kind is OperationType.MUTATION:
                continue
            for given in asked[operation.name]:
                variables = fitting(operation, given)
                body = {"query": operation.document, "variables": variables}
                for media in TURNS:
                    alike.post(body, accept=media)
                for media in MEDIA:
                    alike.get(operation, variables, accept=media)
                assert alike.over_socket(operation, variables)


def test_variables_that_do_not_fit_are_refused_alike(world) -> None:
    _, alike = world
    for found in FILES:
        for operation in found.values():
            for variables in ({}, None, [], {"id": 1.5, "input": 5, "prompts": {}}, {"unknown": 1}, {"first": "x"}):
                body = {"query": operation.document, "variables": variables, "operationName": operation.name}
                for media in MEDIA:
                    alike.post(body, accept=media)
            alike.post({"query": operation.document, "operationName": "Another"})
            alike.post({"query": operation.document[:-2]})
            alike.post(json.dumps({"query": operation.document}).encode()[:-1])


def test_callers_are_told_apart_alike(world) -> None:
    made, alike = world
    for name in ("Select", "SelectAll", "Prompts", "Experiments", "Experiment"):
        for variables in variables_of(made)[name]:
            body = {"query": OPERATIONS[name].document, "variables": variables}
            for tenant in ("acme", "t1", "x" * 300):
                for _ in TURNS:
                    alike.post(body, **{"omniforge-tenant": tenant})


def test_every_change_is_answered_alike(world) -> None:
    made, alike = world
    done = set()
    for number, (name, fields) in enumerate(changes_of(made)):
        for found in FILES:
            if operation := found.get(name):
                body = {"query": operation.document, "variables": {"input": fields}}
                for media in MEDIA:
                    alike.post(body, accept=media)
                alike.get(operation, body["variables"])
                done.add(name)
        alike.over_socket(OPERATIONS[name], {"input": fields})
        if number % 3 == 0:  # what has changed is seen alike too
            for query in ("Prompts", "Experiments", "SelectAll"):
                body = {"query": OPERATIONS[query].document, "variables": variables_of(made)[query][0]}
                alike.post(body)
    assert done == {name for found in FILES for name, each in found.items() if each.kind is OperationType.MUTATION}


def test_one_of_them_answered_by_plans_and_the_other_never(world) -> None:
    made, alike = world
    before = _answered_by_plan(alike.planned)
    for _ in range(5):
        alike.post({"query": OPERATIONS["Prompts"].document, "variables": variables_of(made)["Prompts"][0]})
    assert _answered_by_plan(alike.planned) >= before + 3
    assert _answered_by_plan(alike.plain) == 0


def _answered_by_plan(server: Any) -> float:
    text = server.http.get("/metrics").text
    lines = [
        each for each in text.splitlines() if each.startswith("omniforge_requests_total{") and 'kind="plan"' in each
    ]
    return sum(float(each.rpartition(" ")[2]) for each in lines)


@pytest.mark.parametrize("plans", [True, False])
def test_plans_are_turned_off_by_the_environment_too(launch, new_database, plans) -> None:
    server = launch(new_database("sqlite"), OMNIFORGE_OPERATION_PLANS=str(plans))
    for _ in TURNS:
        assert server.data("Metrics") == []
    assert (_answered_by_plan(server) > 0) is plans
