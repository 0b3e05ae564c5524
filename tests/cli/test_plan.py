"""The sample-size calculator on the command line."""

import json

import pytest
from typer.testing import CliRunner

from omniforge_graph.cli import app
from omniforge_graph.cli.plan import DAYS, OPTIONS
from omniforge_graph.errors import ValidationError

RUNNER = CliRunner(env={"COLUMNS": "160"})


def run(*given: str) -> str:
    ran = RUNNER.invoke(app, ["plan", *given], catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.output


def plan(*given: str) -> dict:
    return json.loads(run(*given, "--json"))


def refusal(*given: str) -> str:
    with pytest.raises(ValidationError) as caught:
        RUNNER.invoke(app, ["plan", *given], catch_exceptions=False)
    return caught.value.message


def test_units_for_an_effect() -> None:
    found = plan("--baseline", "0.1", "--effect", "0.02")
    assert (found["units_per_variant"], found["total_units"], found["by_day"]) == (3841, 7682, [])
    text = run("--baseline", "0.1", "--effect", "0.02")
    assert "3,841 units per variant, 7,682 in all" in text
    assert "80.0% power to find +0.02 (+20.00%)" in text
    assert "from 0.1 to 0.12" in text


def test_a_decrease_is_a_negative_number() -> None:
    assert plan("--baseline", "0.1", "--effect", "-0.02")["units_per_variant"] == 3213


def test_days_and_what_more_or_less_time_finds() -> None:
    given = ("--baseline", "0.1", "--effect", "0.02", "--daily-units", "500")
    found = plan(*given)
    assert found["days"] == 16
    assert [each["days"] for each in found["by_day"]] == list(DAYS)
    text = run(*given)
    assert "16 days" in text
    assert "Smallest effect found" in text
    assert "42,000" in text


def test_what_units_at_hand_can_do() -> None:
    assert plan("--baseline", "0.1", "--units", "7682")["effect"] == pytest.approx(0.02, rel=1e-4)
    assert plan("--baseline", "0.1", "--units", "7682", "--effect", "0.02")["power"] == pytest.approx(0.8, abs=1e-4)
    by_days = plan("--baseline", "0.1", "--days", "10", "--daily-units", "100")
    assert by_days["total_units"] == 1000


def test_a_mean_that_shall_fall() -> None:
    found = plan("--kind", "mean", "--baseline", "0.012", "--sd", "0.006", "--units", "5000", "--lower-is-better")
    assert found["effect"] < 0
    assert found == plan(
        "--kind", "continuous", "--baseline", "0.012", "--sd", "0.006", "--units", "5000", "--lower-is-better"
    )


def test_shares_tell_how_many_variants_there_are() -> None:
    text = run("--baseline", "0.8", "--margin", "0.02", "--shares", "50,25,25")
    assert "15,088 units in all: 7,544 + 3,772 + 3,772" in text
    assert "power to show that a treatment is not worse" in text


def test_looking_early() -> None:
    given = ("--baseline", "0.3", "--effect", "0.1", "--relative", "--monitoring", "group-sequential", "--looks", "14")
    assert 1.03 < plan(*given)["inflation"] < 1.05
    assert "units until a decision if the effect is real" in run(*given)
    hwang = ("--spending", "hwang-shih-decani", "--spending-parameter", "1")
    assert plan(*given, *hwang)["inflation"] > 1.1


def test_ratios_and_quantiles() -> None:
    spread = ("--denominator-mean", "3", "--numerator-sd", "0.03", "--denominator-sd", "2.5", "--correlation", "0.8")
    ratio = plan("--kind", "ratio", "--baseline", "0.012", "--effect", "-0.1", "--relative", *spread)
    assert ratio["units_per_variant"] == 438
    given = ("--kind", "quantile", "--quantile", "0.9", "--baseline", "2.4", "--effect", "-0.1", "--relative")
    assert plan(*given, "--sd", "0.5", "--distribution", "lognormal")["units_per_variant"] == 1148
    assert plan(*given, "--density", "0.2")["units_per_variant"] > 0


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (("--baseline", "0.1"), "--effect is needed to plan units; without it give --units"),
        (("--baseline", "2", "--effect", "1"), "--baseline must be a rate"),
        (("--baseline", "2", "--effect", "1", "--kind", "ratio"), "--sd or --denominator-mean is needed"),
        (("--baseline", "0.1", "--effect", "0.1", "--kind", "words"), "--kind must be one of binary"),
        (("--baseline", "0.1", "--effect", "0.1", "--monitoring", "weekly"), "--monitoring must be one of fixed"),
        (("--baseline", "0.1", "--effect", "0.1", "--shares", "a,b"), "--shares must be numbers"),
        (("--baseline", "0.1", "--effect", "0.1", "--variants", "0"), "--variants must be from 2"),
        (
            ("--baseline", "0.1", "--shares", "50,25", "--variants", "3"),
            "--shares must be one for each of the 3 variants",
        ),
        (
            ("--baseline", "2", "--effect", "1", "--kind", "quantile", "--quantile", "0.9"),
            "--sd or --density is needed",
        ),
        (("--baseline", "0.1", "--effect", "0.1", "--daily-units", "0"), "--daily-units must be above 0"),
        (("--baseline", "0.1", "--days", "3"), "--daily-units is needed"),
        (("--baseline", "0.1", "--effect", "0.1", "--confidence", "0.3"), "--confidence must lie"),
    ],
)
def test_a_refusal_speaks_of_options(given, part) -> None:
    assert part in refusal(*given)


def test_every_option_that_a_refusal_names_exists() -> None:
    import typer

    real = {name for each in typer.main.get_command(app).commands["plan"].params for name in each.opts}
    assert {each for each in OPTIONS.values() if each.startswith("--")} <= real
