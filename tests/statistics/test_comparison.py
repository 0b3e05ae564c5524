"""Why means cannot be compared."""

import numpy as np
import pytest

from omniforge_graph.statistics.comparison import Flag, poor_data_flags
from omniforge_graph.statistics.samples import SampleStatistics


@pytest.mark.parametrize(
    ("control", "treatment", "flags"),
    [
        ((9, 1, 1), (9, 1, 1), []),
        ((9, 1, 0), (9, 1, 1), []),
        ((0, np.nan, np.nan), (9, 1, 1), [Flag.NO_UNITS]),
        ((1, 1, np.nan), (0, np.nan, np.nan), [Flag.NO_UNITS]),
        ((9, 1, 1), (1, 1, np.nan), [Flag.TOO_FEW_UNITS]),
        ((9, 1, 0), (9, 2, 0), [Flag.NO_VARIANCE]),
        ((9, 1, 1), (9, 1, np.nan), [Flag.NO_STANDARD_ERROR]),
        ((9, 1, np.inf), (9, 1, 1), [Flag.NO_STANDARD_ERROR]),
    ],
)
def test_one_reason_at_most(control, treatment, flags):
    sides = (SampleStatistics(*(np.array([each], dtype=float) for each in side)) for side in (control, treatment))
    found = poor_data_flags(*sides)
    assert [flag for flag, mask in found.items() if mask.all()] == flags


def test_one_control_serves_all_treatments():
    control = SampleStatistics.of([9], [1], [1])
    found = poor_data_flags(control, SampleStatistics.of([9, 0, 1], [1, 0, 0], [1, 0, 0]))
    assert found[Flag.NO_UNITS].tolist() == [False, True, False]
    assert found[Flag.TOO_FEW_UNITS].tolist() == [False, False, True]
