"""Reading one variant's numbers: a count, a few sufficient statistics, or one value per unit."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from omniforge_graph.domain.metric import MAX_ABSOLUTE_VALUE, Aggregation, Metric, MetricKind
from omniforge_graph.errors import Path, ValidationError
from omniforge_graph.statistics.samples import FloatArray, SampleStatistics

Observations: TypeAlias = tuple[float, float, float]
"""Units, mean, unbiased variance."""
SPELLINGS = {"standardDeviation": "standard_deviation", "isControl": "is_control"}
"""GraphQL's spelling of names, which is understood too."""
_NUMBERS = ("units", "conversions", "mean", "standard_deviation", "variance")
_EXPECTED = (
    "give {units, conversions}, {units, mean, standard_deviation}, {units, mean, variance} or one number per unit"
)


def read_observations(data: object, metric: Metric, path: Path) -> Observations:
    """Return one variant's units, mean and unbiased variance; NaN where there are too few units for one.

    A mapping holds units with conversions (or a mean, which is rounded to whole conversions) for a BINARY metric,
    units with mean and standard_deviation or variance for any other: of a RATIO or a QUANTILE the estimate, and the
    standard deviation that a mean of as many units would need for the same standard error. Anything else is one value
    per unit.

    Raises:
        ValidationError: `path` leads to what is wrong.
    """
    if isinstance(data, Mapping):
        return _read_statistics(data, metric, path)
    if metric.kind in (MetricKind.RATIO, MetricKind.QUANTILE):
        raise ValidationError(f"Give one value per unit for every variant of a {metric.kind}, or for none.", path=path)
    values = read_unit_values(data, metric, path)[:, 0]
    units = float(values.size)
    mean = float(values.mean()) if units else np.nan
    return units, mean, float(values.var(ddof=1)) if units > 1 else np.nan


def is_unit_values(data: object) -> bool:
    """Whether these are values of units, not statistics of them."""
    return not isinstance(data, Mapping | str | bytes) and (isinstance(data, Sequence) or hasattr(data, "__array__"))


def read_unit_values(data: object, metric: Metric, path: Path) -> FloatArray:
    """Return one row per unit: its value, or for a RATIO its numerator and denominator; shape (units, 1 or 2).

    Raises:
        ValidationError: `path` leads to what is wrong.
    """
    if not is_unit_values(data):
        raise ValidationError(f"{type(data).__name__} is no variant's numbers; {_EXPECTED}.", path=path)
    pairs = metric.kind is MetricKind.RATIO
    try:
        values = np.asarray(data)
    except ValueError:
        values = np.empty((0, 0, 0))
    if values.size == 0 and values.ndim == 1:
        return np.empty((0, 1 + pairs))
    if values.ndim != 1 + pairs or values.dtype.kind not in "biuf" or (pairs and values.shape[1] != 2):
        what = "pairs (numerator, denominator)" if pairs else "numbers"
        raise ValidationError(f"Values must be a flat sequence of {what}, one for each unit.", path=path)
    rows = values.astype(np.float64).reshape(len(values), -1)
    # A unit's mean of counts need not be a whole number, and a ratio's parts are recorded under their own metrics.
    free = metric.aggregation is Aggregation.MEAN or pairs
    rule = Metric(metric.key, MetricKind.CONTINUOUS) if free else metric
    for index, row in enumerate(rows.tolist()):
        if problem := next(filter(None, map(rule.value_problem, row)), None):
            raise ValidationError(problem, path=(*path, index))
    return rows


def _read_statistics(data: Mapping[Any, Any], metric: Metric, path: Path) -> Observations:
    given = {SPELLINGS.get(key, key): value for key, value in data.items() if value is not None}
    for key in data:
        if SPELLINGS.get(key, key) not in _NUMBERS:
            raise ValidationError(f"{key!r} is not expected here; {_EXPECTED}.", path=(*path, key))
    numbers = {key: _number(value, key, path) for key, value in given.items()}
    units = _whole(numbers, "units", path)
    if metric.kind is MetricKind.BINARY:
        return _read_rate(units, numbers, path)
    if "conversions" in numbers:
        raise ValidationError(
            f"conversions are for BINARY metrics and {metric.key} is {metric.kind}: give mean and standard_deviation.",
            path=(*path, "conversions"),
        )
    if units == 0:
        return 0.0, np.nan, np.nan
    mean = _needed(numbers, "mean", path)
    if units == 1:
        return units, mean, np.nan
    if "variance" in numbers:
        return units, mean, _not_negative(numbers, "variance", path)
    _needed(numbers, "standard_deviation", path)
    return units, mean, _not_negative(numbers, "standard_deviation", path) ** 2


def _read_rate(units: float, numbers: Mapping[str, float], path: Path) -> Observations:
    """Read a BINARY metric: conversions, or the mean, which is rounded to whole conversions."""
    if units == 0 and "conversions" not in numbers:
        return 0.0, np.nan, np.nan
    if "conversions" not in numbers:
        rate = _needed(numbers, "mean", path)
        if not 0 <= rate <= 1:
            raise ValidationError(f"mean of a BINARY metric must be from 0 to 1, not {rate:g}.", path=(*path, "mean"))
        numbers = {"conversions": round(units * rate)}
    converted = _whole(numbers, "conversions", path)
    if converted > units:
        raise ValidationError(
            f"conversions ({converted:g}) must not exceed units ({units:g}).", path=(*path, "conversions")
        )
    sample = SampleStatistics.of_rates([converted], [units])
    return units, float(sample.mean[0]), float(sample.variance[0])


def _number(value: object, name: str, path: Path) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise ValidationError(f"{name} must be a number, not {type(value).__name__}.", path=(*path, name))
    limit = MAX_ABSOLUTE_VALUE**2 if name == "variance" else MAX_ABSOLUTE_VALUE
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not abs(number) <= limit:
        raise ValidationError(f"{name} must be finite (no NaN) and within ±{limit:g}.", path=(*path, name))
    return number


def _needed(numbers: Mapping[str, float], name: str, path: Path) -> float:
    if name not in numbers:
        raise ValidationError(f"{name} is missing; {_EXPECTED}.", path=(*path, name))
    return numbers[name]


def _whole(numbers: Mapping[str, float], name: str, path: Path) -> float:
    value = _needed(numbers, name, path)
    if value < 0 or value != int(value):
        raise ValidationError(f"{name} must be a whole number from 0 up, not {value:g}.", path=(*path, name))
    return value


def _not_negative(numbers: Mapping[str, float], name: str, path: Path) -> float:
    if numbers[name] < 0:
        raise ValidationError(f"{name} must not be negative, but is {numbers[name]:g}.", path=(*path, name))
    return numbers[name]
