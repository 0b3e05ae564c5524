"""Where state lies: beside the SQLite file or in the working directory, by the database and nobody's password."""

from pathlib import Path

import pytest

from omniforge_graph.persistence.state import state_file, state_folder, state_key


@pytest.mark.parametrize(
    ("state_dir", "url", "folder"),
    [
        ("", "sqlite:///one.db", ".omniforge"),
        ("", "sqlite:////data/one.db", "/data/.omniforge"),
        ("", "postgres://ada@db/main", ".omniforge"),
        ("/var/lib/mine", "sqlite:////data/one.db", "/var/lib/mine"),
    ],
)
def test_the_folder(state_dir, url, folder):
    assert state_folder(state_dir, url) == Path(folder)


def test_a_database_has_one_key_whoever_asks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert state_key("sqlite:///one.db") == state_key(f"sqlite:///{tmp_path / 'one.db'}")
    names = ["postgres://db/main", "postgres://ada:secret@db:5432/main?sslmode=require", "postgresql://bob@db/main"]
    assert len(set(map(state_key, names))) == 1
    others = ["sqlite:///one.db", "sqlite:///two.db", "postgres://db/main", "postgres://db:1/main", "postgres://db/two"]
    assert len(set(map(state_key, others))) == len(others)


def test_each_purpose_has_a_file():
    url = "postgres://ada:secret@db/main"
    assert state_file("s", url, "snapshot") == Path("s") / f"snapshot-{state_key(url)}"
    assert state_file("s", url, "exposures") != state_file("s", url, "snapshot")
