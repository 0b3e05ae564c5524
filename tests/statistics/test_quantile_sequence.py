"""Quantiles compared at any time, whatever the distributions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge_graph.errors import ValidationError
from omniforge_graph.statistics.quantile_sequence import sequential_quantile_p_value

SAMPLES = st.lists(st.integers(0, 30), min_size=1, max_size=60)


@settings(max_examples=50, deadline=None)
@given(x=SAMPLES, y=SAMPLES, quantile=st.floats(0.05, 0.95))
def test_swapping_the_samples_changes_nothing(x, y, quantile):
    assert sequential_quantile_p_value(x, y, quantile, 100) == sequential_quantile_p_value(y, x, quantile, 100)


@settings(max_examples=50, deadline=None)
@given(x=SAMPLES, y=SAMPLES, quantile=st.floats(0.05, 0.95))
def test_only_the_order_of_values_counts(x, y, quantile):
    scaled = [np.exp(np.array(each) / 7) for each in (x, y)]
    assert sequential_quantile_p_value(*scaled, quantile, 100) == sequential_quantile_p_value(x, y, quantile, 100)


@settings(max_examples=50, deadline=None)
@given(x=SAMPLES, quantile=st.floats(0.05, 0.95))
def test_a_sample_does_not_differ_from_itself(x, quantile):
    assert sequential_quantile_p_value(x, x, quantile, 100)[0] == 1


def test_ties_are_no_evidence():
    # Half of each sample on one value that may be the median of both.
    x, y = [0] * 30 + [1] * 50 + [2] * 20, [0] * 20 + [1] * 50 + [2] * 30
    assert sequential_quantile_p_value(x, y, 0.5, 100)[0] == 1


def test_samples_far_apart_differ_beyond_the_smallest_number():
    p_value, log10_p = sequential_quantile_p_value(np.arange(5000), np.arange(5000) + 10_000, 0.5, 1000)
    assert p_value == 0
    # Whatever the median is, one sample lies on one side of it altogether: 5,000 tosses in a row, less the mixture's
    # price.
    assert -5000 * math.log10(2) < log10_p < -0.9 * 5000 * math.log10(2)


def test_watching_all_the_time_rarely_finds_what_is_not_there():
    generator, alarms, sims = np.random.default_rng(11), 0, 200
    for _ in range(sims):
        x, y = generator.lognormal(size=(2, 600))
        alarms += any(sequential_quantile_p_value(x[:n], y[:n], 0.9, 300)[0] < 0.05 for n in range(50, 601, 50))
    assert alarms / sims <= 0.05


def test_a_real_shift_is_found():
    x = np.random.default_rng(2).lognormal(size=(2, 3000))
    assert sequential_quantile_p_value(x[0], 1.5 * x[1], 0.5, 1000)[0] < 1e-6


def test_an_empty_sample_is_not_computable():
    assert all(math.isnan(each) for each in sequential_quantile_p_value([], [1, 2], 0.5, 100))


@pytest.mark.parametrize(("values", "quantile", "field"), [([1.0], 0.0, "quantile"), ([math.nan], 0.5, "values")])
def test_what_makes_no_sense_is_refused(values, quantile, field):
    with pytest.raises(ValidationError, match=field) as refused:
        sequential_quantile_p_value(values, [1.0, 2.0], quantile, 100)
    assert refused.value.path == (field,)
