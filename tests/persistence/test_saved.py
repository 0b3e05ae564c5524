"""The snapshot in a file: what is read is what was written, or nothing at all."""

import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge_graph.persistence.saved import SnapshotFile
from omniforge_graph.services.snapshot import PromptEntry, RunningExperiment
from omniforge_graph.services.standby import SavedPrompt

URL = "postgres://ada:secret@db:5432/main"


@pytest.fixture
def entries(make):
    """A prompt on which nothing runs, and one under test, with all that JSON makes difficult."""
    quiet = make.prompt(key="quiet", tenant_id="acme", description="ü\n\u2028\"'", layer="system")
    busy = make.prompt(key="busy")
    version = make.version(busy.id, "line 1\nline 2 🙂", parameters={"a": [1, 0.1 + 0.2, None, {"b": True}]}, model="m")
    experiment = make.experiment(busy, (busy.current_version, version)).start(make.now)
    versions = {each.id: each for each in (busy.current_version, version)}
    return [PromptEntry(quiet), PromptEntry(busy, RunningExperiment(experiment, versions, lambda _unit: None, None))]


def store(folder, url=URL):
    return SnapshotFile.of(str(folder), url)


def the_file(folder):
    (path,) = folder.iterdir()
    return path


def test_what_is_saved_is_loaded(tmp_path, make, entries):
    folder = tmp_path / "made" / "when needed"
    assert store(folder).load() is None
    assert not store(folder).exists()
    store(folder).save(make.now, entries)
    saved = store(folder).load()
    assert saved.at == make.now
    assert saved.prompts == tuple(map(SavedPrompt.of, entries))
    assert store(folder).exists()
    store(folder).save(make.at(1), [])
    assert (store(folder).load().at, store(folder).load().prompts) == (make.at(1), ())


def test_it_is_for_its_owner_alone_and_names_no_secret(tmp_path, make, entries):
    store(tmp_path / "state").save(make.now, entries)
    path = the_file(tmp_path / "state")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"secret" not in path.read_bytes()
    assert not {"ada", "secret", "main", "db"} & set(path.name.split("-"))


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_noticed(tmp_path, make, entries, data):
    store(tmp_path).save(make.now, entries)
    whole = bytearray(the_file(tmp_path).read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        whole[place] ^= data.draw(st.integers(1, 255))
    else:
        del whole[place:]
    the_file(tmp_path).write_bytes(whole)
    loaded = store(tmp_path).load()
    # The last line's end is the one byte that nothing depends on.
    assert loaded is None or (place == len(whole) and loaded.at == make.now)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "something else"),
        (b"\x00\xff\n\n", "something else"),
        (b'{"format": "something", "version": 1}\n', "something else"),
        (b'["omniforge-graph snapshot"]\n', "something else"),
        (b'{"format": "omniforge-graph snapshot", "version": 99, "new": {}}\n\n', "another release"),
        (b'{"format": "omniforge-graph snapshot", "version": 1}\n', "damaged"),
    ],
)
def test_foreign_files_are_refused_and_left_alone(tmp_path, make, entries, caplog, content, reason):
    store(tmp_path).save(make.now, entries)
    the_file(tmp_path).write_bytes(content)
    assert store(tmp_path).load() is None
    assert reason in caplog.text
    assert the_file(tmp_path).read_bytes() == content


def test_a_snapshot_of_another_database_is_refused(tmp_path, make, entries, caplog):
    store(tmp_path).save(make.now, entries)
    other = store(tmp_path, URL.replace("main", "other"))
    assert other.load() is None
    assert caplog.text == ""  # there is none under its name
    the_file(tmp_path).rename(other._path)
    assert other.load() is None
    assert "of another database" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are known on POSIX systems")
def test_a_file_that_others_may_write_is_refused(tmp_path, make, entries, caplog):
    store(tmp_path).save(make.now, entries)
    the_file(tmp_path).chmod(0o620)
    assert store(tmp_path).load() is None
    assert "others than this user" in caplog.text


def test_a_failure_leaves_the_former_file(tmp_path, make, entries, monkeypatch):
    store(tmp_path).save(make.now, entries)

    def full(_descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        store(tmp_path).save(make.at(1), [])
    assert store(tmp_path).load().at == make.now
    assert len(list(tmp_path.iterdir())) == 1
