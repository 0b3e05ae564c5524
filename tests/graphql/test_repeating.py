"""`selectVariant` asked again byte for byte: the answer is given again for as long as it is right, and no longer."""

import json

import pytest

from omniforge_graph.domain.prompt import PromptDraft, VersionDraft
from omniforge_graph.graphql.context import Context, vary
from omniforge_graph.graphql.repeating import repeatable
from omniforge_graph.graphql.schema import schema
from omniforge_graph.graphql.transport import GraphQLApp
from omniforge_graph.persistence import open_database
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.assembly import assemble

QUERY = """query ($prompts: [PromptSlotInput!]!, $tenantId: ID!) {
  selectVariant(prompts: $prompts, tenantId: $tenantId) { variantName promptVersion { content } }
}"""
TIMES = 6


class Shop:
    """The API over one database, asked by raw ASGI."""

    def __init__(self, services):
        self.services = services
        self.contexts = 0
        self.app = GraphQLApp(schema, self.make_context, repeatable=repeatable, vary=vary, graphiql=False)

    def make_context(self, headers, background):
        self.contexts += 1
        return Context.of(self.services, headers, background)

    async def ask(self, query=QUERY, tenant="acme", headers=(), prompts=({"slot": "system", "promptKey": "greeting"},)):
        variables = {"prompts": list(prompts), "tenantId": tenant}
        body = json.dumps({"query": query, "variables": variables}).encode()
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b""}
        scope["headers"] = [*({b"content-type": b"application/json"} | dict(headers)).items()]
        await self.app(scope, receive, send)
        assert dict(sent[0]["headers"])[b"content-length"] == b"%d" % len(sent[1]["body"])
        return json.loads(sent[1]["body"])

    async def executed(self, *args, **options):
        """Ask, and return the answer with whether it was executed or given again."""
        before = self.contexts
        answer = await self.ask(*args, **options)
        return answer, self.contexts > before


@pytest.fixture
async def shop(sqlite_url):
    async with open_database(sqlite_url) as repository:
        services = assemble(repository, installed_plugins(), refresh_interval=60)
        await services.feed.pull()
        yield Shop(services)


@pytest.fixture
async def running(shop):
    """An experiment on the prompt that is asked for."""
    prompt = await shop.services.prompts.create_prompt(
        PromptDraft("greeting", "Greeting", VersionDraft("old text"), tenant_id=None)
    )
    second = await shop.services.prompts.create_version(prompt.id, VersionDraft("new text"))
    variants = [
        {"name": "old", "prompt_version_id": prompt.current_version.id, "traffic_percentage": 50},
        {"name": "new", "prompt_version_id": second.id, "traffic_percentage": 50},
    ]
    made = await shop.services.experiments.create_experiment(prompt.id, "e", "", "won", variants, "me")
    return await shop.services.experiments.start_experiment(made.id)


async def settle(shop, **options):
    """Ask until the answer is given again, and return it."""
    for _ in range(TIMES):
        answer, executed = await shop.executed(**options)
        await shop.services.tracker.flush()
    assert not executed
    return answer


async def test_the_answer_is_given_again_and_each_time_counts(shop, running):
    first = await shop.ask()
    counted = shop.services.telemetry.selections
    assert await settle(shop) == first
    assert shop.services.telemetry.selections == counted + TIMES
    assert shop.services.telemetry.exposures_tracked == 1
    assert first["data"]["selectVariant"]["promptVersion"]["content"] in {"old text", "new text"}


async def test_each_unit_has_its_own(shop, running):
    names = {tenant: (await settle(shop, tenant=tenant))["data"]["selectVariant"] for tenant in map(str, range(20))}
    assert {each["variantName"] for each in names.values()} == {"old", "new"}
    for tenant, expected in names.items():
        assert (await shop.ask(tenant=tenant))["data"]["selectVariant"] == expected
    assert shop.services.telemetry.exposures_tracked == 20


async def test_a_change_is_seen_at_once(shop, running):
    await settle(shop)
    await shop.services.experiments.stop_experiment(running.id)
    assert await shop.executed() == ({"data": {"selectVariant": None}}, True)
    await shop.services.experiments.start_experiment(running.id)
    answer, executed = await shop.executed()
    assert executed
    assert answer["data"]["selectVariant"] is not None
    assert await settle(shop) == answer


async def test_a_snapshot_that_is_no_longer_fresh_is_asked_anew(shop, running, monkeypatch):
    await settle(shop)
    monkeypatch.setattr(shop.services.feed, "_began", float("-inf"))
    answer, executed = await shop.executed()
    assert executed
    assert answer["data"]["selectVariant"] is not None


