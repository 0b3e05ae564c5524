"""The server as an operator meets it: health, GraphiQL, several workers, the demonstration, the commands."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import httpx
import pytest

pytestmark = pytest.mark.journey

CLI = [sys.executable, "-m", "omniforge_graph"]


def command(*arguments: str, cwd=None, **environ: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OMNIFORGE_")}
    env |= {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"} | environ
    return subprocess.run([*CLI, *arguments], env=env, cwd=cwd, capture_output=True, text=True, check=False)


def test_live_and_ready_are_told_apart(launch, new_database) -> None:
    url = new_database("sqlite")
    server = launch(url)
    assert server.http.get("/health/live").json() == {"status": "live"}
    assert server.http.get("/health/ready").json()["status"] == "ready"
    # Its schema is no longer the one this release needs: it lives, but is not ready, and says what to do.
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw, raw:
        raw.execute("DELETE FROM tortoise_migrations")
    answer = server.http.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert "omniforge-graph migrate" in answer.json()["checks"]["database"]
    assert server.http.get("/health/live").status_code == 200


def test_a_browser_gets_graphiql_from_this_origin_alone(sqlite_server) -> None:
    page = sqlite_server.http.get("/", headers={"accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "experiments(first: 1" in page.text
    assert "https://" not in page.text.replace("http://www.w3.org", "")
    assert page.headers["content-security-policy"]


def test_several_workers_agree(launch, new_database) -> None:
    server = launch(new_database("sqlite"), "--workers", "2", "--refresh-interval", "0.1")
    experiment = server.experiment()
    slots = [{"slot": "s", "promptId": experiment["prompt"]["id"]}]
    time.sleep(1)
    chosen = set()
    for _ in range(40):
        with httpx.Client(base_url=server.url, timeout=30) as fresh:  # a new connection may reach another worker
            body = {
                "query": 'query($p: [PromptSlotInput!]!) { selectVariant(prompts: $p, tenantId: "t") { variantId } }',
                "variables": {"p": slots},
            }
            chosen.add(str(fresh.post("/graphql", json=body).json()))
    assert len(chosen) == 1
    assert "var_" in chosen.pop()


def test_the_demonstration_gives_living_numbers_through_the_public_api(sqlite_server) -> None:
    for _ in range(2):  # the second run finds the first one's experiment
        ran = command("demo", "--url", sqlite_server.url, "--units", "120", "--rate", "0")
        assert ran.returncode == 0, ran.stderr
        assert "support-reply" in ran.stdout
    time.sleep(0.5)
    prompt = sqlite_server.data("Prompt", {"key": "support-reply"})
    analysis = sqlite_server.data("Results", {"id": prompt["runningExperiment"]["id"]})["analysis"]
    assert sum(stats["units"] for stats in analysis["variantStats"]) == 240
    assert analysis["metric"] == {"key": "resolved"}
    cost = sqlite_server.data("Results", {"id": prompt["runningExperiment"]["id"], "metric": "cost"})["analysis"]
    assert cost["test"] == "welch_t"


def test_results_are_a_readable_table(sqlite_server) -> None:
    experiment = sqlite_server.experiment()
    units = [f"u{n}" for n in range(100)]
    sqlite_server.do("RecordExposures", events=[{"experimentId": experiment["id"], "unitId": u} for u in units])
    outcomes = [{"unitId": u, "metric": "won", "value": n % 2} for n, u in enumerate(units)]
    sqlite_server.do("RecordOutcomes", events=outcomes)
    ran = command("results", experiment["id"], "--database-url", sqlite_server.database_url)
    assert ran.returncode == 0, ran.stderr
    for word in ("v1", "v2", "control", "95% interval", "won by z_test", "CONTINUE", "Keep collecting"):
        assert word in ran.stdout
    bayesian = command("results", experiment["id"], "--test", "bayesian", "--database-url", sqlite_server.database_url)
    assert "won by bayesian" in bayesian.stdout
    unknown = command("results", "exp_nope", "--database-url", sqlite_server.database_url)
    assert unknown.returncode == 2
    assert "EXPERIMENT_NOT_FOUND" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["serve", "--port", "99999"], {}, ["OMNIFORGE_PORT", "99999"]),
        (["serve"], {"OMNIFORGE_PROT": "1"}, ["OMNIFORGE_PROT", "is not a setting"]),
        (["serve"], {"OMNIFORGE_WORKERS": "many"}, ["OMNIFORGE_WORKERS", "many"]),
        (["serve", "--database-url", "mysql://x"], {}, ["CONFIGURATION", "sqlite:///"]),
        (["serve", "--disable-plugin", "nope"], {}, ["CONFIGURATION", "nope", "z_test"]),
        (["plugins", "--disable-plugin", "nope"], {}, ["nope"]),
        (["plugins", "--disable-plugin", "[/x]"], {}, ["[/x]"]),
        (["serve", "--allowed-origin", "example.com"], {}, ["OMNIFORGE_ALLOWED_ORIGINS", "example.com"]),
        (["serve"], {"OMNIFORGE_DEMO": "no"}, ["OMNIFORGE_DEMO", "true or false"]),
        (["results", "x", "--database-url", "sqlite:///missing.db"], {}, ["migrate"]),
    ],
)
def test_a_bad_setting_is_an_error_that_names_it(arguments, environ, words, tmp_path) -> None:
    ran = command(*arguments, cwd=tmp_path, **environ)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


def test_an_unknown_option_and_no_command_explain_themselves() -> None:
    assert command("serve", "--prot", "1").returncode == 2
    assert "--prot" in command("serve", "--prot", "1").stderr
    for name in ("serve", "migrate", "schema", "plugins", "demo", "results"):
        assert name in command("--help").stdout
        assert command(name, "--help").returncode == 0
    assert command("--version").stdout.strip()


def test_migrate_makes_a_database_and_is_idempotent(tmp_path) -> None:
    for _ in range(2):
        ran = command("migrate", "--database-url", "sqlite:///new.db", cwd=tmp_path)
        assert (ran.returncode, ran.stdout.strip()) == (0, "The database is up to date.")
    assert (tmp_path / "new.db").exists()


def test_plugins_are_listed_with_their_distribution_and_may_be_disabled() -> None:
    listed = command("plugins").stdout
    for word in ("z_test", "chi_square", "bayesian", "welch_t", "weighted", "even", "omniforge-graph", "LOADED"):
        assert word in listed
    assert "DISABLED" in command("plugins", "--disable-plugin", "bayesian").stdout


def test_the_schema_command_checks_without_writing(tmp_path) -> None:
    (tmp_path / "schema.graphql").write_text("type Query { old: Int }\n")
    stale = command("schema", "--check", cwd=tmp_path)
    assert (stale.returncode, (tmp_path / "schema.graphql").read_text()) == (1, "type Query { old: Int }\n")
    assert command("schema", cwd=tmp_path).returncode == 0
    assert command("schema", "--check", cwd=tmp_path).returncode == 0


def test_an_interrupt_ends_the_server_and_its_demonstration(launch, new_database, tmp_path) -> None:
    from socket import socket

    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["serve", "--port", str(port), "--database-url", new_database("sqlite")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*CLI, *arguments], stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 30
    ready = False
    while not ready and time.monotonic() < deadline:
        try:
            ready = httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)
    assert ready, (tmp_path / "log").read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) is not None
    printed = (tmp_path / "log").read_text()
    assert f"http://127.0.0.1:{port}/graphql" in printed
    assert "recommendation { verdict summary }" in printed
    assert "Traceback" not in printed
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
