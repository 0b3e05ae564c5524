"""GraphQL over HTTP: statuses, media types, bodies and origins, by the bytes on the wire."""

import gzip
import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph.graphql.transport import Limits

GRAPHQL_JSON = "application/graphql-response+json"
JSON = {"content-type": "application/json"}
MODERN = {"accept": GRAPHQL_JSON}
CHROME = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}


def body(**members):
    return json.dumps(members).encode()


async def send(client, content, headers=None, method="POST", **options):
    return await client.request(method, content, headers={**JSON, **(headers or {})}, **options)


async def test_a_query_is_answered(client):
    answer = await client.post("query ($n: String!) { hello(name: $n) }", variables={"n": "Ada"})
    assert answer.status == 200
    assert answer.json == {"data": {"hello": "Hello, Ada"}}
    assert answer.headers["content-length"] == str(len(answer.body))
    assert set(answer.headers) == {"content-type", "content-length"}


async def test_what_a_browser_or_a_cache_might_keep_says_not_to(client):
    for answer in (await client.get("{ hello }"), await client.post("{ nothing }", MODERN)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html;q=0.1, application/json", "application/json"),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON}", GRAPHQL_JSON),
        (f"application/json;q=0.9, {GRAPHQL_JSON};q=0.8", "application/json"),
        (f"{GRAPHQL_JSON};q=0, */*", "application/json"),
        ("APPLICATION/JSON ; Q=1", "application/json"),
    ],
)
async def test_the_media_type_is_negotiated(client, accept, media):
    answer = await client.post("{ hello }", {"accept": accept} if accept is not None else {})
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{media}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["text/plain", "image/png", "application/json;q=0", "application/xml;q=x", "a" * 5_000]
)
async def test_a_media_type_that_is_not_offered_is_406(client, accept):
    answer = await client.post("{ hello }", {"accept": accept})
    assert (answer.status, answer.code) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($id: ID!) { hello }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($id: String!) { hello(name: $id) }", "BAD_USER_INPUT"),
        ("query A { hello } query B { hello }", "OPERATION_NOT_CHOSEN"),
        ("{ " + "x" * 40_000 + " }", "DOCUMENT_TOO_LARGE"),
    ],
)
async def test_a_document_that_cannot_run_is_400_without_data_and_200_for_plain_json(client, query, code):
    modern, plain = await client.post(query, MODERN), await client.post(query)
    assert (modern.status, plain.status) == (400, 200)
    assert modern.json == plain.json
    assert "data" not in modern.json
    assert modern.code == code


@pytest.mark.parametrize("accept", [{}, MODERN])
@pytest.mark.parametrize("query", ["{ hello crowded }", "mutation { crowd }"])
async def test_an_overload_is_429_and_says_when_to_come_back(client, query, accept):
    for _ in range(3):
        answer = await client.post(query, accept)
        assert (answer.status, answer.code) == (429, "RATE_LIMITED")
        assert answer.headers["retry-after"] == "7"
        assert answer.error["extensions"]["retryAfter"] == 7


async def test_an_error_of_a_resolver_leaves_200_and_data(client):
    answer = await client.post("{ hello transition }", MODERN)
    assert answer.status == 200
    assert answer.json["data"] == {"hello": "Hello, world", "transition": None}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The body is empty; send a JSON object with the member `query`."),
        (b" \r\n", "The body is empty; send a JSON object with the member `query`."),
        (b"{", "truncated"),
        (b'{"query": "{hello}"} x', "trailing"),
        (b"\xff\xfe", "malformed"),
        (b'{"query": "\xff"}', "utf-8"),
        (b'{"query": "\\ud800"}', ""),
        (b"\xef\xbb\xbf{}", "malformed"),
        (b"null", "object"),
        (b"1", "object"),
        (b'"{ hello }"', "object"),
        (b"{}", "query"),
        (b'{"query": null}', "$.query"),
        (b'{"query": {}}', "$.query"),
        (
            b'{"query": "{ hello }", "variables": []}',
            "The request's variables must be a JSON object or null; give each by its name.",
        ),
        (
            b'{"query": "{ hello }", "variables": "{}"}',
            "variables must be a JSON object or null; give each by its name.",
        ),
        (b'{"query": "{ hello }", "operationName": 1}', "$.operationName"),
        (b'{"query": "{ hello }", "extensions": 1}', "$.extensions"),
        (b'{"query": "{ hello }", "variables": {"a": NaN}}', "invalid character"),
        (b'{"query": "{ hello }", "variables": {"a": Infinity}}', "invalid character"),
        (b'{"query": "{ hello }", "variables": {"a": -Infinity}}', ""),
        (b'{"query": "{ hello }", "variables": {"a": 1e999}}', "range"),
        (b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 5_000 + b"}}", "range"),
        (b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 100_000 + b"}}", "recursion"),
        (b'{"query": "{ hello }", "variables": {"a": ' + b'{"a":' * 100_000, "recursion"),
    ],
)
@pytest.mark.parametrize("accept", [{}, MODERN])
async def test_a_body_that_is_no_request_is_400_and_says_why(client, content, says, accept):
    answer = await send(client, content, accept)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert says in answer.error["message"]
    assert len(answer.body) < 1_500


