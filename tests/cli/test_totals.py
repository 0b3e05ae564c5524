"""`totals` and `purge` on the command line."""

from datetime import timedelta

import pytest

from omniforge_graph.domain.event import ExposureEvent, OutcomeEvent
from omniforge_graph.errors import ConfigurationError, ExperimentNotFoundError, ValidationError


@pytest.fixture
def filled(place, long_ago):
    """Ten units with four outcomes each, of which the first came before the exposure; all long ago."""

    async def record(services):
        at = [long_ago + timedelta(hours=n) for n in range(5)]
        units = [f"u{n}" for n in range(10)]
        await services.recorder.record_exposures([ExposureEvent(place.experiment.id, unit, at[1]) for unit in units])
        await services.recorder.record_outcomes(
            [OutcomeEvent(unit, "cost", 0.25, None, at[n]) for unit in units for n in (0, 2, 3, 4)]
        )

    place.ask(record)
    return place


def test_totals_that_are_right(filled) -> None:
    for check in ((), ("--check",)):
        ran = filled.run("totals", *check)
        assert (ran.exit_code, ran.stdout) == (0, "The totals of 10 exposed units are those of their events.\n")


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        ("UPDATE unit_total SET total = total + 1 WHERE outcomes = 3 RETURNING 1", 10),
        ("UPDATE exposure_count SET units = units + 1 RETURNING 1", 2),
        ("DELETE FROM exposure_count RETURNING 1", 2),
    ],
)
def test_totals_that_are_wrong_are_found_and_mended(filled, damage, wrong) -> None:
    before = filled.rows("SELECT * FROM unit_total ORDER BY 1, 2"), filled.rows("SELECT * FROM exposure_count")
    filled.rows(damage)
    only = ("--experiment", filled.experiment.id)
    for given in ((), only):
        ran = filled.run("totals", "--check", *given)
        assert (ran.exit_code, ran.stdout) == (1, f"{filled.experiment.id}: {wrong} totals are wrong.\n")
    ran = filled.run("totals", *only)
    assert (ran.exit_code, ran.stdout) == (0, f"{filled.experiment.id}: {wrong} totals were wrong and are made anew.\n")
    assert filled.run("totals", "--check").exit_code == 0
    after = filled.rows("SELECT * FROM unit_total ORDER BY 1, 2"), filled.rows("SELECT * FROM exposure_count")
    assert [sorted(each) for each in after] == [sorted(each) for each in before]


def test_totals_of_an_experiment_that_is_none(sqlite_place) -> None:
    with pytest.raises(ExperimentNotFoundError):
        sqlite_place.run("totals", "--experiment", "exp_none")


def test_a_purge_leaves_every_total_and_every_result(filled) -> None:
    async def analyse(services):
        (experiment,) = (await services.repository.get_experiments([filled.experiment.id])).values()
        return (await services.analyses.analyze(experiment)).variant_stats

    before = filled.ask(analyse)
    dry = filled.run("purge", "--older-than", "12w", "--dry-run")
    assert dry.stdout == "40 outcomes older than 84 days would be kept as sums only.\n"
    assert filled.rows("SELECT COUNT(*) FROM outcome") == [(40,)]
    assert (
        filled.run("purge", "--older-than", "300d").stdout
        == "0 outcomes older than 300 days are kept as sums only now.\n"
    )
    done = filled.run("purge", "--older-than", "90d")
    assert (done.exit_code, done.stdout) == (0, "40 outcomes older than 90 days are kept as sums only now.\n")
    assert filled.rows("SELECT COUNT(*) FROM outcome") == [(0,)]
    assert filled.rows("SELECT COUNT(*) FROM outcome_sum") == [(20,)]
    assert filled.ask(analyse) == before
    assert filled.run("totals", "--check").exit_code == 0


@pytest.mark.parametrize("age", ["90", "x", "1h", "-1d", "1.5d"])
def test_an_age_that_is_none_is_refused(sqlite_place, age) -> None:
    with pytest.raises(ConfigurationError, match="90d"):
        sqlite_place.run("purge", "--older-than", age)


def test_an_age_of_less_than_a_day_is_refused(sqlite_place) -> None:
    with pytest.raises(ValidationError, match="at least a day"):
        sqlite_place.run("purge", "--older-than", "0d")
