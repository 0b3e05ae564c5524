"""What a plan of a study's size rests on, in words."""

from omniforge_graph.domain.metric import MetricKind
from omniforge_graph.domain.plan import Monitoring
from omniforge_graph.domain.study import Distribution, Study
from omniforge_graph.statistics.spending import SpendingKind

_NAMES = {MetricKind.BINARY: "rate", MetricKind.RATIO: "ratio"}
_SPENDING_NAMES = {
    SpendingKind.OBRIEN_FLEMING: "O'Brien and Fleming",
    SpendingKind.POCOCK: "Pocock",
    SpendingKind.KIM_DEMETS: "Kim and DeMets",
    SpendingKind.HWANG_SHIH_DECANI: "Hwang, Shih and DeCani",
}


def assumptions_of(study: Study, effect: float, power: float) -> tuple[str, ...]:
    """Return sentences for people, for an absolute effect and the power reached for it."""
    return (
        *_goal(study, effect, power),
        _looking(study),
        *_spread(study),
        *_family(study),
        *([f"{study.daily_units:g} units that were not seen before arrive each day."] if study.daily_units else []),
    )


def _goal(study: Study, effect: float, power: float) -> list[str]:
    name = f"{study.quantile:g} quantile" if study.quantile is not None else _NAMES.get(study.kind, "mean")
    before, after = study.baseline, study.baseline + effect
    sure = f"{study.confidence_level:.4g} confidence"
    if study.margin is not None:
        margin = f"{study.margin:.4g} of it" if study.relative else f"{study.margin:.4g}"
        truth = "the same as the control's" if effect == 0 else f"{after:.4g}"
        return [
            f"The control's {name} is {before:g}; a treatment's is {truth}, and must not be worse by {margin}.",
            f"A one-sided test at {sure} shows that with probability {power:.4g}.",
        ]
    one = "one" if study.tails == 1 else "two"
    return [
        f"The smallest effect worth detecting takes the control's {name} from {before:g} to {after:.6g}.",
        f"A {one}-sided test at {sure} finds it with probability {power:.4g}.",
    ]


def _looking(study: Study) -> str:
    shares = "equal shares" if study.shares is None else "shares " + " : ".join(f"{each:g}" for each in study.shares)
    start = f"The variants get {shares}, each unit counts once, and the results are judged"
    if study.monitoring is Monitoring.GROUP_SEQUENTIAL:
        name = _SPENDING_NAMES[study.spending]
        return f"{start} at {study.planned_looks} even looks, which spend the error rate as {name}."
    if study.monitoring is Monitoring.ALWAYS_VALID:
        return f"{start} at any time, by intervals tuned to the units that a single look would need."
    return f"{start} once, at the end."


def _spread(study: Study) -> list[str]:
    told = []
    if study.density is not None:
        told.append(f"Around the quantile, each unit of the metric holds {study.density:.4g} of the units.")
    elif study.kind is MetricKind.QUANTILE and study.distribution is Distribution.LOGNORMAL:
        deviation = study.standard_deviation
        told.append(f"Values are lognormal; their logarithms have a standard deviation of {deviation:g}.")
    elif study.kind is MetricKind.QUANTILE:
        told.append(f"Values are normal with a standard deviation of {study.standard_deviation:g}.")
    elif study.spread is not None:
        told.append(
            f"Units have {study.spread.denominator_mean:g} in the denominator on average; numerator and denominator "
            f"vary by {study.spread.numerator_deviation:g} and {study.spread.denominator_deviation:g}, correlated by "
            f"{study.spread.correlation:g}."
        )
    elif study.kind is not MetricKind.BINARY:
        told.append(f"Units differ with a standard deviation of {study.standard_deviation:g} in every variant.")
    if study.covariate_correlation:
        told.append(
            f"A covariate correlated by {study.covariate_correlation:g} explains "
            f"{1 - study.unexplained:.0%} of the variance."
        )
    return told


def _family(study: Study) -> list[str]:
    if study.treatments == 1:
        return []
    if study.margin is not None:
        return [f"{study.treatments} treatments are compared with the control, each on its own."]
    return [f"{study.treatments} treatments are compared with the control, each at alpha {study.alpha:.3g}."]
