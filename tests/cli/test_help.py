"""The help is readable in a terminal of 80 columns."""

import pytest
import typer
from typer.testing import CliRunner

from omniforge_graph.cli import app

RUNNER = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_is_cut_off(name: str) -> None:
    shown = RUNNER.invoke(app, [name, "--help"], catch_exceptions=False).output
    assert max(map(len, shown.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    options = [each for each in COMMANDS[name].params if each.param_type_name == "option"]
    assert {option for each in options for option in (*each.opts, *each.secondary_opts)} <= set(shown.split())
