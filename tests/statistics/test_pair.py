"""The scalar formulas answer for ordinary data only, never fail, and say nothing where care is needed."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.statistics.pair import Rate, Sample, pooled_z, welch

ANYTHING = st.floats() | st.integers(-3, 10**12)


def numbers(found):
    return [*found.absolute, *found.relative, found.p_value, found.log10_p_value]


@settings(deadline=None)  # the first call imports scipy.special
@given(st.tuples(ANYTHING, ANYTHING, ANYTHING), st.tuples(ANYTHING, ANYTHING, ANYTHING))
def test_means_of_whatever_kind_give_finite_numbers_or_nothing(control, treatment):
    found = welch(Sample(*control), Sample(*treatment), 0.95)
    assert found is None or all(map(math.isfinite, numbers(found)))


@settings(deadline=None)  # the first call imports scipy.special
@given(st.tuples(ANYTHING, ANYTHING), st.tuples(ANYTHING, ANYTHING))
def test_rates_of_whatever_kind_give_finite_numbers_or_nothing(control, treatment):
    found = pooled_z(Rate(*control), Rate(*treatment), 0.95)
    assert found is None or all(map(math.isfinite, numbers(found)))


def test_welch_gives_published_numbers():
    # R: t.test(weight ~ group, PlantGrowth, subset = group != "trt2"), turned around.
    found = welch(Sample(10, 5.032, 0.339995556), Sample(10, 4.661, 0.629921111), 0.95)
    assert found.p_value == pytest.approx(0.2504, abs=5e-5)
    assert found.absolute == pytest.approx((-0.371, -1.0295162, 0.2875162), abs=5e-8)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Sample(1, 5.0, 1.0), Sample(50, 5.0, 1.0)),
        (Sample(50.5, 5.0, 1.0), Sample(50, 5.0, 1.0)),
        (Sample(50, 5.0, 0.0), Sample(50, 6.0, 0.0)),
        (Sample(50, 5.0, -1.0), Sample(50, 6.0, 1.0)),
        (Sample(50, math.nan, 1.0), Sample(50, 6.0, 1.0)),
        (Sample(50, 0.01, 1.0), Sample(50, 6.0, 1.0)),  # a control that may be 0: the relative interval is unbounded
        (Sample(10**6, 5.0, 1.0), Sample(10**6, 6.0, 1.0)),  # p underflows
    ],
    ids=["one unit", "half a unit", "no variance", "negative variance", "nan", "unbounded", "tiny p"],
)
def test_means_that_need_care_are_declined(control, treatment):
    assert welch(control, treatment, 0.95) is None
    assert welch(Sample(50, 5.0, 1.0), Sample(50, 6.0, 1.0), 0.95) is not None


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Rate(0, 0), Rate(10, 50)),
        (Rate(1, 50), Rate(3, 50)),
        (Rate(49, 50), Rate(48, 50)),
        (Rate(60, 50), Rate(40, 50)),
        (Rate(10.5, 50), Rate(40, 50)),
        (Rate(0, 50), Rate(30, 50)),
        (Rate(10_000, 10**6), Rate(10**6, 10**6)),
    ],
    ids=["no units", "few convert", "few do not", "more than all", "half a unit", "no baseline", "tiny p"],
)
def test_rates_that_need_care_are_declined(control, treatment):
    assert pooled_z(control, treatment, 0.95) is None
    assert pooled_z(Rate(10, 50), Rate(30, 50), 0.95) is not None
