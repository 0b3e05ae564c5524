"""Classic designs, and what looking early costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.group_sequential import boundaries
from omniforge_graph.statistics.group_sequential_design import (
    design_power,
    design_size,
    even_design_size,
    wang_tsiatis_boundaries,
)
from omniforge_graph.statistics.spending import Spending, SpendingKind


def even(looks):
    return np.arange(1, looks + 1) / looks


@pytest.mark.parametrize(
    ("shape", "looks", "constant", "factor"),
    [
        # Jennison & Turnbull (2000), tables 2.1 to 2.4: two-sided .05, power .8.
        (0.5, 2, 2.178, 1.110),
        (0.5, 5, 2.413, 1.229),
        (0.5, 10, 2.555, 1.301),
        (0.0, 2, 1.977, 1.008),
        (0.0, 5, 2.040, 1.028),
        (0.0, 10, 2.087, 1.040),
    ],
)
def test_classic_designs_are_the_published_ones(shape, looks, constant, factor):
    found = wang_tsiatis_boundaries(even(looks), 0.05, shape)
    np.testing.assert_allclose(found.z, constant * even(looks) ** (shape - 0.5), rtol=0.0006 / constant)
    assert found.cumulative_alpha[-1] == pytest.approx(0.05, abs=1e-10)
    assert design_size(found, 0.05, 0.8).inflation == pytest.approx(factor, abs=0.0006)


def test_expected_units_are_the_published_ones():
    # Jennison & Turnbull (2000): O'Brien & Fleming's design with five looks expects 102.1 % without an effect.
    found = design_size(wang_tsiatis_boundaries(even(5), 0.05, 0.0), 0.05, 0.8)
    assert found.expected_without_effect == pytest.approx(1.021, abs=0.0006)
    assert found.expected_with_effect < 0.82


def test_one_look_costs_nothing():
    assert even_design_size(1, 0.05, 0.8, Spending()).inflation == pytest.approx(1, rel=1e-9)
    found = design_size(boundaries([1.0], 0.05, Spending()), 0.05, 0.9)
    assert found.drift == pytest.approx(1.959963984540054 + 1.2815515655446004, rel=1e-9)
    assert found.expected_with_effect == found.inflation


@settings(max_examples=25, deadline=None)
@given(looks=st.integers(2, 12), power=st.floats(0.5, 0.95), sides=st.sampled_from([1, 2]))
def test_more_units_reach_the_power_and_early_stops_save_some(looks, power, sides):
    design = boundaries(even(looks), 0.05, Spending(SpendingKind.POCOCK), sides)
    found = design_size(design, 0.05, power, sides)
    assert design_power(design, found.drift, sides) == pytest.approx(power, abs=1e-9)
    assert found.inflation > 1
    assert found.expected_with_effect < found.expected_without_effect < found.inflation


def test_power_without_an_effect_is_half_the_level():
    design = boundaries(even(6), 0.05, Spending())
    assert design_power(design, 0.0) == pytest.approx(0.025, abs=1e-9)


def test_power_agrees_with_simulation():
    paths, looks, generator = 40_000, 10, np.random.default_rng(5)
    design = boundaries(even(looks), 0.05, Spending())
    drift = special.ndtri(0.975) + special.ndtri(0.8)
    steps = generator.standard_normal((paths, looks)) / np.sqrt(looks) + drift / looks
    z = np.cumsum(steps, axis=1) / np.sqrt(even(looks))
    power = design_power(design, drift)
    assert np.any(z >= design.z, axis=1).mean() == pytest.approx(power, abs=3.3 * np.sqrt(power * (1 - power) / paths))


def test_uneven_looks_keep_the_level():
    found = wang_tsiatis_boundaries([0.1, 0.7, 0.9], 0.025, 0.25, sides=1)
    assert found.cumulative_alpha[-1] == pytest.approx(0.025, abs=1e-10)
    np.testing.assert_allclose(found.z / found.z[-1], (np.array([0.1, 0.7, 0.9]) / 0.9) ** -0.25, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: wang_tsiatis_boundaries([0.5, 1], 0.05, 2.0), "shape"),
        (lambda: wang_tsiatis_boundaries([1, 0.5], 0.05, 0.0), "information"),
        (lambda: design_size(boundaries([1.0], 0.05, Spending()), 0.05, 0.05), "power"),
        (lambda: even_design_size(0, 0.05, 0.8, Spending()), "looks"),
    ],
)
def test_what_makes_no_sense_is_refused(call, field):
    with pytest.raises(ValidationError, match=field) as refused:
        call()
    assert refused.value.path == (field,)
