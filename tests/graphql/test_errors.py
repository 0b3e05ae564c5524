"""Expected errors are typed data; unexpected ones are masked and logged."""

import logging

import pytest

from omniforge_graph import errors
from omniforge_graph.errors import OmniForgeError, UnavailableError
from omniforge_graph.graphql.context import read_caller
from omniforge_graph.graphql.errors import to_user_error
from omniforge_graph.graphql.inputs.experiment import ExperimentFilter, ExperimentStatusFilter

SAMPLES = [
    (errors.ValidationError("m", path=("a", 0, "b")), "InvalidInputError"),
    (errors.TextError("m"), "InvalidInputError"),
    (errors.MetricNotFoundError("m"), "NotFoundError"),
    (errors.UnknownPluginError("m"), "NotFoundError"),
    (errors.ForbiddenError("m"), "ForbiddenError"),
    (errors.DuplicateError("m"), "ConflictError"),
    (errors.AlreadyRunningError("m", experiment_id="exp_1"), "ConflictError"),
    (errors.InvalidTransitionError("m", current="DRAFT", allowed=["RUNNING"]), "InvalidTransitionError"),
    (errors.StaleRevisionError("m", expected=1, actual=2), "StaleRevisionError"),
    (errors.RefusedByPluginError("m", reasons=["r"]), "RefusedByPluginError"),
]


@pytest.mark.parametrize(("problem", "name"), SAMPLES, ids=lambda each: getattr(each, "code", each))
def test_what_a_caller_can_mend_is_data(problem: OmniForgeError, name: str) -> None:
    error = to_user_error(problem)
    assert (type(error).__name__, error.code, error.message) == (name, problem.code, "m")
    assert error.path == ["input", *map(str, problem.path)]


@pytest.mark.parametrize(
    "problem", [UnavailableError("m"), errors.PluginError("m", plugin="p"), errors.ConfigurationError("m")]
)
def test_what_a_caller_cannot_mend_is_a_top_level_error(problem: OmniForgeError) -> None:
    assert to_user_error(problem) is None


async def test_an_outage_is_a_top_level_error_with_its_code(api, monkeypatch) -> None:
    async def away(*_args):
        raise UnavailableError("The database is away; try again.")

    monkeypatch.setattr(api.services.repository, "add_prompt", away)
    body = await api.run('mutation { createPrompt(input: {key: "k", name: "n", content: "c"}) { prompt { id } } }')
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("UNAVAILABLE", ["createPrompt"])


async def test_anything_else_is_masked_and_logged_with_an_id(api, monkeypatch, caplog) -> None:
    async def broken(*_args):
        raise RuntimeError("secret: hunter2")

    monkeypatch.setattr(api.services.repository, "list_prompts", broken)
    with caplog.at_level(logging.ERROR):
        body = await api.run("{ prompts { edges { cursor } } }")
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert "hunter2" not in str(body)
    assert error["extensions"]["errorId"] in caplog.text
    assert "hunter2" in caplog.text


async def test_what_a_plugin_says_when_it_fails_is_for_the_log(api, monkeypatch, caplog) -> None:
    async def failing(*_args, **_more):
        raise errors.PluginError("acme failed: RuntimeError: password=hunter2", plugin="acme")

    monkeypatch.setattr(api.services.repository, "list_prompts", failing)
    with caplog.at_level(logging.ERROR):
        body = await api.run("{ prompts { edges { cursor } } }")
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["plugin"]) == ("PLUGIN_FAILED", "acme")
    assert "hunter2" not in str(body)
    assert error["extensions"]["errorId"] in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("tenant", ["münchen", "東京", "plain"])
def test_headers_are_read_as_utf8(tenant) -> None:
    on_the_wire = tenant.encode().decode("latin-1")
    assert read_caller({"omniforge-tenant": on_the_wire, "x-request-id": "r1"}).tenant_id == tenant
    assert read_caller({"omniforge-actor": "\xe9"}).actor == "é"


def test_a_filter_combines_its_conditions() -> None:
    both = ExperimentFilter(status=ExperimentStatusFilter(eq="RUNNING", in_=["DRAFT"]), prompt_id="p")
    assert (both.to_domain("t").statuses, both.to_domain("t").prompt_id, both.to_domain("t").tenant_id) == (
        (),
        "p",
        "t",
    )
    assert ExperimentFilter().to_domain(None).statuses is None
