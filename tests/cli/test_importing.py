"""`import` on the command line: every format, whatever is wrong with a line, and a process that is killed."""

import csv
import errno
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from omniforge_graph.cli import formats
from omniforge_graph.cli.files import EventFile
from omniforge_graph.cli.formats import FileFormat
from omniforge_graph.cli.reporting import ReportFile
from omniforge_graph.errors import ConfigurationError, PurgedError, ValidationError
from omniforge_graph.services.event_rows import EventKind, RowReader
from omniforge_graph.services.importing import RejectedLine

TIME = "2026-01-01T00:00:00Z"
ROWS = [{"unitId": f"u{n % 3}", "metric": "cost", "value": n / 4, "occurredAt": TIME} for n in range(10)]


def write_csv(path: Path, rows=ROWS) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def write_jsonl(path: Path, rows=ROWS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows=ROWS) -> Path:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.Table.from_pylist(rows), path, row_group_size=4)
    return path


def zipped(path: Path) -> Path:
    target = path.with_name(f"{path.name}.gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    return target


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet}


def report(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.with_name(f"{path.name}.rejected.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kind", WRITERS)
def test_each_format_is_recorded_once(place, tmp_path, kind) -> None:
    path = WRITERS[kind](tmp_path / f"outcomes.{kind}")
    ran = place.run("import", "outcomes", str(path))
    assert (ran.exit_code, ran.stdout) == (0, "10 outcomes recorded, 0 were there already, 0 lines rejected.\n")
    found = place.rows("SELECT unit_id, value, occurred_at FROM outcome ORDER BY value")
    moment = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    assert found == [(row["unitId"], row["value"], moment) for row in ROWS]
    assert not path.with_name(f"{path.name}.rejected.jsonl").exists()
    again = place.run("import", "outcomes", str(path))
    assert (again.exit_code, again.stdout) == (0, "0 outcomes recorded, 10 were there already, 0 lines rejected.\n")
    assert place.rows("SELECT COUNT(*) FROM import_progress") == [(0,)]


def test_a_compressed_file_is_the_file(place, tmp_path) -> None:
    path = write_csv(tmp_path / "outcomes.csv")
    assert place.run("import", "outcomes", str(zipped(path))).stdout.startswith("10 outcomes recorded")
    assert place.run("import", "outcomes", str(path)).stdout.startswith("0 outcomes recorded, 10")
    moved = path.rename(tmp_path / "elsewhere")
    assert place.run("import", "outcomes", str(moved), "--format", "csv").stdout.startswith("0 outcomes recorded, 10")


def test_standard_input(place, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = write_jsonl(tmp_path / "o.jsonl").read_bytes() + b'{"unitId": "u"}\n'
    ran = place.run("import", "outcomes", "-", "--format", "jsonl", stdin=lines)
    assert ran.exit_code == 1
    assert ran.stdout.startswith("10 outcomes recorded, 0 were there already, 1 lines rejected: see stdin.rejected")
    assert [each["line"] for each in report(tmp_path / "stdin")] == [11]
    with pytest.raises(ConfigurationError, match="standard input: give --format"):
        place.run("import", "outcomes", "-", stdin=lines)


def test_exposures_with_attributes_and_constants(place, tmp_path) -> None:
    rows = [{"user": f"u{n}", "occurredAt": TIME, "attributes.plan": "pro" if n else ""} for n in range(3)]
    path = write_csv(tmp_path / "exposures.csv", rows)
    given = ("import", "exposures", str(path), "--map", "user=unitId", "--set", f"experimentId={place.experiment.id}")
    assert place.run(*given).stdout == "3 exposures recorded, 0 were there already, 0 lines rejected.\n"
    found = place.rows("SELECT unit_id, attributes FROM exposure ORDER BY unit_id")
    assert found == [("u0", None), ("u1", '{"plan":"pro"}'), ("u2", '{"plan":"pro"}')]
    assert place.run(*given).stdout == "0 exposures recorded, 3 were there already, 0 lines rejected.\n"


def test_columns_of_one_file_are_events_of_their_own(place, tmp_path) -> None:
    rows = [{"unitId": "u", "cents": 5, "euros": 0.05}]
    path = str(write_csv(tmp_path / "wide.csv", rows))
    for taken, left in ("cents", "euros"), ("euros", "cents"):
        options = ("--map", f"{taken}=value", "--map", f"{left}=", "--set", "metric=cost")
        for times in (1, 0):
            assert place.run("import", "outcomes", path, *options).stdout.startswith(f"{times} outcomes recorded")
    assert place.rows("SELECT value FROM outcome ORDER BY value") == [(0.05,), (5.0,)]


def test_a_file_that_grows_is_a_source_with_a_name(place, tmp_path) -> None:
    for size, new in (4, 4), (10, 6), (10, 0):
        path = write_jsonl(tmp_path / "log.jsonl", ROWS[:size])
        ran = place.run("import", "outcomes", str(path), "--source", "log")
        assert ran.stdout.startswith(f"{new} outcomes recorded, {size - new} were there already")


def test_the_tenant_decides_what_is_visible_and_whose_events_they_are(place, tmp_path) -> None:
    path = str(write_jsonl(tmp_path / "o.jsonl"))
    for tenant in ((), ("--tenant", "acme")):
        assert place.run("import", "outcomes", path, *tenant).stdout.startswith("10 outcomes recorded")
    assert place.rows("SELECT DISTINCT tenant_id FROM outcome ORDER BY 1 NULLS FIRST") == [(None,), ("acme",)]


BAD = """unitId,metric,value,occurredAt
u,cost,1,2026-01-01T00:00:00Z
u,cost,much,2026-01-01T00:00:00Z
u,gold,1,2026-01-01T00:00:00Z
u,cost
"u
v",cost,2,2026-01-01T00:00:00Z

u,cost,3,2999-01-01T00:00:00Z
u,cost,"4"5,2026-01-01T00:00:00Z
u,cost,nan,2026-01-01T00:00:00Z
w\udcff,cost,1,2026-01-01T00:00:00Z
ü,cost,5,2026-01-01T00:00:00Z
"""


def test_bad_lines_are_reported_and_stop_nothing(place, tmp_path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(BAD.encode("utf-8", "surrogateescape"))
    for new, known in (3, 0), (0, 3):
        ran = place.run("import", "outcomes", str(path))
        assert ran.exit_code == 1
        assert ran.stdout.startswith(f"{new} outcomes recorded, {known} were there already, 7 lines rejected: see ")
        found = [(each["line"], each["code"]) for each in report(path)]
        assert found == [
            (3, "VALIDATION_FAILED"),
            (4, "METRIC_NOT_FOUND"),
            (5, "VALIDATION_FAILED"),
            (9, "VALIDATION_FAILED"),
            (10, "VALIDATION_FAILED"),
            (11, "VALIDATION_FAILED"),
            (12, "INVALID_TEXT"),
        ]
    assert report(path)[0]["text"] == "u,cost,much,2026-01-01T00:00:00Z"
    assert 'value must be a number, not "much"' in report(path)[0]["message"]
    assert "2 values for 4 columns" in report(path)[2]["message"]
    assert report(path)[-1]["message"] == "The line is not UTF-8 text: save it as UTF-8."
    assert report(path)[-1]["text"] == "w\ufffd,cost,1,2026-01-01T00:00:00Z"
    assert place.rows("SELECT unit_id, value FROM outcome ORDER BY value") == [("u", 1.0), ("u\nv", 2.0), ("ü", 5.0)]
    # What was mended is a file of its own.
    mended = write_jsonl(tmp_path / "mended.jsonl", [{**ROWS[0], "value": 7}])
    assert place.run("import", "outcomes", str(mended)).stdout.startswith("1 outcomes recorded")


def test_lines_that_are_no_json_objects(place, tmp_path) -> None:
    path = tmp_path / "bad.jsonl"
    good = json.dumps(ROWS[0]).encode()
    lines = [good, b"", b"[1]", b"{", b'{"unitId": "\xff"}', b"[" * 100_000, good, b'{"unitId": "u", "extra": 1}']
    path.write_bytes(b"\n".join(lines))
    assert place.run("import", "outcomes", str(path)).exit_code == 1
    assert [each["line"] for each in report(path)] == [3, 4, 5, 6, 8]
    assert report(path)[2]["message"] == "The line is not UTF-8 text: save it as UTF-8."
    assert max(len(each["text"]) for each in report(path)) == formats.SHOWN
    assert "--map extra=" in report(path)[-1]["message"]


def test_exposures_that_come_too_late_are_reported(place, tmp_path) -> None:
    outcomes = write_jsonl(tmp_path / "o.jsonl", [{**ROWS[0], "occurredAt": f"2026-01-0{day}"} for day in (1, 3)])
    place.run("import", "outcomes", str(outcomes))
    assert place.run("purge", "--older-than", "1d").exit_code == 0
    rows = [{"experimentId": place.experiment.id, "unitId": u, "occurredAt": "2026-01-02"} for u in ("u0", "v")]
    path = write_jsonl(tmp_path / "e.jsonl", rows)
    ran = place.run("import", "exposures", str(path))
    assert ran.stdout.startswith("1 exposures recorded, 0 were there already, 1 lines rejected")
    assert [(each["line"], each["code"]) for each in report(path)] == [(1, PurgedError.code)]


JSON_LINES = """\ufeff{"unitId": "u", "metric": "cost", "value": 1}
{"unitId": "u", "metric": "cost", "value": true}
{"unitId": "u", "metric": "cost", "value": "1"}
{"unitId": 1, "metric": "cost", "value": 2}
{"unitId": "u", "metric": "cost", "value": 1, "value": 2}
{"unitId": "u", "metric": "cost", "value" :1, "value":2}
{"unitId": "a\\":b", "metric": "cost", "value": 3}
{"unitId": "u", "unit_id": "v", "metric": "cost", "value": 1}
{"unitId": "u", "metric": "cost", "value": 1, "eventId": ""}
{"unitId": "u", "metric": "cost", "value": 1, "more": null}
"""


def test_json_lines_are_taken_as_the_api_takes_them(sqlite_place, tmp_path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(JSON_LINES, encoding="utf-8")
    assert sqlite_place.run("import", "outcomes", str(path)).exit_code == 1
    found = [(each["line"], each["message"].partition(", which have")[0]) for each in report(path)]
    assert found == [
        (2, "value must be a number, not true."),
        (3, 'value must be a number, not "1".'),
        (5, "value is given twice; leave one out."),
        (6, "value is given twice; leave one out."),
        (8, "unit_id is given twice; leave one out."),
        (9, "eventId must not be empty."),
        (
            10,
            "'more' (the column 'more') is no field of outcomes",
        ),
    ]
    units = sqlite_place.rows("SELECT unit_id, value FROM outcome ORDER BY value")
    assert units == [("u", 1.0), ("1", 2.0), ('a":b', 3.0)]


@pytest.mark.parametrize("where", ["nowhere/report", "", "o.csv", "/dev/null", "/dev/full"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_imported(sqlite_place, tmp_path, where) -> None:
    path = write_csv(tmp_path / "o.csv", [*ROWS, {**ROWS[0], "value": "none"}])
    with pytest.raises(ConfigurationError, match=r"by --report|its own report") as caught:
        sqlite_place.run("import", "outcomes", str(path), "--report", str(tmp_path / where))
    assert caught.value.field == "report"
    assert sqlite_place.rows("SELECT COUNT(*) FROM outcome") == [(0,)]
    assert path.exists()
    assert Path("/dev/null").is_char_device()


def test_a_report_on_a_disk_that_fills_up_is_told(tmp_path, monkeypatch) -> None:
    report = ReportFile(tmp_path / "report")
    report.begin(0)
    assert not report.path.exists()
    size = report.add([RejectedLine(1, "CODE", "wrong", "text")])
    report.add([RejectedLine(2, "CODE", "wrong", "text")])
    report.begin(size)
    assert report.path.stat().st_size == size

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"report, cannot be written \(No space left"):
        report.add([RejectedLine(2, "CODE", "wrong", "text")])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("o.csv", "unitId,metric,value\nu,cost,1\n".encode("utf-16"), "not UTF-8 text"),
        ("o.jsonl", '{"unitId": "u"}'.encode("utf-16-le"), "not UTF-8 text"),
        ("o.csv", b"unitId,m\xe9tric,value\nu,cost,1\n", "first line is not UTF-8 text"),
        ("o.jsonl", gzip.compress(b'{"unitId": "u"}\n', mtime=0), "not UTF-8 text.*unpack it"),
        ("o.csv.gz", gzip.compress(b"PAR1\0\0", mtime=0), "not UTF-8 text.*--format"),
        ("o.csv", b"unitId,metric,value,when\nu,cost,1,now\n", "'when'.*--map when="),
        ("o.csv", b"unitId,metric\nu,cost\n", "No column is called value"),
        ("o.csv", b'"unitId"x\n', "first line does not name the columns"),
        ("o.csv.gz", b"no gzip", r"o\.csv\.gz cannot be read, or is damaged"),
        ("o.jsonl.gz", gzip.compress(b'{"unitId": "u"}\n' * 9999, mtime=0)[:-20], "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(sqlite_place, tmp_path, name, content, words) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValidationError, match=words):
        sqlite_place.run("import", "outcomes", str(tmp_path / name))
    assert sqlite_place.rows("SELECT COUNT(*) FROM outcome") == [(0,)]


def test_parquet_that_is_none_is_refused(sqlite_place, tmp_path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "o.parquet"
    path.write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(ValidationError, match="no Parquet"):
        sqlite_place.run("import", "outcomes", str(path))


def test_parquet_with_times_numbers_and_attributes_of_its_own_types(sqlite_place, tmp_path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    columns = {
        "unitId": arrow.array([1, 2, None]),
        "experimentId": arrow.array([sqlite_place.experiment.id] * 3),
        "occurredAt": arrow.array([at] * 3, arrow.timestamp("ns", "UTC")),
        "attributes": arrow.array([{"plan": "pro", "seats": 3}, None, None]),
    }
    path = tmp_path / "e.parquet"
    parquet.write_table(arrow.table(columns), path)
    ran = sqlite_place.run("import", "exposures", str(path))
    assert ran.stdout.startswith("2 exposures recorded, 0 were there already, 1 lines rejected")
    found = sqlite_place.rows("SELECT unit_id, occurred_at, attributes FROM exposure ORDER BY unit_id")
    micros = int(at.timestamp() * 1_000_000)
    assert found == [("1", micros, '{"plan":"pro","seats":"3"}'), ("2", micros, None)]


def test_without_pyarrow_parquet_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "o.parquet").touch()
    with pytest.raises(ConfigurationError, match=r"omniforge-graph\[parquet\]"):
        EventFile(tmp_path / "o.parquet")


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("after", [0, 1, 2, 4, 7, 11, 99])
def test_a_file_is_read_on_from_any_line(tmp_path, kind, after) -> None:
    path = WRITERS[kind](tmp_path / f"o.{kind}")
    rows = RowReader(EventKind.OUTCOMES, "s")
    every = list(EventFile(path).read(rows, 0))
    assert len(every) == 10
    assert list(EventFile(path, FileFormat(kind)).read(rows, after)) == [each for each in every if each[0] > after]


@pytest.mark.parametrize("given", [("nowhere.csv",), ("o.txt",), ("o.csv", "--map", "x"), ("o.csv", "--set", "=x")])
def test_options_that_are_wrong_are_told(sqlite_place, tmp_path, monkeypatch, given) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("o.txt", "o.csv"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigurationError):
        sqlite_place.run("import", "outcomes", *given)


def test_an_import_that_is_killed_goes_on_where_it_stopped(place, tmp_path) -> None:
    size = 60_000
    rows = [{**ROWS[0], "unitId": f"u{n % 977}", "value": 1 if n % 10_000 else "none"} for n in range(size)]
    path = write_csv(tmp_path / "large.csv", rows)
    command = [sys.executable, "-m", "omniforge_graph", "import", "outcomes", str(path), "--database-url", place.url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and place.rows("SELECT COUNT(*) FROM outcome") < [(1_000,)]:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    ((recorded,),) = place.rows("SELECT COUNT(*) FROM outcome")
    assert 1_000 <= recorded < size
    ran = place.run("import", "outcomes", str(path))
    assert ran.exit_code == 1
    assert "6 lines rejected" in ran.stdout
    assert [each["line"] for each in report(path)] == [n * 10_000 + 2 for n in range(6)]
    assert place.rows("SELECT COUNT(*), COUNT(DISTINCT event_id) FROM outcome") == [(size - 6, size - 6)]
    assert place.run("import", "outcomes", str(path)).stdout.startswith(f"0 outcomes recorded, {size - 6:,} were there")
    assert place.run("totals", "--check").exit_code == 0
