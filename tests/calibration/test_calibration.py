"""The promised error rates hold: the table of `make calibrate` with fewer simulations and bands as much wider."""

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.calibration import __main__ as command
from tests.calibration.checking import Band, around, check_of, rate_of, run, share

TOPICS = [topic for topic in command.TOPICS if topic != "oracles"]  # tests/oracles has them
EVERY = [
    pytest.param(check, id=f"{topic}: {check.rows[0].name}") for topic in TOPICS for check in command.checks_of(topic)
]


@pytest.mark.parametrize("check", EVERY)
def test_every_figure_lies_in_its_band(check):
    measured = run(check, quick=True)
    assert {each.row.name: each.figure for each in measured if each.passed is False} == {}


def test_a_band_widens_as_the_standard_error_grows():
    band = share(0.045, 0.055, 0.05).widened(simulations=5_000, planned=20_000)
    error = 3.3 * np.sqrt(0.05 * 0.95)
    assert band.high - 0.055 == pytest.approx(error / np.sqrt(5_000) - error / np.sqrt(20_000))
    assert 0.045 - band.low == pytest.approx(band.high - 0.055)
    assert around(0.05, 20_000).widened(5_000, 20_000).high == pytest.approx(around(0.05, 5_000).high)
    assert Band(0.0, 1e-6).widened(1, 100) == Band(0.0, 1e-6)


def test_a_naive_reading_of_many_looks_does_not_pass():
    """The harness tells a broken method from a sound one, even with the simulations of the test suite."""
    check = next(each for each in command.checks_of("sequential") if "nobody should" in each.rows[0].name)
    (naive,) = run(check, quick=True)
    assert naive.figure is not None
    assert naive.figure > 0.3
    assert not share(0.0, 0.055, 0.05).widened(naive.simulations, 20_000).holds(naive.figure)


def test_blocks_join_to_all_simulations():
    seen = []

    def some(count):
        seen.append(count)
        return np.full(count, len(seen)), np.ones(count)

    assert rate_of(some, 25, block=10) == ((10 * 1 + 10 * 2 + 5 * 3) / 25, 1.0)
    assert seen == [10, 10, 5]


def test_a_check_repeats_itself_wherever_it_runs():
    check = check_of("noise", None, lambda rng, simulations: (float(rng.random(simulations).mean()),), 100, 10)
    first, again, other = run(check)[0], run(check)[0], run(check, seed=1)[0]
    assert first.figure == again.figure != other.figure
    assert (first.simulations, run(check, quick=True)[0].simulations) == (100, 10)


def invented(figure):
    return check_of("invented", around(0.05, 100), lambda rng, n: None if figure is None else (figure,), 100, 10)


@pytest.mark.parametrize(
    ("figure", "exit_code", "verdict"),
    [(0.05, 0, "pass"), (0.5, 1, "FAIL"), (float("nan"), 1, "FAIL"), (None, 0, "not here")],
)
def test_the_command_fails_with_a_figure_out_of_its_band(figure, exit_code, verdict, monkeypatch):
    monkeypatch.setattr(command, "checks_of", lambda topic: [invented(figure)] if topic == "fixed" else [])
    for more in ([], ["--markdown"]):
        told = CliRunner().invoke(command.app, more)
        assert told.exit_code == exit_code, told.output
        assert "invented" in told.output
        assert verdict in told.output


def test_the_command_runs_the_rows_that_are_asked_for(monkeypatch):
    monkeypatch.setattr(command, "checks_of", lambda topic: [invented(0.05)])
    told = CliRunner().invoke(command.app, ["--only", "fixed", "--row", "nothing like it"])
    assert told.exit_code == 2
    assert "No check" in told.output
