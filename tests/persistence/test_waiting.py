"""A database that is away when it is opened, and comes back."""

import asyncio
import socket
from contextlib import closing
from pathlib import Path

import pytest

from omniforge_graph.errors import ConfigurationError, UnavailableError
from omniforge_graph.persistence import Limits, database, open_database

BRIEF = Limits(acquire=0.5, command=0.5, queue=0.5)


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(database, "REOPEN_SECONDS", 0.02)


@pytest.fixture
def moved(sqlite_url):
    """A SQLite file's path, and where the file was moved to."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    return path, path.rename(path.with_suffix(".away"))


async def test_a_sqlite_file_that_comes_back_is_opened(sqlite_url, moved, make):
    path, away = moved
    async with open_database(sqlite_url, BRIEF, wait=True) as repository:
        await asyncio.sleep(0.1)
        await refuses_everything(repository, make)
        assert not path.exists()
        away.rename(path)
        await comes_back(repository, make)


async def test_a_server_that_comes_back_is_connected_to(postgres_url, make):
    host, port = postgres_url.partition("@")[2].partition("/")[0].split(":")
    name = postgres_url.rpartition("/")[2]

    async def meet(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    with closing(socket.create_server(("127.0.0.1", 0))) as place:
        here = place.getsockname()[1]
    async with open_database(f"postgres://postgres:any@127.0.0.1:{here}/{name}", BRIEF, wait=True) as repository:
        await asyncio.sleep(0.1)
        await refuses_everything(repository, make)
        server = await asyncio.start_server(meet, "127.0.0.1", here)
        await comes_back(repository, make)
    server.close()


async def carry(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def refuses_everything(repository, make):
    for question in (repository.ping(), repository.head(), make.stored_prompt(repository)):
        with pytest.raises(UnavailableError, match="cannot be reached right now"):
            await question
    with pytest.raises(UnavailableError, match="cannot be opened"):
        repository.check_open()


async def comes_back(repository, make):
    async with asyncio.timeout(20):
        while True:
            try:
                repository.check_open()
                break
            except UnavailableError:
                await asyncio.sleep(0.02)
    prompt = await make.stored_prompt(repository)
    assert await repository.all_prompts() == [prompt]


async def test_a_wrong_url_is_not_waited_for(tmp_path):
    with pytest.raises(ConfigurationError):
        async with open_database(f"sqlite:///{tmp_path / 'no folder' / 'x.db'}", wait=True):
            pass