async def test_null_members_and_unknown_members_are_allowed(client):
    content = body(query="{ hello }", variables=None, operationName=None, extensions=None, documentId="x")
    assert (await send(client, content)).json == {"data": {"hello": "Hello, world"}}


@pytest.mark.parametrize("content", [b"[]", b' \n[{"query": "{ hello }"}]'])
async def test_batches_are_refused_by_name(client, content):
    answer = await send(client, content)
    assert (answer.status, answer.code) == (400, "BATCHING_NOT_SUPPORTED")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
async def test_no_body_whatever_is_a_500(client, content):
    answer = await send(client, content)
    assert 400 <= answer.status < 500
    assert answer.json["errors"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    variables=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=20,
    )
)
async def test_no_variables_whatever_are_a_500(client, variables):
    query = "query ($text: String!, $page: Int) { hello(name: $text) items(first: $page) { edges { cursor } } }"
    answer = await send(
        client, json.dumps({"query": query, "variables": {"text": variables, "page": variables}}).encode()
    )
    assert answer.status in {200, 400}
    assert "INTERNAL_ERROR" not in answer.body.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_anything_but_plain_utf8_json_is_415(client, headers):
    answer = await client.request("POST", body(query="{ hello }"), headers=headers)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "media", ["application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"']
)
async def test_json_in_utf8_is_read(client, media):
    content = '{"query": "{ hello(name: \\"🏃\\") }"}'.encode()
    assert (await client.request("POST", content, headers={"content-type": media})).json["data"]["hello"] == "Hello, 🏃"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
async def test_other_methods_are_405_with_allow(client, method):
    answer = await client.request(method, body(query="{ hello }"), headers=JSON)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, POST"


async def test_a_body_over_the_limit_is_413_with_and_without_content_length(make_client):
    client = make_client(max_body_bytes=1_000)
    large = body(query="{ hello }", extensions={"x": "y" * 1_000})
    announced = await send(client, large, {"content-length": str(len(large))})
    chunked = await send(client, [large[:600], large[600:]])
    lying = await send(client, large, {"content-length": "10"})
    huge = await send(client, b"", {"content-length": "9" * 5_000})
    assert {(answer.status, answer.code) for answer in (announced, chunked, lying, huge)} == {(413, "BODY_TOO_LARGE")}
    small = body(query="{ hello }")
    assert (await send(client, [small[:5], b"", small[5:]])).json == {"data": {"hello": "Hello, world"}}


async def test_a_client_that_leaves_before_its_body_is_complete_gets_nothing(client, world):
    assert await send(client, body(query="{ hello }"), disconnect=True) is None
    assert world.contexts == []


async def test_a_body_that_does_not_arrive_is_408(make_client):
    app = make_client(request_timeout=0.01).app
    sent = []

    async def receive():
        import asyncio

        await asyncio.Event().wait()

    async def record(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await app(scope, receive, record)
    assert sent[0]["status"] == 408


# ---------------------------------------------------------------- GET


async def test_get_executes_a_query(client):
    query = quote("query A($n: String!) { hello(name: $n) } query B { hello }")
    answer = await client.get(
        f"query={query}&operationName=A&variables={quote(json.dumps({'n': 'Ada'}))}&other=1&other=2"
    )
    assert answer.json == {"data": {"hello": "Hello, Ada"}}


async def test_get_never_executes_a_mutation(client, world):
    for accept in ({}, MODERN):
        answer = await client.get("query=" + quote('mutation { write(text: "x") }'), accept)
        assert (answer.status, answer.code, answer.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "GET, POST")
    assert world.contexts == []


@pytest.mark.parametrize(
    ("query_string", "says"),
    [
        ("", "missing required field `query`"),
        ("operationName=A", "missing required field `query`"),
        ("query={hello}&query={hello}", "twice"),
        ("query={hello}&variables=[]", "The request's variables must be a JSON object or null; give each by its name."),
        (
            "query={hello}&variables=",
            "The URL's parameter `variables` must be a JSON object: Input data was truncated.",
        ),
        ("query={hello}&variables={", "`variables` must be a JSON object"),
        ("query={hello}&variables=%7B%22a%22:NaN%7D", "`variables` must be a JSON object"),
        ("query={hello}&extensions=1", "`extensions` must be a JSON object"),
        ("query=%ff", "utf-8"),
        (b"query=\xff", "ascii"),
        ("&".join(["a=1"] * 60), "fields"),
        ("query={hello}&variables=" + "[" * 20_000, "`variables` must be a JSON object"),
    ],
)
async def test_get_parameters_that_are_no_request_are_400(client, query_string, says):
    answer = await client.get(query_string)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert says in answer.error["message"]
    assert "body" not in answer.error["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"user-agent": "curl/8"},
        {"sec-fetch-site": "same-origin", **CHROME},
        {"sec-fetch-site": "none", **CHROME},
        {"sec-fetch-site": "cross-site", "apollo-require-preflight": "1", **CHROME},
        {"sec-fetch-site": "cross-site", "origin": "https://dashboard.example", **CHROME},
        {"graphql-require-preflight": "1", **CHROME},
        {"origin": "https://api.example", "host": "api.example"},
    ],
)
async def test_get_is_executed_for_this_origin_and_for_programs(make_client, headers):
    client = make_client(allowed_origins=["https://dashboard.example"])
    assert (await client.get("query={hello}", headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", **CHROME},
        {"sec-fetch-site": "same-site", **CHROME},
        {"sec-fetch-site": "cross-site", "accept": GRAPHQL_JSON},
        CHROME,
        {"origin": "https://evil.example", "host": "api.example"},
        {"origin": "null", "host": "api.example"},
    ],
)
async def test_get_for_a_page_of_another_origin_is_refused(client, world, headers):
    answer = await client.get("query={tenant}", headers)
    assert (answer.status, answer.code) == (403, "CROSS_ORIGIN_REQUEST")
    assert world.contexts == []


