"""The contract of a statistical test, as tests."""

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from omniforge_graph.domain.metric import Metric, MetricKind
from omniforge_graph.plugin.interfaces import ComparisonDesign, StatisticalTest
from omniforge_graph.statistics.comparison import ComparisonArrays
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics
from omniforge_graph.testing import samples as data
from omniforge_graph.testing.extension import ExtensionContract

_PER_TREATMENT = tuple(
    field.name
    for field in fields(ComparisonArrays)
    if field.name not in {"omnibus_p_value", "probability_best", "flags"}
)
_PROBABILITIES = ("p_value", "probability_better", "omnibus_p_value")
# The baseline of a relative effect may be zero or too uncertain: NaN there needs no flag.
_FLAGGED = tuple(name for name in _PER_TREATMENT if not name.startswith("relative_"))
_FALSE_POSITIVES = 4000


class StatisticalTestContract(ExtensionContract):
    """Subclass it as ``class TestMine(StatisticalTestContract)``, return your test from `make`, run pytest.

    It runs for every kind of metric the test judges, with the options in `options`.
    """

    rtol: float = 1e-9
    """How far a slice computed alone may differ from the same slice among others, relatively."""

    @abstractmethod
    def make(self) -> StatisticalTest:
        """Return a new instance of the test under test."""

    def compare(self, sample: SampleStatistics, design: ComparisonDesign) -> ComparisonArrays:
        """Run a new instance on data it cannot write to; a warning of any kind is an error."""
        for array in (sample.units, sample.mean, sample.variance):
            array.setflags(write=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return self.make().compare(sample, design, self.parsed_options())

    # ------------------------------------------------------------ shapes and slices

    def test_shapes(self) -> None:
        """Results have the slices' axes and one place per treatment, with two variants or five."""
        for kind in self._kinds():
            for slices in ((), (3,), (2, 3)):
                for variants in (2, 5):
                    found = self.compare(data.healthy(kind, (*slices, variants)), _design(kind))
                    for name, values in _arrays(found):
                        wanted = slices if name == "omnibus_p_value" else (*slices, variants - 1)
                        assert values.shape == wanted, f"{name} has shape {values.shape}; it must be {wanted}"
                    if found.probability_best is not None:
                        assert np.shape(found.probability_best) == (*slices, variants)
                        assert_allclose(np.sum(found.probability_best, axis=-1), 1, rtol=1e-6)

    def test_slices_are_independent(self) -> None:
        """A slice among others gives what it gives alone, next to slices with poor data too."""
        for kind in self._kinds():
            sample = data.stack([data.healthy(kind, (4, 3)), data.poor(kind)])
            together = self.compare(sample, _design(kind))
            for index in range(len(sample.units)):
                alone = self.compare(data.slice_of(sample, index), _design(kind))
                for name, values in _arrays(together):
                    single = dict(_arrays(alone)).get(name, np.zeros(values[index].shape, dtype=values.dtype))
                    assert_allclose(values[index], single, rtol=self.rtol, err_msg=f"{name} of slice {index}")

    def test_it_is_deterministic(self) -> None:
        """Equal input gives equal output to the last bit."""
        for kind in self._kinds():
            sample = data.stack([data.healthy(kind, (4, 3)), data.poor(kind)])
            first, again = (dict(_arrays(self.compare(sample, _design(kind)))) for _ in range(2))
            for name, values in first.items():
                assert_array_equal(values, again[name], err_msg=name)

    # ------------------------------------------------------------ poor data

    def test_poor_data_is_flagged(self) -> None:
        """No units, one unit, no variance: no exception, no warning, and a flag wherever there is a NaN."""
        for kind in self._kinds():
            sample = data.poor(kind)
            found = self.compare(sample, _design(kind))
            flagged = np.zeros(np.shape(found.estimate), dtype=bool)
            for mask in found.flags.values():
                flagged |= mask
            for name, values in _arrays(found):
                if name in _FLAGGED:
                    silent = np.isnan(values) & ~flagged
                    assert not silent.any(), f"{name} is NaN without a flag for {data.told(sample, silent)}"

    def test_healthy_data_gives_numbers(self) -> None:
        """With thousands of units in every variant nothing is NaN, and effects and p-values are finite."""
        for kind in self._kinds():
            found = self.compare(data.healthy(kind, (20, 4)), _design(kind))
            for name, values in _arrays(found):
                assert np.isfinite(values).all(), f"{name} is not finite for healthy data"

    # ------------------------------------------------------------ laws

    def test_ranges(self) -> None:
        """Intervals hold their estimate, probabilities lie in [0, 1], losses and logarithms have their sign."""
        for kind in self._kinds():
            found = self.compare(data.stack([data.healthy(kind, (20, 3)), data.poor(kind)]), _design(kind))
            values = dict(_arrays(found))
            known = ~(np.isnan(found.lower) | np.isnan(found.estimate) | np.isnan(found.upper))
            slack = 1e-12 * np.abs(found.estimate[known])
            assert np.all(found.lower[known] <= found.estimate[known] + slack), "lower must not exceed estimate"
            assert np.all(found.estimate[known] <= found.upper[known] + slack), "estimate must not exceed upper"
            for name in _PROBABILITIES:
                p = values.get(name, np.zeros(1))
                assert np.all(np.isnan(p) | ((p >= 0) & (p <= 1))), f"{name} must lie in [0, 1]"
            loss, log_p = values.get("expected_loss", np.zeros(1)), values.get("log10_p_value", np.zeros(1))
            assert np.all(np.isnan(loss) | (loss >= 0)), "expected_loss must not be negative"
            assert np.all(np.isnan(log_p) | (log_p <= 0)), "log10_p_value must not be positive"
            if found.p_value is not None and found.log10_p_value is not None:
                seen = found.p_value > 0
                assert_allclose(found.log10_p_value[seen], np.log10(found.p_value[seen]), rtol=1e-6, atol=1e-9)

    def test_swapping_control_and_treatment_negates_the_estimate(self) -> None:
        """Treatment minus control, whichever is which; and `design.control` names the control."""
        for kind in self._kinds():
            sample = data.healthy(kind, (20, 2))
            forward = self.compare(sample, _design(kind))
            backward = self.compare(sample, _design(kind, control=1))
            swapped = self.compare(data.reordered(sample, [1, 0]), _design(kind))
            assert_allclose(backward.estimate, -forward.estimate, rtol=1e-9, atol=1e-12)
            for name, values in _arrays(backward):
                assert_allclose(values, dict(_arrays(swapped))[name], rtol=self.rtol, err_msg=f"{name}, control=1")

    def test_the_order_of_treatments_does_not_matter(self) -> None:
        """Treatments in another order give the same numbers in that order."""
        order = [3, 1, 2]
        for kind in self._kinds():
            sample = data.healthy(kind, (10, 4))
            found = self.compare(sample, _design(kind))
            moved = dict(_arrays(self.compare(data.reordered(sample, [0, *order]), _design(kind))))
            for name, values in _arrays(found):
                wanted = values if name == "omnibus_p_value" else values[..., [each - 1 for each in order]]
                assert_allclose(moved[name], wanted, rtol=1e-9, atol=1e-300, err_msg=name)

    def test_the_estimate_has_the_sign_of_the_difference(self) -> None:
        """A clearly larger treatment has a positive estimate and an interval above zero; a smaller one below."""
        for kind in self._kinds():
            found = self.compare(data.clear_difference(kind), _design(kind))
            assert np.all(found.lower[..., 0] > 0), "an interval must lie above 0 for a clearly larger treatment"
            assert np.all(found.upper[..., 1] < 0), "an interval must lie below 0 for a clearly smaller treatment"
            if found.p_value is not None:
                assert np.all(found.p_value < 1e-6), "a p-value must be tiny for a clear difference"

    def test_more_units_and_less_confidence_narrow_the_interval(self) -> None:
        """A hundredfold of the same data is more precise; so is an 80 % interval than a 99 % one."""
        for kind in self._kinds():
            few, many = data.healthy(kind, (10, 3)), data.healthy(kind, (10, 3), times=100)
            assert np.all(_width(self.compare(many, _design(kind))) < _width(self.compare(few, _design(kind))))
            low, high = (self.compare(few, _design(kind, level=level)) for level in (0.8, 0.99))
            assert np.all(_width(low) < _width(high)), "design.confidence_level must widen the interval"

    def test_false_positives_stay_within_alpha(self) -> None:
        """Of 4,000 comparisons without a difference at most 5 % (plus four standard errors) have p < 0.05."""
        allowed = 0.05 + 4 * (0.05 * 0.95 / _FALSE_POSITIVES) ** 0.5
        for kind in self._kinds():
            probe = self.compare(data.no_difference(kind, 1), _design(kind))
            if probe.p_value is None and probe.omnibus_p_value is None:
                continue  # nothing is claimed
            found = self.compare(data.no_difference(kind, _FALSE_POSITIVES), _design(kind))
            for p in (found.p_value, found.omnibus_p_value):
                if p is not None:
                    rate = float(np.mean(p < 0.05))
                    assert rate <= allowed, f"{rate:.2%} of comparisons without a difference are 'significant'"

    def _kinds(self) -> list[MetricKind]:
        return sorted(self.make().kinds)


def _design(kind: MetricKind, *, control: int = 0, level: float = 0.95) -> ComparisonDesign:
    quantile = 0.5 if kind is MetricKind.QUANTILE else None
    return ComparisonDesign(Metric("measured", kind, quantile=quantile), control, level)


def _arrays(found: ComparisonArrays) -> Iterator[tuple[str, Any]]:
    """Yield every array of a result that is there, by name; flags as ``flag …``."""
    for name in (*_PER_TREATMENT, "omnibus_p_value"):
        values = getattr(found, name)
        if values is not None:
            yield name, values
    for flag, mask in found.flags.items():
        assert mask.dtype == np.bool_, f"flag {flag} must be an array of booleans"
        yield f"flag {flag}", mask


def _width(found: ComparisonArrays) -> FloatArray:
    return found.upper - found.lower
