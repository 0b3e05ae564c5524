"""How often the interval of a difference between rates covers the truth: exact, in 125 cells."""

from tests.calibration.checking import Band, Check, Generator, Row
from tests.calibration.coverage import coverage_on_grid


def checks() -> list[Check]:
    """Return the checks of this module."""
    return [
        Check(
            (
                Row(
                    "interval of a difference of rates (Newcombe): least coverage in 125 cells",
                    Band(0.945, 1.0),
                    ".947",
                ),
                Row("interval of a difference of rates (Newcombe): mean coverage", None, ".958"),
            ),
            _newcombe,
        )
    ]


def _newcombe(_: Generator, __: int) -> tuple[float, ...]:
    found = list(coverage_on_grid("newcombe").values())
    assert len(found) == 125
    return min(found), sum(found) / len(found)
