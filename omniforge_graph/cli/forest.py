"""A forest plot in characters: one line for each effect, all on one scale, with zero marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import set_cell_size

from omniforge_graph.domain.analysis import Effect

LABEL, FIGURE, NARROWEST = 18, 10, 20
"""Cells for a line's label and its figure, and the fewest for the drawing between them."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line is of, the effect as a share of the control, and whether it is more than chance."""

    label: str
    effect: Effect
    is_significant: bool = False


def draw_forest(lines: Sequence[Line], width: int) -> list[str]:
    """Return the lines drawn on one scale, at most `width` cells each, and below them the scale.

    ● is the estimate, ├ and ┤ end its interval, ◄ and ► say that it has no end there, │ is zero and ★ significance.
    Nothing is drawn where nothing is known.
    """
    scale = _Scale.of([line.effect for line in lines], max(width - LABEL - FIGURE - 4, NARROWEST))
    drawn = []
    for line in lines:
        figure = "–" if line.effect.estimate is None else signed(line.effect.estimate)
        mark = "★" if line.is_significant else ""
        drawn.append(
            f"{set_cell_size(line.label, LABEL)} {_bar(line.effect, scale)} {figure:>{FIGURE}} {mark}".rstrip()
        )
    return [*drawn, f"{'':{LABEL}} {_axis(scale)}".rstrip()]


def signed(share: float) -> str:
    """Return a share as a signed percentage, short whatever its size."""
    percent = share * 100
    return f"{percent:+.1f}%" if abs(percent) < 10_000 else f"{percent:+.1e}%"


@dataclass(frozen=True, slots=True)
class _Scale:
    """The values of the first and the last cell, zero among them."""

    low: float
    high: float
    cells: int

    @classmethod
    def of(cls, effects: Iterable[Effect], cells: int) -> "_Scale":
        known = [each for each in effects if each.estimate is not None]
        every = [value for each in known for value in (each.estimate, each.lower, each.upper) if value is not None]
        low, high = min([0.0, *every]), max([0.0, *every])
        if low == high:
            return cls(-1.0, 1.0, cells)
        arrow = (high - low) / 20  # room for an arrow beside the last point
        below, above = any(each.lower is None for each in known), any(each.upper is None for each in known)
        return cls(low - arrow * below, high + arrow * above, cells)

    def place(self, value: float) -> int:
        return round((value - self.low) / (self.high - self.low) * (self.cells - 1))


def _bar(effect: Effect, scale: _Scale) -> str:
    cells, zero, last = [" "] * scale.cells, scale.place(0.0), scale.cells - 1
    if effect.estimate is not None:
        start = 0 if effect.lower is None else scale.place(effect.lower)
        end = last if effect.upper is None else scale.place(effect.upper)
        cells[start : end + 1] = "─" * (end + 1 - start)
        cells[start] = "◄" if effect.lower is None else "├"
        cells[end] = "►" if effect.upper is None else "┤"
    cells[zero] = {" ": "│", "─": "┼"}.get(cells[zero], cells[zero])
    if effect.estimate is not None:
        cells[scale.place(effect.estimate)] = "●"
    return "".join(cells)


def _axis(scale: _Scale) -> str:
    """Return the ends of the scale, and zero where it has room between them."""
    left, right = (signed(scale.low) if scale.low < 0 else ""), (signed(scale.high) if scale.high > 0 else "")
    cells, zero = list(f"{left}{right:>{scale.cells - len(left)}}"), scale.place(0.0)
    if not "".join(cells[max(zero - 1, 0) : zero + 2]).strip():
        cells[zero] = "0"
    return "".join(cells)