async def test_an_exposure_that_is_not_yet_safe_is_seen_to_each_time(shop, running):
    answers = [await shop.executed() for _ in range(TIMES)]
    assert all(executed for _, executed in answers)
    assert shop.services.telemetry.exposures_tracked == 1
    await shop.services.tracker.flush()
    answer, executed = await shop.executed()
    assert executed
    assert await shop.executed() == (answer, True)  # only now it is worth remembering
    assert await shop.executed() == (answer, False)


async def test_an_exposure_that_was_dropped_is_tracked_by_the_next_request(shop, running):
    for _ in range(TIMES):
        await shop.ask()
    shop.services.tracker._waiting.clear()
    assert (await shop.executed())[1]
    assert shop.services.telemetry.exposures_tracked == 2


@pytest.mark.parametrize(
    ("name", "value", "again"),
    [
        (b"content-type", b"application/json; charset=utf-8", True),
        (b"content-type", b"application/json;charset=UTF-8", True),
        (b"content-type", b"Application/JSON", False),  # right, but looked at each time
        (b"accept", b"*/*", True),
        (b"accept", b"application/graphql-response+json, application/json;q=0.9", True),
        (b"accept", b"", True),
        (b"user-agent", b"something", True),
        (b"content-length", b"123456", False),
    ],
)
async def test_common_headers_are_no_reason_to_execute(shop, running, name, value, again):
    first = await settle(shop)
    answer, executed = await shop.executed(headers=[(name, value)])
    assert executed is not again
    assert answer == first


async def test_units_share_their_answers(shop, running):
    tenants = [f"tenant-{number}" for number in range(20)]
    for tenant in tenants:
        await settle(shop, tenant=tenant)
    recall = shop.app.door._answerer._recall
    assert len(recall) == len(tenants)
    assert len({id(answer) for answer in recall._answered.values()}) == 2


async def test_each_tenants_callers_have_their_own(shop, running):
    answer = await settle(shop)
    own = [(b"omniforge-tenant", b"acme")]
    assert await shop.executed(headers=own) == (answer, True)
    assert await settle(shop, headers=own) == answer
    for _ in range(TIMES):
        foreign, executed = await shop.executed(headers=[(b"omniforge-tenant", b"rival")])
        assert executed
        assert foreign["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await shop.executed() == (answer, False)
    assert await shop.executed(headers=own) == (answer, False)


async def test_who_asks_and_in_which_request_makes_no_difference(shop, running):
    answer = await settle(shop)
    for number in range(TIMES):
        headers = [(b"x-request-id", b"id-%d" % number), (b"omniforge-actor", b"Ann %d" % number)]
        assert await shop.executed(headers=headers) == (answer, False)
    assert await shop.executed(headers=[(b"x-request-id", b""), (b"omniforge-tenant", b"")]) == (answer, False)
    assert await shop.executed(headers=[(b"omniforge-actor", "Zoë".encode())]) == (answer, True)


@pytest.mark.parametrize("name", [b"omniforge-actor", b"omniforge-tenant", b"x-request-id"])
@pytest.mark.parametrize("value", [b"\x00", b" ", b"x" * 300, b"a\nb\x7f\x00", b"\xed\xa0\x80"])
async def test_a_bad_header_is_refused_each_time(shop, running, name, value):
    await settle(shop)
    before = await shop.ask(headers=[(name, value)])
    for _ in range(TIMES):
        assert await shop.executed(headers=[(name, value)]) == (before, True)
    if b"\x00" in value or value == b" ":
        assert before["errors"][0]["extensions"]["code"] == "INVALID_TEXT"


@pytest.mark.parametrize(
    "query",
    [
        QUERY.replace("variantName", "variantName promptVersion { prompt { runningExperiment { status } } }"),
        QUERY.replace("selectVariant(", "experiments { edges { node { id } } } selectVariant("),
        QUERY.replace("selectVariant(", "plugins { name } selectVariant("),
        QUERY.replace("tenantId)", "tenantId, attributes: 1)"),
        QUERY.replace("selectVariant(", "selectVariants("),
    ],
)
async def test_what_is_more_than_one_selection_is_executed_each_time(shop, running, query):
    assert all([(await shop.executed(query))[1] for _ in range(TIMES)])


async def test_a_prompt_of_the_tenants_own_takes_over_at_once(shop, running):
    await settle(shop)
    await shop.services.prompts.create_prompt(
        PromptDraft("greeting", "Own", VersionDraft("own text"), tenant_id="acme")
    )
    assert await shop.executed() == ({"data": {"selectVariant": None}}, True)
