"""Exposures on disk: what goes in comes out, whatever happens to the process that put it there."""

import logging
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.event import Exposure
from omniforge_graph.services.spool import Spool

START = datetime(2026, 1, 1, tzinfo=UTC)
NAIVE = b'{"experiment_id":"exp","unit_id":"u","variant_id":"v","occurred_at":"2026-01-01T00:00:00","attributes":{}}\n'
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
EXPOSURES = st.builds(
    Exposure,
    TEXTS,
    TEXTS,
    TEXTS,
    st.datetimes(timezones=st.just(UTC)),
    st.dictionaries(TEXTS, TEXTS, max_size=3),
)


def some(count: int, first: int = 0) -> list[Exposure]:
    return [
        Exposure("exp", f"unit-{n}", "var", START + timedelta(microseconds=n), {"plan": f"p{n}"})
        for n in range(first, first + count)
    ]


def drain(spool: Spool, limit: int = 100) -> list[Exposure]:
    """Take everything out, file by file, as a replay does."""
    found = []
    while (segment := spool.oldest()) is not None:
        while batch := segment.read(limit):
            found += batch
            segment.done()
        spool.delete(segment)
    return found


@pytest.fixture
def stem(tmp_path):
    return tmp_path / "state" / "exposures-key"


@pytest.fixture
def open_spool(stem):
    opened = []

    def run(**options) -> Spool:
        opened.append(Spool(stem, **options))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


def files(stem) -> list:
    return sorted(stem.parent.glob("*")) if stem.parent.exists() else []


@given(batches=st.lists(st.lists(EXPOSURES, max_size=5), max_size=4), limit=st.integers(1, 7))
def test_what_goes_in_comes_out_in_order(tmp_path_factory, batches, limit) -> None:
    stem = tmp_path_factory.mktemp("spool") / "exposures"
    spool = Spool(stem)
    for batch in batches:
        assert spool.append(batch) == len(batch)
    assert drain(spool, limit) == [each for batch in batches for each in batch]
    assert files(stem) == []


def test_nothing_is_made_before_it_is_needed(open_spool, stem) -> None:
    spool = open_spool()
    spool.adopt()
    assert spool.append([]) == 0
    assert spool.oldest() is None
    assert not stem.parent.exists()


def test_files_are_for_their_owner_alone(open_spool, stem) -> None:
    open_spool().append(some(1))
    (path,) = files(stem)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.name.startswith(f"exposures-key-{os.getpid()}-")


def test_what_is_not_done_is_read_again(open_spool) -> None:
    spool = open_spool()
    spool.append(some(5))
    segment = spool.oldest()
    assert segment.read(2) == segment.read(2) == some(2)
    segment.done()
    assert segment.read(9) == some(3, first=2)


def test_what_comes_during_a_replay_goes_to_another_file(open_spool) -> None:
    spool = open_spool()
    spool.append(some(2))
    first = spool.oldest()
    spool.append(some(2, first=2))
    assert first.read(9) == some(2)
    spool.delete(first)
    assert drain(spool) == some(2, first=2)


@pytest.mark.parametrize(
    "tail",
    [b'{"experiment_id":"exp","unit', b"\0" * 4096, b"\xff\xfe\n", b"{}\n", NAIVE],
    ids=["cut", "zeros", "noise", "empty", "a time without its zone"],
)
def test_a_torn_end_is_skipped(open_spool, stem, caplog, tail) -> None:
    spool = open_spool()
    spool.append(some(3))
    spool.close()
    (path,) = files(stem)
    with path.open("ab") as file:
        file.write(tail)
    heir = open_spool()
    heir.adopt()
    with caplog.at_level(logging.WARNING):
        assert drain(heir) == some(3)
    (record,) = caplog.records
    assert record.getMessage() == f"An unreadable record of {len(tail)} bytes in {path} is skipped"
    assert files(stem) == []


def test_a_file_in_use_is_not_taken(open_spool) -> None:
    open_spool().append(some(1))
    other = open_spool()
    other.adopt()
    assert other.oldest() is None


def test_what_was_left_behind_is_adopted_oldest_first(open_spool, stem) -> None:
    for number, first in enumerate((0, 10, 20)):
        spool = open_spool()
        spool.append(some(2, first=first))
        newest = max(files(stem), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))
        spool.close()
    heir = open_spool()
    heir.append(some(2, first=30))
    heir.adopt()
    heir.adopt()
    assert [each.unit_id for each in drain(heir)] == [f"unit-{n}" for n in (0, 1, 10, 11, 20, 21, 30, 31)]
    assert files(stem) == []


