"""A plugin's test is called in one place, and its answer is checked."""

import numpy as np
import pytest

from omniforge_graph.domain.metric import Metric
from omniforge_graph.errors import PluginError, ValidationError
from omniforge_graph.plugin.interfaces import ComparisonDesign, Options, StatisticalTest
from omniforge_graph.services.computation import run_test
from omniforge_graph.statistics.comparison import ComparisonArrays, Flag
from omniforge_graph.statistics.samples import SampleStatistics

SAMPLES = SampleStatistics.of_rates([1, 2, 3], [10, 10, 10])
PLAIN = {"estimate": [0.1, 0.2], "lower": [0.0, 0.1], "upper": [0.2, np.inf]}


def run(answer):
    class Odd(StatisticalTest):
        name = "odd"
        description = "Returns what it is told."

        def compare(self, samples, design, options):
            if isinstance(answer, BaseException):
                raise answer
            return answer

    return run_test(Odd(), SAMPLES, ComparisonDesign(Metric("sale")), Options())


def test_lists_become_arrays_and_unbounded_ends_are_fine():
    found = run(ComparisonArrays(**PLAIN, omnibus_p_value=0.5))
    assert found.estimate.dtype == np.float64
    assert found.omnibus_p_value.shape == ()
    assert found.upper[1] == np.inf


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"estimate": [0.1]}, r"estimate of shape \(1,\); its shape must be \(2,\)"),
        ({"estimate": None}, "left out estimate"),
        ({"estimate": ["a", "b"]}, "not an array of numbers"),
        ({"estimate": [0.1, np.inf]}, "infinite estimate"),
        ({"p_value": [0.1, 1.1]}, "p_value outside 0 to 1"),
        ({"probability_better": [-0.1, 1]}, "probability_better outside"),
        ({"omnibus_p_value": [0.1]}, "omnibus_p_value of shape"),
        ({"expected_loss": [-1, 0]}, "negative expected_loss"),
        ({"expected_loss": [np.inf, 0]}, "infinite expected_loss"),
        ({"flags": {Flag.NO_UNITS: np.array([True])}}, "flag NO_UNITS"),
        ({"flags": {Flag.NO_UNITS: np.array([1, 0])}}, "flag NO_UNITS"),
        ({"flags": {"OWN": np.array([True, False])}}, "mapping from Flag"),
        ({"flags": None}, "mapping from Flag"),
    ],
)
def test_a_broken_contract_names_the_plugin_and_the_fault(changes, words):
    with pytest.raises(PluginError, match=words) as caught:
        run(ComparisonArrays(**{**PLAIN, **changes}))
    assert caught.value.plugin == "odd"


@pytest.mark.parametrize("problem", [ZeroDivisionError("oops"), ValidationError("no"), SystemExit(1)])
def test_one_that_raises_is_named_with_the_cause(problem):
    with pytest.raises(PluginError, match=f"odd raised {type(problem).__name__}") as caught:
        run(problem)
    assert caught.value.__cause__ is problem


def test_only_an_interruption_passes_through():
    with pytest.raises(KeyboardInterrupt):
        run(KeyboardInterrupt())


def test_something_else_than_arrays_is_refused():
    with pytest.raises(PluginError, match="returned dict"):
        run({"estimate": 1})
