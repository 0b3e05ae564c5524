"""The statistics are measured with or without peers. How fast anything is, no test says."""

import json
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks import workloads as work
from tests.benchmarks.against import OURS, compare_speed, missing, our_way, peers, seconds_to_import
from tests.benchmarks.measuring import Plan
from tests.benchmarks.report import as_json, speed_table

COMPARISONS = {work.TWO_MEANS: 1, work.TWO_RATES: 1, work.MANY_MEANS: 3_000, work.MANY_RATES: 3_000, work.ROWS: 1}


def alone(name):
    return [{"peer": "nobody", "missing": f"No module named {name!r}"}]


@pytest.mark.parametrize("name", work.WORKS)
def test_every_work_is_done_in_full(name):
    found = our_way(name)()
    assert len(found) == COMPARISONS[name]
    assert all(each.absolute_effect.lower < each.absolute_effect.upper for each in found)
    assert all(0 <= each.p_value <= 1 for each in found)


def test_without_peers_only_ours_is_measured():
    rows = list(compare_speed((work.TWO_MEANS, work.TWO_RATES), alone, seconds=0.0, rounds=1))
    assert [(row.work, row.who, row.ratio, row.apart) for row in rows] == [
        (work.TWO_MEANS, OURS, None, None),
        (work.TWO_RATES, OURS, None, None),
    ]
    assert all(row.seconds > 0 for row in rows)


def test_a_peer_is_held_against_ours_by_time_and_by_its_numbers():
    (ours,) = our_way(work.TWO_MEANS)()
    effect = ours.absolute_effect
    half = (effect.upper - effect.lower) / 2

    def ask(name):
        assert name == work.TWO_MEANS
        numbers = [[effect.estimate, effect.lower, effect.upper + half / 10]]
        figures = {"peer": "slow", "version": "1.2", "way": "roundabout", "seconds": 3.0, "numbers": numbers}
        return [figures, *alone(name)]

    own, theirs = compare_speed((work.TWO_MEANS,), ask, seconds=0.0, rounds=3)
    assert (theirs.work, theirs.who, theirs.way, theirs.seconds) == (work.TWO_MEANS, "slow 1.2", "roundabout", 3.0)
    assert theirs.ratio == pytest.approx(3.0 / own.seconds)  # of an odd number of rounds, both medians are one round's
    assert theirs.apart == pytest.approx(0.1)
    console = Console(file=StringIO(), width=140)
    console.print(speed_table([own, theirs], 0.03))
    assert all(part in console.file.getvalue() for part in (work.TWO_MEANS, OURS, "slow 1.2", "3.00 s", "0.030 s"))
    written = json.loads(as_json([], Plan(), [own, theirs], 0.03))
    assert [each["who"] for each in written["statistics"]] == [OURS, "slow 1.2"]


def test_peers_answer_with_figures_or_say_that_they_are_missing():
    with peers(Path(sys.executable), seconds=0.0) as ask:
        absent = missing(ask)
        answers = {each["peer"]: each for each in ask(work.TWO_MEANS)}
    assert answers.keys() == {"gbstats", "statsmodels", "tea-tasting", "spotify-confidence"}
    for name, answer in answers.items():
        assert (name in absent) == ("missing" in answer)
        assert "missing" in answer or answer["seconds"] > 0


def test_peers_that_stop_are_named():
    with peers(Path("/bin/false"), seconds=0.0) as ask, pytest.raises(RuntimeError, match=work.TWO_MEANS):
        ask(work.TWO_MEANS)


def test_importing_is_timed_in_a_process_of_its_own():
    assert seconds_to_import() > 0
