"""The forest: one scale for all lines, arrows where there is no end, nothing where nothing is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from omniforge_graph.cli.forest import FIGURE, LABEL, Line, draw_forest, signed
from omniforge_graph.domain.analysis import Effect

ROOM = 80 - LABEL - FIGURE - 4


def bar(drawn: str) -> str:
    return drawn[LABEL + 1 : LABEL + 1 + ROOM]


def test_an_interval_is_drawn_to_scale() -> None:
    drawn, axis = draw_forest([Line("steps", Effect(0.0, -0.1, 0.1))], 80)
    assert drawn.startswith("steps ")
    assert bar(drawn) == f"├{'─' * 23}●{'─' * 22}┤"
    assert drawn.endswith("+0.0%")
    assert axis.split() == ["-10.0%", "0", "+10.0%"]


def test_zero_is_marked_beside_and_inside_an_interval() -> None:
    beside, inside, _ = draw_forest([Line("a", Effect(0.3, 0.2, 0.4), True), Line("b", Effect(0.1, -0.2, 0.4))], 80)
    zero = bar(beside).index("│")
    assert bar(inside)[zero] == "┼"
    assert beside.endswith("+30.0% ★")
    assert not inside.endswith("★")


def test_an_end_without_bound_is_an_arrow_at_the_edge() -> None:
    effects = [Effect(0.1, None, 0.2), Effect(0.1, 0.0, None), Effect(0.1, None, None), Effect(0.3, -0.3, 0.4)]
    below, above, both, _, _ = (bar(each) for each in draw_forest([Line("x", each) for each in effects], 80))
    assert (below[0], below.rstrip()[-1]) == ("◄", "┤")
    assert (above.lstrip()[0], above[-1]) == ("├", "►")
    assert (both[0], both[-1], len(both)) == ("◄", "►", ROOM)


def test_what_is_unknown_is_not_drawn() -> None:
    drawn, axis = draw_forest([Line("x", Effect(None, None, None))], 80)
    assert bar(drawn).strip() == "│"
    assert drawn.endswith("–")
    assert axis.split() == ["-100.0%", "0", "+100.0%"]


def test_wide_letters_and_long_names_keep_the_columns() -> None:
    lines = [Line(name, Effect(0.1, 0.05, 0.2)) for name in ("東京" * 9, "x" * 200, "a")]
    *drawn, _ = draw_forest(lines, 80)
    assert len({cell_len(each) for each in drawn}) == 1


ends = st.none() | st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(ends, ends, ends), max_size=6), st.integers(20, 200))
def test_every_forest_fits(effects, width) -> None:
    lines = []
    for estimate, one, other in effects:
        low, high = (one, other) if one is None or other is None else sorted((one, other))
        lines.append(Line("name", Effect(estimate, low, high)))
    drawn = draw_forest(lines, width)
    assert len(drawn) == len(lines) + 1
    assert all(cell_len(each) <= max(width, LABEL + FIGURE + 4 + 20) for each in drawn)
    for line, text in zip(lines, drawn, strict=False):
        assert ("●" in text) == (line.effect.estimate is not None)


@pytest.mark.parametrize(
    ("share", "text"), [(0.1234, "+12.3%"), (-0.5, "-50.0%"), (0, "+0.0%"), (123456.0, "+1.2e+07%")]
)
def test_a_share_is_short(share, text) -> None:
    assert signed(share) == text
