"""The one place where a plugin's statistical test is called, and its answer checked before anybody relies on it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from omniforge_graph.errors import PluginError
from omniforge_graph.plugin.hooks import explain
from omniforge_graph.plugin.interfaces import ComparisonDesign, Options, StatisticalTest
from omniforge_graph.statistics.comparison import ComparisonArrays, Flag
from omniforge_graph.statistics.density import Density
from omniforge_graph.statistics.relative import fieller_interval
from omniforge_graph.statistics.samples import BoolArray, FloatArray, SampleStatistics
from omniforge_graph.statistics.tails import normal_quantile

_UNBOUNDED = ("lower", "upper", "relative_lower", "relative_upper", "log10_p_value")
_PROBABILITIES = ("p_value", "probability_better", "omnibus_p_value", "probability_best")
_REQUIRED = ("estimate", "lower", "upper")


def run_test(
    test: StatisticalTest, samples: SampleStatistics, design: ComparisonDesign, options: Options
) -> ComparisonArrays:
    """Run a test and return its answer as arrays of floats with the shapes its interface promises.

    Relative effects that the test leaves out are added (Fieller 1954).

    Raises:
        PluginError: it raised, or its answer breaks the contract of `StatisticalTest`; the message says how.
    """
    try:
        answer = test.compare(samples, design, options)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # a plugin may call sys.exit
        raise PluginError(f"The statistical test {test.name} raised {explain(problem)}.", plugin=test.name) from problem
    if not isinstance(answer, ComparisonArrays):
        raise _broken(test, f"returned {type(answer).__name__}; return ComparisonArrays")
    *slices, variants = samples.units.shape
    shapes = {"omnibus_p_value": tuple(slices), "probability_best": (*slices, variants)}
    found: dict[str, FloatArray | None] = {}
    for name in (field.name for field in fields(ComparisonArrays) if field.name != "flags"):
        found[name] = _checked(test, name, getattr(answer, name), shapes.get(name, (*slices, variants - 1)))
    flags = _checked_flags(test, answer.flags, (*slices, variants - 1))
    if found["relative_estimate"] is None:
        critical = normal_quantile(design.confidence_level)
        names = ("relative_estimate", "relative_lower", "relative_upper")
        found |= zip(names, fieller_interval(*samples.split(design.control), critical), strict=True)
    return ComparisonArrays(**found, flags=flags)  # type: ignore[arg-type]


def run_density(
    test: StatisticalTest, samples: SampleStatistics, design: ComparisonDesign, options: Options
) -> Density | None:
    """Return the posterior density of each treatment's effect, None for a test without a posterior.

    Raises:
        PluginError: it raised, or its answer breaks the contract of `StatisticalTest`; the message says how.
    """
    try:
        answer = test.posterior_density(samples, design, options)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # a plugin may call sys.exit
        raise PluginError(f"The statistical test {test.name} raised {explain(problem)}.", plugin=test.name) from problem
    if answer is None:
        return None
    if not isinstance(answer, Density):
        raise _broken(test, f"returned {type(answer).__name__}; return a Density or None")
    *slices, variants = samples.units.shape
    shape = (*slices, variants - 1, *np.shape(answer.values)[-1:])
    curves = [_checked(test, name, getattr(answer, name), shape) for name in ("values", "densities")]
    return Density(*(each for each in curves if each is not None))


def _checked(test: StatisticalTest, name: str, value: Any, shape: tuple[int, ...]) -> FloatArray | None:
    if value is None:
        if name in _REQUIRED:
            raise _broken(test, f"left out {name}; return an array, NaN where it cannot be computed")
        return None
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise _broken(test, f"returned {name} that is not an array of numbers") from None
    if array.shape != shape:
        raise _broken(test, f"returned {name} of shape {array.shape}; its shape must be {shape}")
    if name not in _UNBOUNDED and np.any(np.isinf(array)):
        raise _broken(test, f"returned an infinite {name}; return NaN where it cannot be computed")
    if name in _PROBABILITIES and np.any((array < 0) | (array > 1)):
        raise _broken(test, f"returned a {name} outside 0 to 1")
    if name == "expected_loss" and np.any(array < 0):
        raise _broken(test, "returned a negative expected_loss")
    return array


def _checked_flags(test: StatisticalTest, flags: Any, shape: tuple[int, ...]) -> Mapping[Flag, BoolArray]:
    if not isinstance(flags, Mapping) or not all(isinstance(flag, Flag) for flag in flags):
        raise _broken(test, "returned flags that are not a mapping from Flag to arrays")
    masks = {flag: np.asarray(mask) for flag, mask in flags.items()}
    for flag, mask in masks.items():
        if mask.shape != shape or mask.dtype != np.bool_:
            raise _broken(test, f"returned the flag {flag} as {mask.dtype} of shape {mask.shape}; bool {shape} it is")
    return masks


def _broken(test: StatisticalTest, how: str) -> PluginError:
    return PluginError(f"The statistical test {test.name} broke its contract: it {how}.", plugin=test.name)
