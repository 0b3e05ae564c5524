"""What the oracle files give, read for the engine, and what the analyzer says, as users meet it."""

import math
from collections.abc import Mapping

import numpy as np

from omniforge_graph.domain.metric import Direction, Metric
from omniforge_graph.domain.plan import AnalysisPlan, Monitoring
from omniforge_graph.errors import ValidationError
from omniforge_graph.plugin.manager import installed_plugins
from omniforge_graph.services.analyzer import ExperimentAnalyzer
from omniforge_graph.services.samples import read_variants
from omniforge_graph.statistics.alternative import Alternative
from omniforge_graph.statistics.moments import Moments, mean_of
from omniforge_graph.statistics.samples import SampleStatistics

ALTERNATIVES = {
    "two_sided": Alternative.TWO_SIDED,
    "greater": Alternative.GREATER,
    "larger": Alternative.GREATER,
    "less": Alternative.LESS,
    "smaller": Alternative.LESS,
}
_ROUNDING = 1e-12
"""What is left of a sum of squares below this share of it is rounding."""


def analyze(rows, kind, test, *, confidence=0.95, inverse=False, **options):
    """Return what the analyzer says of arms given as {units, ...}, the control first."""
    metric = Metric("metric", kind, Direction.LOWER_IS_BETTER if inverse else Direction.HIGHER_IS_BETTER)
    arms, samples = read_variants([{"name": f"v{n}", **row} for n, row in enumerate(rows)], metric)
    plan = AnalysisPlan(test=test, options=options, confidence_level=confidence, monitoring=Monitoring.FIXED)
    return ExperimentAnalyzer(installed_plugins()).judge(arms, metric, plan, samples)


def told(result, alternative=Alternative.TWO_SIDED):
    """Return what an analysis of two arms says, with the infinite ends that one-sided tests have."""
    (each,) = result.comparisons
    effect = each.absolute_effect
    known = effect.lower is not None or effect.upper is not None
    return {
        "diff": effect.estimate,
        "effect": effect.estimate,
        "ci_lower": -math.inf if known and alternative is Alternative.LESS else effect.lower,
        "ci_upper": math.inf if known and alternative is Alternative.GREATER else effect.upper,
        "p_value": each.p_value,
        "log10_p_value": each.log10_p_value,
        "significant": each.is_significant,
        "reason": reasons(result),
    }


def reasons(result):
    """Return the notices of an analysis as one text."""
    return " ".join(notice.message for notice in result.notices)


def side(alternative):
    """Return an alternative from any of its usual names."""
    name = str(alternative).replace("-", "_").replace(".", "_").lower()
    if name not in ALTERNATIVES:
        raise ValidationError(f"alternative must be one of {', '.join(ALTERNATIVES)}.", path=("alternative",))
    return ALTERNATIVES[name]


def level(confidence, alpha=None):
    """Return a confidence level, which `alpha` may be given instead of."""
    if alpha is not None:
        return 1 - number(alpha, "alpha", 0, 1)
    return number(confidence, "confidence", 0, 1)


def number(value, name, above=-math.inf, below=math.inf):
    """Return a finite number strictly between two others."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not above < value < below:
        raise ValidationError(f"{name} must be a number between {above:g} and {below:g}, not {value}.", path=(name,))
    return float(value)


def whole(value, name, least=0):
    """Return a whole number of at least so much."""
    if number(value, name, least - 1) != int(value):
        raise ValidationError(f"{name} must be a whole number, not {value}.", path=(name,))
    return int(value)


def needed(mapping, name):
    """Return an entry of a mapping, which must be there."""
    if not isinstance(mapping, Mapping) or name not in mapping:
        raise ValidationError(f"{name} is missing.", path=(name,))
    return mapping[name]


def numbers(values, name="values"):
    """Return a flat list as an array of finite numbers."""
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise ValidationError(f"{name} must be numbers.", path=(name,)) from None
    if found.ndim != 1 or not np.all(np.isfinite(found)):
        raise ValidationError(f"{name} must be a flat list of finite numbers: no NaN, none missing.", path=(name,))
    return found


def counts(arm):
    """Return an arm of a rate, for the analyzer."""
    return {"units": whole(needed(arm, "n"), "n"), "conversions": whole(needed(arm, "x"), "x")}


def rates_of(*arms):
    """Return the statistics of rates."""
    rows = [counts(arm) for arm in arms]
    return SampleStatistics.of_rates(*([row[key] for row in rows] for key in ("conversions", "units")))


def moments(arm):
    """Return an arm's units, mean and variance, whichever way the oracle gives them; None for what is not known."""
    if "values" in arm:
        values = numbers(arm["values"])
        found = mean_of(Moments.of_values(values, np.zeros(len(values), dtype=int), 1))
        return row(len(values), found.mean[0], found.variance[0])
    n = whole(needed(arm, "n"), "n")
    if "x" in arm or arm.get("type") == "proportion":
        hits = whole(arm["x"] if "x" in arm else needed(arm, "sum"), "sum")
        mean = SampleStatistics.of_rates([hits], [n]).mean[0]
        return row(n, mean, mean * (1 - mean))
    if "mean" in arm:
        return row(n, number(arm["mean"], "mean"), spread_of(arm) if n > 1 else math.nan)
    total, square = (number(needed(arm, name), name) for name in ("sum", "sum_squares"))
    return row(n, total / n if n else math.nan, variance_of(n, total, square))


def row(n, mean, variance):
    """Return a row for the analyzer, without what is NaN."""
    return {
        "units": n,
        "mean": None if math.isnan(mean) else float(mean),
        "variance": None if n < 2 or math.isnan(variance) else float(variance),
    }


def spread_of(arm):
    """Return a variance from whatever it is given as."""
    for name, power in (("var", 1), ("variance", 1), ("sd", 2), ("std", 2), ("standard_deviation", 2)):
        if name in arm:
            spread = number(arm[name], name)
            if spread < 0:
                raise ValidationError(f"{name} must not be negative, but is {spread:g}.", path=(name,))
            return spread**power
    raise ValidationError("var is missing.", path=("var",))


def variance_of(n, total, square):
    """Return the unbiased variance from a sum and a sum of squares."""
    left = square - total * total / n if n else 0.0
    if left < -_ROUNDING * abs(square) or square < 0:
        raise ValidationError("sum_squares is too small for the sum: the variance would be negative.", path=("var",))
    return max(left if left > _ROUNDING * square else 0.0, 0.0) / (n - 1) if n > 1 else math.nan


def samples_of(*arms):
    """Return the statistics of arms, given in any way."""
    rows = [moments(arm) for arm in arms]
    return SampleStatistics.of(
        *([math.nan if each[key] is None else each[key] for each in rows] for key in ("units", "mean", "variance"))
    )


def plain(value):
    """Return a number, or None for what is not known."""
    found = float(np.squeeze(value))
    return None if math.isnan(found) else found