# ---------------------------------------------------------------- the rest of the request's way


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_over_http_is_told_about_websocket(client, method):
    if method == "GET":
        answer = await client.get("query=" + quote("subscription { count }"))
    else:
        answer = await client.post("subscription { count }")
    assert (answer.status, answer.code) == (400, "SUBSCRIPTION_OVER_HTTP")
    assert "graphql-transport-ws" in answer.error["message"]


async def test_the_context_is_made_of_the_headers_and_jobs_run_after_the_answer(client, world):
    answer = await client.post("{ tenant }", {"Tenant": "acme"})
    assert answer.json == {"data": {"tenant": "acme"}}
    assert world.done == ["sent"]


async def test_each_request_has_a_context_of_its_own(client, world):
    await client.post("{ hello }")
    await client.post("{ hello }")
    assert len({id(context) for context in world.contexts}) == 2


async def test_a_header_sent_twice_is_joined(make_client):
    from omniforge_graph.graphql.transport.headers import headers_of

    assert headers_of({"headers": [(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")]}) == {"accept": "a, b", "x": "1"}


@pytest.mark.parametrize(
    ("tenant", "status", "code"),
    [
        ("bad", 400, "INVALID_TEXT"),
        ("forbidden", 403, "FORBIDDEN"),
        ("away", 503, "UNAVAILABLE"),
        ("broken", 500, "INTERNAL_ERROR"),
    ],
)
async def test_a_context_that_cannot_be_made_is_a_typed_error(client, secret, tenant, status, code):
    answer = await client.post("{ hello }", {"tenant": tenant, **MODERN})
    assert (answer.status, answer.code) == (status, code)
    assert "data" not in answer.json
    assert secret not in answer.body.decode()


async def test_an_answer_that_cannot_be_encoded_is_masked_and_its_jobs_are_dropped(client, world):
    answer = await client.post("{ cursed }")
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert world.done == []


async def test_limits_reach_the_endpoint(make_client):
    client = make_client(limits=Limits(depth=2))
    assert (await client.post("{ items { edges { cursor } } }", MODERN)).code == "DOCUMENT_TOO_DEEP"


async def test_other_paths_are_404(client):
    for path in ("/", "/graphql/", "/graphql/x", "/graphql/graphiql/", "/graphql/graphiql/../page.py", "/graphqlx"):
        answer = await client.request("GET", path=path)
        assert answer.status == 404


# ---------------------------------------------------------------- GraphiQL

BROWSER = {
    **CHROME,
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "sec-fetch-site": "none",
}


async def test_a_browser_gets_graphiql_and_never_executes_its_url(make_client, world):
    client = make_client(default_query='{ hello(name: "<&>") }', title="A & B")
    answer = await client.get("query=" + quote("{ tenant }"), BROWSER)
    page = answer.body.decode()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'data-default-query="{ hello(name: &quot;&lt;&amp;&gt;&quot;) }"' in page
    assert "<title>A &amp; B</title>" in page
    assert world.contexts == []


async def test_graphiql_is_served_whole_from_this_origin(client):
    import re

    page = (await client.get("", BROWSER)).body.decode()
    references = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(references) == 7
    for reference in references:
        if reference == "data:,":
            continue
        plain = await client.request("GET", path=f"/{reference}")
        packed = await client.request("GET", path=f"/{reference}", headers={"accept-encoding": "gzip, br"})
        assert plain.status == packed.status == 200
        assert "immutable" in plain.headers["cache-control"]
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body


async def test_graphiql_may_load_nothing_from_elsewhere(client):
    policy = (await client.get("", BROWSER)).headers["content-security-policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["connect-src"] == "'self'"
    assert "http" not in policy


async def test_graphiql_can_be_turned_off(make_client):
    client = make_client(graphiql=False)
    assert (await client.get("query={hello}", BROWSER)).status == 406


async def test_a_root_path_in_front_is_taken_off(client):
    answer = None

    async def record(message):
        nonlocal answer
        answer = answer or message

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/graphql",
        "root_path": "/api",
        "query_string": b"query={hello}",
    }
    await client.app({**scope, "headers": []}, None, record)
    assert answer["status"] == 200