def test_of_many_heirs_one_gets_each_file(open_spool, stem) -> None:
    for first in range(0, 40, 2):
        spool = open_spool()
        spool.append(some(2, first=first))
        spool.close()
    heirs = [open_spool() for _ in range(8)]

    def inherit(heir: Spool) -> list[Exposure]:
        heir.adopt()
        return drain(heir)

    with ThreadPoolExecutor(8) as pool:
        found = [each.unit_id for part in pool.map(inherit, heirs) for each in part]
    assert sorted(found) == sorted(each.unit_id for each in some(40))
    assert files(stem) == []


def test_what_a_killed_process_kept_is_adopted(open_spool, stem) -> None:
    program = (
        "import sys, pathlib, datetime; from omniforge_graph.services.spool import Spool;"
        "from omniforge_graph.domain.event import Exposure;"
        "now = datetime.datetime.now(datetime.UTC);"
        "Spool(pathlib.Path(sys.argv[1])).append([Exposure('e', f'u{n}', 'v', now) for n in range(3)]);"
        "print('kept', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program, stem], **pipes) as process:
        assert process.stdout.readline() == "kept\n"
        heir = open_spool()
        heir.adopt()
        assert heir.oldest() is None
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        heir.adopt()
        assert [each.unit_id for each in drain(heir)] == ["u0", "u1", "u2"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are known on POSIX systems")
@pytest.mark.parametrize("others", ["may write", "own it"])
def test_a_file_that_others_may_have_written_is_not_replayed(open_spool, stem, monkeypatch, caplog, others) -> None:
    spool = open_spool()
    spool.append(some(2))
    spool.close()
    (path,) = files(stem)
    if others == "may write":
        path.chmod(0o620)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    heir = open_spool()
    with caplog.at_level(logging.WARNING):
        heir.adopt()
        heir.adopt()
    assert heir.oldest() is None
    (record,) = caplog.records
    expected = f"Tracked exposures in {path} are not replayed: others than this user may have written it"
    assert record.getMessage() == expected
    assert path.read_bytes().count(b"\n") == 2


def test_a_full_spool_takes_what_it_has_room_for(open_spool, stem) -> None:
    nine = some(9, first=1)  # each as long as the others
    open_spool().append(nine[:1])
    (path,) = files(stem)
    room = 4 * path.stat().st_size + 10
    # What other processes keep counts too: the bound is the folder's.
    spool = open_spool(max_bytes=room)
    assert spool.append(nine) == 3
    assert spool.append(nine) == 0
    assert drain(spool) == nine[:3]
    assert spool.append(nine[:2]) == 2


def test_a_disk_that_refuses_leaves_the_file_as_it_was(open_spool, monkeypatch) -> None:
    spool = open_spool()
    spool.append(some(2))
    write = os.write

    def half(descriptor, data) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space"):
            spool.append(some(3, first=2))
    spool.append(some(1, first=5))
    assert drain(spool) == [*some(2), *some(1, first=5)]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file" / "exposures").append(some(1))


def test_a_file_that_is_set_aside_is_kept_and_not_read_again(open_spool, stem) -> None:
    spool = open_spool()
    spool.append(some(2))
    spool.set_aside(spool.oldest())
    spool.adopt()
    assert spool.oldest() is None
    (path,) = files(stem)
    assert path.suffix == ".refused"
    assert path.read_bytes().count(b"\n") == 2


def test_files_set_aside_take_no_room_of_others_and_the_oldest_give_way(open_spool, stem, caplog) -> None:
    one = some(1, first=1)
    open_spool().append(one)
    (other,) = files(stem)
    spool = open_spool(max_bytes=3 * other.stat().st_size)
    for _ in range(5):
        assert spool.append(one) == 1
        spool.set_aside(spool.oldest())
    kept = list(stem.parent.glob("*.refused"))
    assert len(kept) == 3
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("set aside take more than" in each for each in told)
    assert spool.append([*one, *one, *one]) == 2, "the room of new ones is what others in use leave"


def test_a_file_that_cannot_be_replayed_takes_no_room_of_others(open_spool, stem) -> None:
    spool = open_spool()
    spool.append(some(1))
    spool.close()
    (path,) = files(stem)
    path.chmod(0o622)
    heir = open_spool(max_bytes=path.stat().st_size)
    heir.adopt()
    assert heir.append(some(1)) == 1


def test_a_file_left_to_the_next_process_is_not_deleted_any_more(open_spool, stem) -> None:
    spool = open_spool()
    spool.append(some(1))
    segment = spool.oldest()
    spool.close()
    spool.delete(segment)
    spool.set_aside(segment)
    heir = open_spool()
    heir.adopt()
    assert drain(heir) == some(1)
