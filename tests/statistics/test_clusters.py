"""Design effects."""

import numpy as np
import pytest

from omniforge_graph.statistics.clusters import design_effect


def of(unit, values, units):
    rows = [np.bincount(unit, weights=each, minlength=units) for each in (values, np.ones_like(values), values**2)]
    return design_effect(*rows, np.zeros(units, int), 1)


def test_independent_outcomes_have_none():
    values = np.random.default_rng(1).normal(3, 1, 4000)
    alone = of(np.arange(4000), values, 4000)
    assert alone.effect[0] == pytest.approx(1, rel=1e-9)
    assert alone.effective[0] == pytest.approx(4000, rel=1e-9)
    assert alone.mean.mean[0] == pytest.approx(values.mean())


def test_equal_clusters_have_kishs():
    """With clusters of m and an intraclass correlation of r it is 1 + (m - 1) r (Kish 1965)."""
    generator, units, size, shared = np.random.default_rng(2), 4000, 8, 0.3
    unit = np.repeat(np.arange(units), size)
    values = np.sqrt(shared) * generator.normal(size=units)[unit]
    values += np.sqrt(1 - shared) * generator.normal(size=len(unit))
    found = of(unit, values, units)
    assert found.effect[0] == pytest.approx(1 + (size - 1) * shared, rel=0.08)
    assert found.outcomes[0] == units * size
    assert found.effective[0] == pytest.approx(found.outcomes[0] / found.effect[0])


def test_copies_of_one_outcome_count_once():
    values = np.random.default_rng(3).normal(size=500)
    found = of(np.repeat(np.arange(500), 4), np.repeat(values, 4), 500)
    assert found.effective[0] == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize(
    ("sums", "counts", "squares"),
    [([], [], []), ([3.0], [2], [5.0]), ([2.0, 4.0], [1, 2], [4.0, 8.0]), ([0.0, 0.0], [0, 0], [0.0, 0.0])],
)
def test_poor_data_has_no_effect_and_no_warning(sums, counts, squares):
    found = design_effect(sums, counts, squares, np.zeros(len(sums), int), 1)
    assert np.isnan([found.effect[0], found.effective[0]]).all()
    assert found.outcomes[0] == sum(counts)
